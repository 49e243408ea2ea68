"""AWS's wire protocols, spoken for all engines from botocore's own service models.

``json`` (1.0 and 1.1) and ``rest-json`` are spoken. The query, ec2 and rest-xml protocols belong to services
MiniStack serves; asking for one here raises.
"""

from local_cloud.protocol.model import HttpRequest, HttpResponse, Protocol, load

__all__ = ["HttpRequest", "HttpResponse", "Protocol", "load"]

"""Errors the gateway itself answers, in the form the client that asked can read."""

import json
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

from local_cloud.protocol import HttpResponse


def denied(headers: dict[str, str], why: str) -> HttpResponse:
    """A request that may not be served."""
    return _page("", headers, 403, "AccessDenied", why)


def too_large(headers: dict[str, str], limit: int) -> HttpResponse:
    """A body over what an API takes."""
    message = f"The request body is larger than {limit} bytes."
    return _page("", headers, 413, "RequestEntityTooLargeException", message)


def unsupported(service: str, headers: dict[str, str], served: list[str]) -> HttpResponse:
    """A service the local cloud does not have."""
    message = (
        f"The local cloud does not serve {service!r}. It serves {', '.join(sorted(served))}; for others set "
        "LOCAL_CLOUD_UPSTREAM to an emulator that does."
    )
    return _page(service, headers, 501, "UnsupportedOperation", message)


def not_durable(service: str, headers: dict[str, str], error: Exception, folder: Path) -> HttpResponse:
    """A change that was made in memory but could not be written; it may or may not be seen later."""
    message = f"The change could not be written to {folder}: {error}. Free disk space there and try again."
    return _page(service, headers, 500, "InternalFailure", message)


def _page(service: str, headers: dict[str, str], status: int, code: str, message: str) -> HttpResponse:
    """JSON, or XML for S3 and for the query protocol; the code is in a header too."""
    request_id = str(uuid.uuid4())
    common = {"x-amzn-ErrorType": code, "x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        body = f"<ErrorResponse><Error>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    elif service.startswith("s3"):
        body = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    else:
        content = json.dumps({"__type": code, "message": message}).encode()
        return HttpResponse(status, common | {"Content-Type": "application/json"}, content)
    return HttpResponse(status, common | {"Content-Type": "text/xml"}, body.encode())

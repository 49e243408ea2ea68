"""Where results go and how S3 shall keep them: the workgroup's settings against the client's.

https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html,
https://docs.aws.amazon.com/athena/latest/APIReference/API_ResultConfiguration.html
"""

import re

from local_cloud.athena.api.base import Shape, invalid
from local_cloud.errors import ServiceError


def checked(given: Shape, account_id: str) -> Shape:
    """A ResultConfiguration that this engine can honour.

    Raises:
        ServiceError: InvalidRequestException, or UnsupportedOperation for client-side encryption.
    """
    location = given.get("OutputLocation")
    if location is not None and not re.match(r"s3://[a-z0-9][a-z0-9.-]+", location):
        raise invalid(f"outputLocation is not a valid S3 path: {location}")
    encryption = given.get("EncryptionConfiguration") or {}
    option = encryption.get("EncryptionOption")
    if option == "CSE_KMS":
        raise ServiceError(
            "UnsupportedOperation",
            "The local cloud's athena does not encrypt results on the client's side (CSE_KMS); use SSE_S3 or SSE_KMS.",
            501,
        )
    if option == "SSE_KMS" and not encryption.get("KmsKey"):
        raise invalid("KmsKey is required for encryption option SSE_KMS")
    if option == "SSE_S3" and encryption.get("KmsKey"):
        raise invalid("KmsKey must not be given with encryption option SSE_S3")
    owner = given.get("ExpectedBucketOwner")
    if owner is not None and owner != account_id:
        raise invalid(
            f"The bucket of {location or 'the results'} does not belong to the expected owner {owner}: every "
            f"bucket here belongs to {account_id}"
        )
    return given


def effective(group: Shape, given: Shape) -> Shape:
    """The ResultConfiguration that counts: the workgroup's where it enforces its own, else the client's first.

    Raises:
        ServiceError: InvalidRequestException where no location is given.
    """
    own = group["ResultConfiguration"]
    enforced = group["EnforceWorkGroupConfiguration"] and own.get("OutputLocation")
    chosen = dict(own) if enforced else {**own, **given}
    if not chosen.get("OutputLocation"):
        raise invalid(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    return chosen


def upload_options(configuration: Shape) -> Shape:
    """PutObject's parameters for a result."""
    options: Shape = {}
    encryption = configuration.get("EncryptionConfiguration") or {}
    if encryption:
        kms = encryption["EncryptionOption"] == "SSE_KMS"
        options["ServerSideEncryption"] = "aws:kms" if kms else "AES256"
        if kms:
            options["SSEKMSKeyId"] = encryption["KmsKey"]
    acl = (configuration.get("AclConfiguration") or {}).get("S3AclOption")
    if acl:
        options["ACL"] = acl.lower().replace("_", "-")
    return options

"""S3 buckets: encrypted, closed to the public, unversioned."""

from local_cloud.provision.site import Site

_ENCRYPTION = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}
_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def ensure_bucket(site: Site, name: str) -> None:
    """The bucket, with SSE-S3 encryption and all public access blocked."""
    s3 = site.client("s3")
    if site.found(lambda: s3.head_bucket(Bucket=name), "404", "NoSuchBucket") is None:
        placed = {} if site.region == "us-east-1" else {"LocationConstraint": site.region}
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": placed} if placed else {}))
        site.tell(f"created bucket {name}")
    found = site.found(
        lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError"
    )
    if found is None or not _encrypts(found["ServerSideEncryptionConfiguration"]):
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_ENCRYPTION)
        site.tell(f"bucket {name}: encryption switched on")
    found = site.found(
        lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration"
    )
    if found is None or found["PublicAccessBlockConfiguration"] != _BLOCKED:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_BLOCKED)
        site.tell(f"bucket {name}: public access blocked")


def ensure_object_events(site: Site, name: str) -> None:
    """The bucket's events go to EventBridge; notifications someone else configured stay."""
    s3 = site.client("s3")
    found = s3.get_bucket_notification_configuration(Bucket=name)
    found.pop("ResponseMetadata", None)
    if "EventBridgeConfiguration" not in found:
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={**found, "EventBridgeConfiguration": {}}
        )
        site.tell(f"bucket {name}: events go to EventBridge")


def _encrypts(configuration: dict[str, object]) -> bool:
    """Any default encryption will do: a key someone chose is not replaced."""
    rules = configuration.get("Rules")
    return isinstance(rules, list) and any("ApplyServerSideEncryptionByDefault" in rule for rule in rules)

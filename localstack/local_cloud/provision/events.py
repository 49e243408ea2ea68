"""From a new object to a message: an EventBridge rule, a queue and its dead-letter queue for each CSV
source.
"""

import json
from typing import Any

from local_cloud.provision.names import Names
from local_cloud.provision.site import OURS, Site, tag_list
from mlops_platform.deployment import CsvSourceContract

_MAX_RECEIVES = 5
_RETENTION_SECONDS = 14 * 24 * 3600  # SQS's longest: a laptop may be closed for a while
_VISIBILITY_SECONDS = 300  # a sensor tick and the run request it records fit in it
_BUS = "default"


def ensure_source_events(site: Site, names: Names, source: str, prefix: str) -> CsvSourceContract:
    """Everything that brings "object created under prefix" to the source's queue."""
    dead_letter_url, dead_letter_arn = _ensure_queue(
        site, names.dead_letter_queue(source), {"MessageRetentionPeriod": str(_RETENTION_SECONDS)}
    )
    rule_arn = _ensure_rule(site, names.rule(source), names.raw_bucket, prefix)
    redrive = json.dumps({"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": _MAX_RECEIVES})
    name = names.queue(source)
    queue_arn = f"arn:aws:sqs:{site.region}:{site.account_id}:{name}"
    queue_url, queue_arn = _ensure_queue(
        site,
        name,
        {
            "MessageRetentionPeriod": str(_RETENTION_SECONDS),
            "VisibilityTimeout": str(_VISIBILITY_SECONDS),
            "RedrivePolicy": redrive,
            "Policy": _policy(queue_arn, rule_arn),
        },
    )
    _ensure_target(site, names.rule(source), queue_arn)
    return CsvSourceContract(
        bucket=names.raw_bucket, prefix=prefix, queue_url=queue_url, dead_letter_queue_url=dead_letter_url
    )


def _ensure_queue(site: Site, name: str, attributes: dict[str, str]) -> tuple[str, str]:
    """The queue's URL and ARN."""
    sqs = site.client("sqs")
    absent = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
    found = site.found(lambda: sqs.get_queue_url(QueueName=name), *absent)
    if found is None:
        url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=OURS)["QueueUrl"]
        site.tell(f"created queue {name}")
    else:
        url = found["QueueUrl"]
    actual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    changed = {k: v for k, v in attributes.items() if _normal(actual.get(k)) != _normal(v)}
    if changed:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
        site.tell(f"queue {name}: set {', '.join(sorted(changed))}")
    return url, actual["QueueArn"]


def _ensure_rule(site: Site, name: str, bucket: str, prefix: str) -> str:
    """The rule's ARN. Its pattern: S3 "Object Created" in the bucket under the prefix."""
    events = site.client("events")
    pattern = json.dumps(
        {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": prefix}]}},
        }
    )
    found = site.found(
        lambda: events.describe_rule(Name=name, EventBusName=_BUS), "ResourceNotFoundException"
    )
    if (
        found is None
        or _normal(found.get("EventPattern")) != _normal(pattern)
        or found.get("State") != "ENABLED"
    ):
        new = {"Tags": tag_list()} if found is None else {}
        events.put_rule(Name=name, EventPattern=pattern, State="ENABLED", EventBusName=_BUS, **new)
        site.tell(f"{'created' if found is None else 'updated'} rule {name} for s3://{bucket}/{prefix}")
        found = events.describe_rule(Name=name, EventBusName=_BUS)
    return str(found["Arn"])


def _ensure_target(site: Site, rule: str, queue_arn: str) -> None:
    events = site.client("events")
    targets = events.list_targets_by_rule(Rule=rule, EventBusName=_BUS)["Targets"]
    if not any(target["Arn"] == queue_arn for target in targets):
        events.put_targets(Rule=rule, EventBusName=_BUS, Targets=[{"Id": "queue", "Arn": queue_arn}])
        site.tell(f"rule {rule}: events go to {queue_arn}")


def _policy(queue_arn: str, rule_arn: str) -> str:
    """EventBridge may send to this queue, for this rule only."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "EventBridgeRule",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                }
            ],
        }
    )


def _normal(value: str | None) -> Any:
    """JSON by its meaning, anything else as text: services write numbers and white space their own way."""
    try:
        return json.loads(value or "null", parse_int=str)
    except ValueError:
        return value

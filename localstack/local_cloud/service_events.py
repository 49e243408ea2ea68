"""Events that AWS services themselves put on EventBridge's default bus (``source`` is ``aws.<service>``).

PutEvents refuses such sources to users, as on AWS. Our engines' requests carry a header with a secret of this
process, by which the gateway knows them.
"""

import contextlib
import contextvars
import functools
import importlib
import secrets
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from local_cloud.cloud import Cloud

HEADER = "x-local-cloud-service"
_SECRET = secrets.token_hex(16)
_from_service: contextvars.ContextVar[bool] = contextvars.ContextVar("from_service", default=False)


def put(cloud: Cloud, entries: list[dict[str, Any]]) -> None:
    """Put up to ten ``PutEvents`` entries on the default bus.

    Raises:
        RuntimeError: the bus refused an entry.
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: the request failed.
    """
    answer = _client(cloud.endpoint_url, cloud.region).put_events(Entries=entries)
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused an event: {answer['Entries']}")


@contextlib.contextmanager
def recognised(headers: Mapping[str, str]) -> Iterator[None]:
    """Inside, a request with these headers may use AWS's sources if an engine of this process sent it."""
    token = _from_service.set(secrets.compare_digest(headers.get(HEADER, ""), _SECRET))
    try:
        yield
    finally:
        _from_service.reset(token)


def install() -> None:
    """Has MiniStack's PutEvents accept AWS's sources from the engines."""
    bus = importlib.import_module("ministack.services.eventbridge")
    put_events = bus._put_events

    @functools.wraps(put_events)
    def told(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        return put_events(data, allow_aws_source=allow_aws_source or _from_service.get())

    vars(bus)["_put_events"] = told


@lru_cache(maxsize=8)
def _client(endpoint_url: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    session: Any = boto3.session.Session("test", "test", region_name=region)
    config = Config(retries={"total_max_attempts": 1})  # whoever puts events tries again by itself
    client = session.client("events", endpoint_url=endpoint_url, config=config)

    def sign(request: Any, **_: object) -> None:
        request.headers[HEADER] = _SECRET

    client.meta.events.register("before-sign.events.PutEvents", sign)
    return client

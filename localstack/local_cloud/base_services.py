"""MiniStack, embedded: the base services (S3, SQS, EventBridge, IAM, ...) in this process.

Every private name of MiniStack we rely on is listed in HOOKS; ``contract_breaches`` tells which of them a new
MiniStack release has taken away.
"""

import contextvars
import importlib
import inspect
import os
from pathlib import Path
from typing import Any

from local_cloud.file_bodies import FileBody
from local_cloud.settings import HOST, Settings

HOOKS = {
    "ministack.app": ("app", "_state_map", "_get_module", "_send_streaming_response", "AUTH"),
    "ministack.core.persistence": ("PERSIST_STATE", "STATE_DIR", "_json_default", "_json_object_hook"),
    "ministack.core.responses": ("AccountScopedDict", "AccountRegionScopedDict", "StreamingResponse"),
    "ministack.services.lambda_svc": ("_execute_function_warm",),
    "ministack.services.eventbridge": ("_put_events", "_rules", "_archives"),
    "ministack.services.sqs": ("_CANONICAL_NETLOC", "_queues"),
    "ministack.services.s3": (
        "DATA_DIR",
        "S3_PERSIST",
        "_buckets",
        "_get_object",
        "_read_body",
        "_object_disk_path",
        "_encoded_key_name",
        "_plain_path_key",
        "_fire_s3_event",
        "_fire_s3_event_async",
        "_next_event_sequencer",
        "_bucket_notifications",
        "_atomic_write",
        "_remove_key_files",
    ),
}
"""Module to the private names used: see the contract tests for what each must do."""


class MiniStackContractError(RuntimeError):
    """The installed MiniStack lacks something the local cloud is built on."""


def environment(settings: Settings) -> dict[str, str]:
    """What MiniStack reads at import: loopback only, no port of its own, all state under the state folder."""
    return {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_REGION": settings.region,
        "MINISTACK_ACCOUNT_ID": settings.account_id,
        # MiniStack must not write or read snapshots of its own: see durability.py.
        "PERSIST_STATE": "0",
        "STATE_DIR": str(settings.dir / "ministack"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(objects_dir(settings)),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # A path that is not there: no Docker socket is searched for or talked to.
        "DOCKER_HOST": f"unix://{settings.dir / 'no-docker.sock'}",
        "AUTH": "false",
        "LOG_LEVEL": os.environ.get("LOCAL_CLOUD_LOG_LEVEL", "WARNING"),
    }


def objects_dir(settings: Settings) -> Path:
    """Where S3's objects lie: ``<account>/<bucket>/<key>``."""
    return settings.dir / "s3"


def load(settings: Settings) -> Any:
    """MiniStack's ASGI app, configured for this state folder.

    Raises:
        MiniStackContractError: the installed release lacks a hook.
    """
    os.environ.update(environment(settings))
    (settings.dir / "ministack").mkdir(parents=True, exist_ok=True)
    objects_dir(settings).mkdir(parents=True, exist_ok=True)
    breaches = contract_breaches()
    if breaches:
        raise MiniStackContractError(
            "The installed MiniStack is not the release the local cloud is built on: "
            + "; ".join(breaches)
            + ". Install the version in constraints.txt."
        )
    _serve_objects_from_disk()
    return importlib.import_module("ministack.app").app


def contract_breaches() -> list[str]:
    """Every hook the installed MiniStack lacks, in words."""
    breaches = []
    for module_name, names in HOOKS.items():
        module = importlib.import_module(module_name)
        breaches += [f"{module_name}.{name} is gone" for name in names if not hasattr(module, name)]
    return breaches


_lazy_body: contextvars.ContextVar[bool] = contextvars.ContextVar("lazy_body", default=False)


def _serve_objects_from_disk() -> None:
    """GetObject streams the object's file instead of reading it whole, ranges included.

    MiniStack still decides everything (headers, preconditions, ranges, versions): only the bytes that
    ``_get_object`` asks of ``_read_body`` become a handle on the open file, which it slices like bytes.
    """
    s3 = importlib.import_module("ministack.services.s3")
    get_object, read_body = s3._get_object, s3._read_body
    if getattr(get_object, "_from_disk", False):
        return

    def lazy_read_body(bucket_name: str, key: str, obj: dict[str, Any]) -> Any:
        if not _lazy_body.get() or obj.get("body") is not None:
            return read_body(bucket_name, key, obj)
        body = FileBody.open(s3._object_disk_path(bucket_name, key))
        # A file of another size is not the object this record describes: left to MiniStack.
        return body if body is not None and len(body) == obj["size"] else read_body(bucket_name, key, obj)

    def lazy_get_object(*args: Any, **kwargs: Any) -> Any:
        token = _lazy_body.set(True)
        try:
            return get_object(*args, **kwargs)
        finally:
            _lazy_body.reset(token)

    lazy_get_object._from_disk = True  # type: ignore[attr-defined]
    lazy_get_object.__signature__ = inspect.signature(get_object)  # type: ignore[attr-defined]
    vars(s3).update(_read_body=lazy_read_body, _get_object=lazy_get_object)

"""The engines we own, and how a request becomes a call of one."""

import importlib
import inspect
import logging
from typing import Any

from botocore import xform_name

from local_cloud import protocol
from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError
from local_cloud.protocol import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

REGISTRY = {
    "glue": "local_cloud.glue:GlueEngine",
    "athena": "local_cloud.athena:AthenaEngine",
    "batch": "local_cloud.batch.engine:BatchEngine",
}
"""Service name (as in the credential scope and botocore) to the engine that serves it."""


def engine_class(service: str) -> type[Any]:
    """The class that serves a registered service."""
    module, _, name = REGISTRY[service].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


def start(cloud: Cloud) -> dict[str, Any]:
    """Builds every registered engine and fills ``cloud.engines``; a broken engine stops the start."""
    for service in REGISTRY:
        cloud.engines[service] = engine_class(service)(cloud)
    return cloud.engines


def stop(engines: dict[str, Any]) -> None:
    """Closes the engines, the last started first. One that fails to close does not keep the others open."""
    for service, engine in reversed(engines.items()):
        try:
            engine.close()
        except Exception:
            log.exception("The %s engine failed to close.", service)


def handle(engine: Any, request: HttpRequest) -> HttpResponse:
    """Parses a request, calls the engine and serialises its answer; every failure becomes an AWS error."""
    spoken = protocol.load(engine.service)
    try:
        operation, params = spoken.parse(request)
        method = _method(engine, operation.name, params)
        return spoken.respond(operation, method(**params) or {})
    except ServiceError as error:
        return spoken.respond_error(error)
    except Exception as error:
        log.exception(
            "%s failed on %s %s", engine.service, request.method, request.headers.get("x-amz-target")
        )
        return spoken.respond_error(
            ServiceError("InternalFailure", f"The local cloud failed: {type(error).__name__}: {error}", 500)
        )


def _method(engine: Any, operation: str, params: dict[str, Any]) -> Any:
    method = getattr(engine, xform_name(operation), None)
    if method is None:
        raise ServiceError(
            "UnsupportedOperation", f"The local cloud does not implement {engine.service}:{operation}.", 501
        )
    accepted = inspect.signature(method).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        refused = sorted(params.keys() - accepted.keys())
        if refused:
            raise ServiceError(
                "UnsupportedOperation",
                f"The local cloud's {engine.service}:{operation} does not support {', '.join(refused)}.",
                501,
            )
    return method

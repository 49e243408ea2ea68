"""One port for all of AWS: each request goes to the service that owns it.

The service is read off the request's signature. Our engines are called in worker threads; base services are
MiniStack's ASGI app in this process, or an external emulator.
"""

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

from local_cloud import __version__, engines, routing, service_events
from local_cloud.deliveries import observed
from local_cloud.durability import EVERYTHING, S3_EVENT_TOUCHES, TOUCHES, Checkpointer
from local_cloud.error_pages import denied, not_durable, too_large, unsupported
from local_cloud.errors import ServiceError
from local_cloud.protocol import HttpRequest, HttpResponse
from local_cloud.settings import Settings

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH_PATH = "/_local_cloud/health"
CONTROL_PATH = "/_local_cloud/control/"
"""POST <CONTROL_PATH><service>/<command>/<argument>: what an engine can do and AWS cannot (``Engine.control``)."""
ENGINE_THREADS = 256
"""Engines call each other through the gateway; a small pool would have callers wait for their own slots."""
MAX_ENGINE_BODY = 16 << 20
"""Bytes of an engine request; AWS's own limits are lower."""


class Gateway:
    """The ASGI application.

    Args:
        settings: where this local cloud lives.
        running: the started engines by service name.
        base: the base services' ASGI app (MiniStack, or a proxy to an emulator).
        checkpointer: makes MiniStack's state durable; None when an external emulator serves.
        details: further members of the health document, asked each time.
    """

    def __init__(
        self,
        settings: Settings,
        running: dict[str, Any],
        base: App,
        checkpointer: Checkpointer | None,
        details: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._settings = settings
        self._engines = running
        self._base = base
        self._checkpointer = checkpointer
        self._details = details
        self._started = time.time()
        self._threads = ThreadPoolExecutor(ENGINE_THREADS, thread_name_prefix="engine")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection's request, as ASGI asks."""
        if scope["type"] != "http":
            await self._base(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        refused = routing.refusal(headers, path)
        if refused:
            await respond(send, denied(headers, refused))
        elif path == HEALTH_PATH:
            await respond(send, HttpResponse(200, {"Content-Type": "application/json"}, self._health()))
        elif path.startswith(CONTROL_PATH) and scope["method"] == "POST":
            loop = asyncio.get_running_loop()
            await respond(send, await loop.run_in_executor(self._threads, self._control, path))
        else:
            await self._route(routing.signed_service(headers, query), scope, headers, receive, send)

    async def _route(
        self, service: str | None, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        engine = self._engines.get(service or "")
        if engine is not None:
            await self._serve_engine(engine, scope, headers, receive, send)
        elif self._checkpointer is None:
            await self._base(scope, receive, send)
        elif service is not None and service not in routing.BASE_SERVICES:
            await respond(send, unsupported(service, headers, [*self._engines, *routing.BASE_SERVICES]))
        else:
            await self._serve_base(service or "s3", scope, headers, receive, send)

    async def _serve_engine(
        self, engine: Any, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        body = await read_body(receive, MAX_ENGINE_BODY)
        if body is None:
            await respond(send, too_large(headers, MAX_ENGINE_BODY))
            return
        request = HttpRequest(
            method=scope["method"],
            path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )
        loop = asyncio.get_running_loop()
        await respond(send, await loop.run_in_executor(self._threads, engines.handle, engine, request))

    async def _serve_base(
        self, service: str, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        """MiniStack's answer, held back until what it changed is on disk."""
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if not action and "x-www-form-urlencoded" in headers.get("content-type", "") and service != "s3":
            body = await read_body(receive, MAX_ENGINE_BODY)
            if body is None:
                await respond(send, too_large(headers, MAX_ENGINE_BODY))
                return
            action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
            receive = replay(body)
        if scope["method"] in ("GET", "HEAD") and not action:
            await self._base(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        touched = TOUCHES.get(service, EVERYTHING)
        if not routing.mutates(service, scope["method"], scope["path"], query, action):
            touched = frozenset()
        if not touched and service != "s3":
            await self._base(scope, receive, send)  # nothing to wait for; it may stream without end
            return
        held: list[dict[str, Any]] = []

        async def hold(message: dict[str, Any]) -> None:
            held.append(message)

        with observed() as (deliveries, failures), service_events.recognised(headers):
            await self._base(scope, receive, hold)
            if deliveries:
                await asyncio.wait([asyncio.wrap_future(delivery) for delivery in deliveries])
                touched |= S3_EVENT_TOUCHES
        if held and held[0]["status"] < 400:
            try:
                if failures:
                    raise failures[0]
                if touched and self._checkpointer is not None:
                    await self._checkpointer.commit(touched)
            except (OSError, sqlite3.Error) as error:
                log.exception("The answer to a %s request could not be made durable.", service)
                await respond(send, not_durable(service, headers, error, self._settings.dir))
                return
        for message in held:
            await send(message)

    def _control(self, path: str) -> HttpResponse:
        service, command, argument = [*path.removeprefix(CONTROL_PATH).split("/", 2), "", ""][:3]
        control = getattr(self._engines.get(service), "control", None)
        try:
            if control is None:
                raise LookupError(f"There is nothing to control of {service or 'no service'}.")
            status, answer = 200, control(command, argument)
        except LookupError as error:
            status, answer = 404, {"message": str(error.args[0])}
        except ServiceError as error:
            status, answer = error.status, {"message": error.message}
        return HttpResponse(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _health(self) -> bytes:
        base = "running" if self._checkpointer else f"proxied to {self._settings.upstream}"
        document = {
            "status": "ok",
            "services": dict.fromkeys(self._engines, "running")
            | dict.fromkeys(sorted(routing.BASE_SERVICES), base),
            "pid": os.getpid(),
            "dir": str(self._settings.dir),
            "version": __version__,
            "started": self._started,
            **self._details(),
        }
        return json.dumps(document).encode()

    def close(self) -> None:
        """Waits for running engine calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def respond(send: Send, response: HttpResponse) -> None:
    """Sends a whole response."""
    headers = response.headers | {"Content-Length": str(len(response.body))}
    encoded = [
        (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()
    ]
    with contextlib.suppress(ConnectionError):
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole request body, or None when it is over ``limit`` bytes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("The client left before it had sent its request.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


def replay(body: bytes) -> Receive:
    """A receive channel that yields a body already read."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        return {"type": "http.disconnect"}

    return receive

"""The base services of an external emulator: requests pass through unchanged, bodies stream both ways."""

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

import h11

log = logging.getLogger(__name__)

READ_SIZE = 1 << 18
IDLE_CONNECTIONS = 64
CONNECT_SECONDS = 5.0
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"te", b"trailer"}
)
"""Headers that belong to one connection (RFC 9110, 7.6.1). Host stays: it is part of the signature."""


class Proxy:
    """An ASGI app that forwards to ``upstream`` (scheme and host)."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = upstream
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._idle: list[_Connection] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Forwards one request; an upstream that cannot be reached answers 502 and says so."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not forwarded to {self._upstream}.")
        progress = _Progress(send)
        try:
            await self._forward(scope, receive, progress)
        except (OSError, h11.ProtocolError, TimeoutError) as error:
            if progress.started:
                raise  # half an answer is out: the server closes the connection, the client notices
            log.warning("The emulator at %s failed: %s", self._upstream, error)
            message = (
                f"The emulator at {self._upstream} (LOCAL_CLOUD_UPSTREAM) cannot be reached: {error}. "
                "Start it, or unset the variable to use the embedded services."
            )
            body = message.encode()
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 502, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _forward(self, scope: dict[str, Any], receive: Any, progress: "_Progress") -> None:
        connection = await self._connection()
        try:
            upload = asyncio.create_task(self._upload(scope, receive, connection))
            try:
                await self._download(connection, progress)
                await upload
            finally:
                upload.cancel()
        except BaseException:
            connection.close()
            raise
        self._keep(connection)

    async def _upload(self, scope: dict[str, Any], receive: Any, connection: "_Connection") -> None:
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in HOP_BY_HOP]
        names = {name.lower() for name, _ in headers}
        # hypercorn has answered "100-continue" itself once the body is read
        headers = [(name, value) for name, value in headers if name.lower() != b"expect"]
        if b"content-length" not in names and _has_chunked_body(scope):
            headers.append((b"transfer-encoding", b"chunked"))
        target = scope.get("raw_path") or scope["path"].encode()
        if scope["query_string"] and b"?" not in target:
            target += b"?" + scope["query_string"]
        await connection.send(h11.Request(method=scope["method"], target=target, headers=headers))
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("The client left.")
            if message.get("body"):
                await connection.send(h11.Data(data=message["body"]))
            if not message.get("more_body", False):
                break
        await connection.send(h11.EndOfMessage())

    async def _download(self, connection: "_Connection", progress: "_Progress") -> None:
        while True:
            event = await connection.next_event()
            if isinstance(event, h11.Response):
                headers = [(name, value) for name, value in event.headers if name not in HOP_BY_HOP]
                await progress.send(
                    {"type": "http.response.start", "status": event.status_code, "headers": headers}
                )
            elif isinstance(event, h11.Data):
                await progress.send(
                    {"type": "http.response.body", "body": bytes(event.data), "more_body": True}
                )
            elif isinstance(event, h11.EndOfMessage):
                await progress.send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("The emulator closed the connection.")

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()
        opening = asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
        return _Connection(*await asyncio.wait_for(opening, CONNECT_SECONDS))

    def _keep(self, connection: "_Connection") -> None:
        if connection.recycle() and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()


class _Connection:
    """One HTTP/1.1 connection to the emulator."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(our_role=h11.CLIENT)

    async def send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def next_event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(READ_SIZE))

    def recycle(self) -> bool:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    def usable(self) -> bool:
        return not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        self._writer.close()


class _Progress:
    def __init__(self, send: Any) -> None:
        self._send = send
        self.started = False

    async def send(self, message: dict[str, Any]) -> None:
        self.started = True
        await self._send(message)


def _has_chunked_body(scope: dict[str, Any]) -> bool:
    return any(name.lower() == b"transfer-encoding" for name, _ in scope["headers"])


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

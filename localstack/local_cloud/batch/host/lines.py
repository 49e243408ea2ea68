"""JSON lines over a non-blocking socket."""

import json
import socket
from typing import Any

_READ_BYTES = 1 << 18


class Lines:
    """One end of a connection: messages in whole lines, writes buffered until the peer takes them."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._incoming = bytearray()
        self._outgoing = bytearray()

    def fileno(self) -> int:
        """For selectors."""
        return self.socket.fileno()

    @property
    def waiting(self) -> int:
        """Bytes not yet taken by the peer."""
        return len(self._outgoing)

    def send(self, message: Any) -> None:
        """Queue a message; ``flush`` sends it."""
        self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def flush(self) -> None:
        """Send what the peer takes now.

        Raises:
            OSError: the peer is gone.
        """
        while self._outgoing:
            try:
                sent = self.socket.send(self._outgoing)
            except BlockingIOError:
                return
            del self._outgoing[:sent]

    def receive(self) -> list[Any] | None:
        """The messages that have arrived whole; None when the peer has closed."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        if not data:
            return None
        self._incoming += data
        end = self._incoming.rfind(b"\n") + 1
        whole, self._incoming = self._incoming[:end], self._incoming[end:]
        return [json.loads(line) for line in whole.splitlines()]

"""Response bodies that stream from an open file."""

import asyncio
import os
from pathlib import Path
from typing import Any, Self

from ministack.core.responses import StreamingResponse

CHUNK = 1 << 20
"""Bytes read at a time."""


class FileBody(StreamingResponse):  # type: ignore[misc] # MiniStack has no types
    """A slice of an open file that behaves as the ``bytes`` MiniStack would have read.

    The file is opened at once, so a later overwrite (a rename) does not change what is sent.
    """

    __slots__ = ("_file", "_length", "_offset")

    def __init__(self, file: "_File", offset: int, length: int) -> None:
        super().__init__(self._send)
        self._file = file
        self._offset = offset
        self._length = length

    @classmethod
    def open(cls, path: str | Path | None) -> Self | None:
        """The whole file, or None when there is none."""
        if path is None:
            return None
        try:
            file = _File(path)
        except OSError:
            return None
        return cls(file, 0, os.fstat(file.fd).st_size)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> "FileBody":
        start, stop, step = part.indices(self._length)
        if step != 1:
            raise ValueError("A response body is sent in one direction.")
        return FileBody(self._file, self._offset + start, max(stop - start, 0))

    async def _send(self, send: Any, _receive: Any) -> None:
        offset, left = self._offset, self._length
        while left > CHUNK:
            data = await asyncio.to_thread(os.pread, self._file.fd, CHUNK, offset)
            if not data:
                raise OSError("The object's file became shorter while it was sent.")
            offset, left = offset + len(data), left - len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        data = os.pread(self._file.fd, left, offset)
        if len(data) != left:
            raise OSError("The object's file became shorter while it was sent.")
        await send({"type": "http.response.body", "body": data, "more_body": False})


class _File:
    """A descriptor closed when the last slice of it is gone."""

    def __init__(self, path: str | Path) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)

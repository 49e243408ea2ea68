"""``DynamicFrameCollection``: frames by name."""

from collections.abc import Callable, Iterator
from typing import Any


class DynamicFrameCollection:
    """What ``split_rows``, ``split_fields`` and ``relationalize`` return."""

    def __init__(self, dynamic_frames: dict[str, Any], glue_ctx: Any = None) -> None:
        self._frames, self._glue_ctx = dict(dynamic_frames), glue_ctx

    def select(self, key: str, default: Any = None) -> Any:
        """The frame of that name."""
        return self._frames.get(key, default)

    def keys(self) -> list[str]:
        """The names."""
        return list(self._frames)

    def values(self) -> list[Any]:
        """The frames."""
        return list(self._frames.values())

    def items(self) -> list[tuple[str, Any]]:
        """Names and frames."""
        return list(self._frames.items())

    def map(self, callable: Callable[..., Any], transformation_ctx: str = "") -> "DynamicFrameCollection":
        """``callable(frame, transformation_ctx)`` of each frame."""
        changed = {key: callable(frame, f"{transformation_ctx}{key}") for key, frame in self._frames.items()}
        return DynamicFrameCollection(changed, self._glue_ctx)

    def __getitem__(self, key: str) -> Any:
        return self._frames[key]

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

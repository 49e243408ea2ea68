"""The transforms as classes, ``ApplyMapping.apply(frame=..., mappings=...)``."""
# ruff: noqa: ARG001 (AWS's own signatures)

from typing import Any

from awsglue.dynamicframe import DynamicFrame

_CONTEXT = ("transformation_ctx", "info", "stageThreshold", "totalThreshold")


def _transform(name: str, method: str) -> type:
    def apply(cls: type, frame: DynamicFrame, *args: Any, **options: Any) -> DynamicFrame:
        given = {key: value for key, value in options.items() if key not in _CONTEXT}
        return getattr(frame, method)(*args, **given)

    return type(name, (), {"apply": classmethod(apply), "__doc__": f"``DynamicFrame.{method}``."})


ApplyMapping = _transform("ApplyMapping", "apply_mapping")
SelectFields = _transform("SelectFields", "select_fields")
DropFields = _transform("DropFields", "drop_fields")
RenameField = _transform("RenameField", "rename_field")
ResolveChoice = _transform("ResolveChoice", "resolveChoice")
DropNullFields = _transform("DropNullFields", "drop_nulls")
Filter = _transform("Filter", "filter")
Map = _transform("Map", "map")


SplitFields = _transform("SplitFields", "split_fields")
SplitRows = _transform("SplitRows", "split_rows")
Unbox = _transform("Unbox", "unbox")
UnnestFrame = _transform("UnnestFrame", "unnest")


class Relationalize:
    """``Relationalize.apply(frame, staging_path, name)``."""

    @classmethod
    def apply(
        cls, frame: DynamicFrame, staging_path: str, name: str = "roottable", options: Any = None, **_: Any
    ) -> Any:
        """Flat tables of a nested frame."""
        if options:
            raise NotImplementedError("Relationalize options are not supported by the local cloud.")
        return frame.relationalize(name, staging_path)


class SelectFromCollection:
    """``SelectFromCollection.apply(dfc, key)``."""

    @classmethod
    def apply(cls, dfc: Any, key: str, **_: Any) -> DynamicFrame:
        """One frame of a collection."""
        return dfc[key]


class Join:
    """``Join.apply(frame1, frame2, keys1, keys2)``."""

    @classmethod
    def apply(
        cls, frame1: DynamicFrame, frame2: DynamicFrame, keys1: list[str], keys2: list[str], **_: Any
    ) -> DynamicFrame:
        """Inner join on equal columns."""
        return frame1.join(keys1, keys2, frame2)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"awsglue.transforms.{name} is not supported by the local cloud.")


__all__ = [
    "ApplyMapping",
    "DropFields",
    "DropNullFields",
    "Filter",
    "Join",
    "Map",
    "Relationalize",
    "RenameField",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "UnnestFrame",
]

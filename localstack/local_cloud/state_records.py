"""MiniStack's control-plane state as small records, so that a change writes only what changed.

A service's ``get_state()`` is a dict of stores. A store scoped by account and region becomes one record per
key; three kinds that grow without bound are split further, or recognised as unchanged without being
serialised: SQS messages, log events, Step Functions executions.
"""

import ast
import copy
import importlib
import json
import types
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

COPYING_MODULES = frozenset({"lambda_svc", "kms"})
"""Modules whose get_state() edits the copies it makes; of all others the live state is read, uncopied."""


class Record(NamedTuple):
    """One piece of state.

    Attributes:
        name: where it belongs, unique within the service.
        fingerprint: equal fingerprints mean equal values; None means only the value itself tells.
        value: makes the JSON-ready value; called only when it may have changed.
    """

    name: str
    fingerprint: Any
    value: Callable[[], Any]


def live_state(module: types.ModuleType) -> dict[str, Any] | None:
    """A module's ``get_state()``, without the deep copies it makes of everything.

    The function is re-created over a copy of its globals in which ``copy`` copies nothing; other threads
    that use the module's own ``copy`` are not affected.
    """
    get_state = module.get_state
    if module.__name__.rpartition(".")[2] in COPYING_MODULES:
        state = get_state()
    else:
        uncopied = types.SimpleNamespace(**vars(copy) | {"deepcopy": lambda value: value})
        state = types.FunctionType(get_state.__code__, {**get_state.__globals__, "copy": uncopied})()
    return state if state is None else dict(state)


def records(service: str, state: dict[str, Any]) -> Iterator[Record]:
    """A service's state as records."""
    for store, content in state.items():
        kind = _kind(content)
        if kind == "plain":
            yield Record(_name(store, kind), None, _value(content))
            continue
        for scoped_key, value in list(content._data.items()):
            name = _name(store, kind, scoped_key)
            split = _SPLITS.get((service, store))
            if split is None:
                yield Record(name, None, _value(value))
            else:
                yield from split(name, value)


def encode(value: Any) -> str:
    """A record's value as JSON, with MiniStack's own encoding of scoped stores and bytes."""
    return _encoder().encode(value)


@cache
def _encoder() -> json.JSONEncoder:
    default = importlib.import_module("ministack.core.persistence")._json_default
    return json.JSONEncoder(default=default, ensure_ascii=False, separators=(",", ":"))


def rebuild(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """The state dict that records came from, fit for ``load_persisted_state``. Rows are ordered by name."""
    hook = importlib.import_module("ministack.core.persistence")._json_object_hook
    responses = importlib.import_module("ministack.core.responses")
    state: dict[str, Any] = {}
    for name, text in rows:
        store, kind, key, *inner = json.loads(name)
        value = json.loads(text, object_hook=hook)
        if kind == "plain":
            state[store] = value
            continue
        if store not in state:
            scoped = responses.AccountRegionScopedDict if kind == "region" else responses.AccountScopedDict
            state[store] = scoped()
        if inner:
            _JOINS[inner[0]](state[store]._data[ast.literal_eval(key)], inner, value)
        else:
            state[store]._data[ast.literal_eval(key)] = value
    return state


def _kind(content: Any) -> str:
    return {"AccountRegionScopedDict": "region", "AccountScopedDict": "account"}.get(
        type(content).__name__, "plain"
    )


@lru_cache(maxsize=1 << 16)
def _name(store: str, kind: str, scoped_key: Any = None, *inner: Any) -> str:
    return json.dumps([store, kind, repr(scoped_key) if scoped_key is not None else "", *inner])


def _value(value: Any) -> Callable[[], Any]:
    return lambda: value


def _emptied(value: dict[str, Any], key: str, empty: Any) -> Callable[[], Any]:
    return lambda: {**value, key: empty}


def _extend(name: str, *inner: Any) -> str:
    return f"{name[:-1]}, {json.dumps(inner)[1:]}"


# SQS: a queue without its messages, then the messages in packs. A message's ordinal keeps it in its pack, so
# deleting those before it does not move it.

PACK = 32
"""Messages a record holds at most."""

_ORDINAL = "~ordinal"
_next_ordinal = 0


def _split_queue(name: str, queue: dict[str, Any]) -> Iterator[Record]:
    yield Record(name, None, _emptied(queue, "messages", []))
    packs: dict[int, list[dict[str, Any]]] = {}
    for message in list(queue["messages"]):
        packs.setdefault(_ordinal(message) // PACK, []).append(message)
    for number, pack in packs.items():
        changing = [(m[_ORDINAL], m["receipt_handle"], m["visible_at"], m["receive_count"]) for m in pack]
        yield Record(_extend(name, "messages", f"{number:016x}"), changing, _value(pack))


def _ordinal(message: dict[str, Any]) -> int:
    global _next_ordinal  # noqa: PLW0603 - one numbering of all messages of the process
    ordinal = message.get(_ORDINAL)
    if ordinal is None:
        ordinal = message[_ORDINAL] = _next_ordinal
    if ordinal >= _next_ordinal:
        _next_ordinal = ordinal + 1
    return int(ordinal)


def _join_messages(queue: dict[str, Any], _inner: list[Any], pack: list[dict[str, Any]]) -> None:
    queue["messages"] += pack
    for message in pack:
        _ordinal(message)


# CloudWatch Logs: a group without streams, a stream without events, and its events in runs of RUN.

RUN = 200
"""Log events a record holds."""


def _split_log_group(name: str, group: dict[str, Any]) -> Iterator[Record]:
    yield Record(name, None, _emptied(group, "streams", {}))
    for stream_name, stream in list(group["streams"].items()):
        events = stream["events"]
        yield Record(
            _extend(name, "stream", stream_name),
            None,
            _emptied(stream, "events", []),
        )
        for start in range(0, len(events), RUN):
            run = events[start : start + RUN]
            yield Record(
                _extend(name, "stream-events", stream_name, f"{start:012d}"),
                (_Same(run[0]), _Same(run[-1]), len(run)),
                _value(run),
            )


class _Same:
    """Equal to another only when both hold the very same object (log events are never edited)."""

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)


def _join_stream(group: dict[str, Any], inner: list[Any], value: dict[str, Any]) -> None:
    group["streams"][inner[1]] = value


def _join_stream_events(group: dict[str, Any], inner: list[Any], value: list[Any]) -> None:
    group["streams"][inner[1]]["events"].extend(value)


# Step Functions: an execution changes only by gaining history or a status.


def _split_execution(name: str, execution: dict[str, Any]) -> Iterator[Record]:
    fingerprint = (execution.get("status"), len(execution.get("events", ())), execution.get("redriveCount"))
    yield Record(name, fingerprint, lambda: execution)


_SPLITS: dict[tuple[str, str], Callable[[str, Any], Iterator[Record]]] = {
    ("sqs", "queues"): _split_queue,
    ("cloudwatch_logs", "log_groups"): _split_log_group,
    ("stepfunctions", "executions"): _split_execution,
}
_JOINS: dict[str, Callable[[dict[str, Any], list[Any], Any], None]] = {
    "messages": _join_messages,
    "stream": _join_stream,
    "stream-events": _join_stream_events,
}

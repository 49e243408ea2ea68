"""What becomes of each message: log lines and metrics are shown at once, results wait for the job's end."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterEvent, PipesMessageHandler
from dagster_pipes import PipesException, PipesMessage

from mlops_platform.pipes.results import Results
from mlops_platform.pipes.s3_messages import STOCK, Source

Context = dg.OpExecutionContext | dg.AssetExecutionContext
CAPABILITY = "platform_pipes"
RESULTS = ("report_asset_materialization", "report_asset_check")


class Live:
    """Shows messages in a step.

    Args:
        array: the job is an array: what a child says carries its index.
        keys: what each child works on, by index; empty where the caller named nothing.
    """

    def __init__(self, context: Context, *, array: bool, keys: Sequence[str]) -> None:
        self._context, self._array, self._keys = context, array, keys
        self._handler: PipesMessageHandler | None = None
        self._opened: set[Source] = set()
        self._closed: dict[Source, Any] = {}
        self.results = Results()
        self.finds_index = False
        """Whether a child said that it looks its index up, so that it can be retried in a smaller array."""

    def start(self, handler: PipesMessageHandler) -> None:
        """From here on messages may come."""
        self._handler = handler

    @property
    def handler(self) -> PipesMessageHandler:
        """Dagster's handler. Raises RuntimeError: no session is open."""
        if self._handler is None:
            raise RuntimeError("There is no Pipes session.")
        return self._handler

    def deliver(self, source: Source, message: PipesMessage, shown: bool) -> None:
        """One message. ``shown``: an earlier try of this step has shown it; only results count then."""
        method, params = message["method"], message["params"] or {}
        if method in RESULTS:
            self.results.add(source, message)
        elif method == "closed":
            self._close(source, params, shown)
        elif method == "opened":
            self._open(source, message)
        elif method == "report_custom_message":
            self.handler.handle_message(message)
            payload = params.get("payload")
            if not shown and isinstance(payload, dict) and isinstance(payload.get("metrics"), dict):
                self.observe(source, payload["metrics"])
        elif not shown:
            self.handler.handle_message(self._labelled(source, message))

    def observe(self, source: Source, metrics: Mapping[str, Any]) -> None:
        """Numbers as an observation of the step's assets, visible at once; as a log line where there is no asset."""
        key = self._partition(source)
        suffix = f"[{source.index}]" if self._array and key is None else ""
        metadata = {f"{name}{suffix}": _metadata(value) for name, value in metrics.items()}
        if not self._context.has_assets_def:
            text = ", ".join(f"{name}: {value.value}" for name, value in metadata.items())
            self._context.log.info(self._label(source) + text)
            return
        if key is None and self._context.has_partition_key:
            key = self._context.partition_key
        step = self._context.get_step_execution_context()
        for asset_key in sorted(self._context.selected_asset_keys):
            # context.log_event would keep it until the op yields; this is in the event log on return.
            DagsterEvent.asset_observation(
                step, dg.AssetObservation(asset_key=asset_key, metadata=metadata, partition=key)
            )

    def finish(self) -> None:
        """The job is over: hand Dagster the results, and ``closed`` if the last attempt of every child closed."""
        for message in self.results.merged(self._context, self._array, self._keys):
            self.handler.handle_message(message)
        last = {source.index: source for source in sorted(self._opened)}
        if last and all(source in self._closed for source in last.values()):
            params = next(iter(self._closed.values())) if len(self._closed) == 1 and not self._array else {}
            self.handler.handle_message(_message("closed", params))

    def _open(self, source: Source, message: PipesMessage) -> None:
        extras = (message["params"] or {}).get("extras") or {}
        self.finds_index = self.finds_index or CAPABILITY in extras
        self._opened.add(source)
        self.handler.handle_message(message)

    def _close(self, source: Source, params: Mapping[str, Any], shown: bool) -> None:
        """Kept to the end: the handler takes every message after ``closed`` for a mistake, and more may come."""
        self._closed[source] = params
        if "exception" in params and not shown:
            self._context.log.error(
                f"[pipes] {self._who(source)} ended with an exception.\n{_text(params['exception'])}"
            )

    def _labelled(self, source: Source, message: PipesMessage) -> PipesMessage:
        params = message["params"] or {}
        label = self._label(source)
        if message["method"] != "log" or not label:
            return message
        return _message("log", {**params, "message": label + params["message"]})

    def _label(self, source: Source) -> str:
        again = f" attempt {source.attempt}" if source.attempt > 1 else ""
        if self._array:
            return f"[{self._name(source)}{again}] "
        return f"[{again.strip()}] " if again else ""

    def _who(self, source: Source) -> str:
        attempt = "The job" if source.attempt == STOCK else f"Attempt {source.attempt}"
        return f"{attempt} of child {self._name(source)}" if self._array else attempt

    def _name(self, source: Source) -> str:
        key = self._keys[source.index] if source.index < len(self._keys) else None
        return f"{source.index}" if key is None else f"{source.index} {key}"

    def _partition(self, source: Source) -> str | None:
        """The partition that a child of a job over a range of partitions works on."""
        if not self._context.has_assets_def or source.index >= len(self._keys):
            return None
        if not (self._context.has_partition_key or self._context.has_partition_key_range):
            return None
        key = self._keys[source.index]
        return key if key in self._context.partition_keys else None


def _metadata(value: Any) -> dg.MetadataValue[Any]:
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float) and math.isfinite(value):
        return dg.MetadataValue.float(value)
    return dg.MetadataValue.text(str(value))  # the UI's JSON knows no NaN


def _text(exception: PipesException) -> str:
    return "".join([*exception["stack"], exception["message"]]).rstrip()


def _message(method: str, params: Mapping[str, Any]) -> PipesMessage:
    return {"__dagster_pipes_version": "0.1", "method": method, "params": params}

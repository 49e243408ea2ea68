# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""One statement being run: what its handlers use, and the plain query."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from local_cloud.athena import connections, results
from local_cloud.athena.catalog import Catalog
from local_cloud.athena.compiled import Bound, Compiled, bind, compile_query
from local_cloud.athena.errors import QueryError, from_duckdb
from local_cloud.athena.executor import Cancelled, Executor, Job
from local_cloud.athena.outcome import Outcome
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.undo import Undo
from local_cloud.cloud import Cloud

Shape = dict[str, Any]


class BytesLimit(Exception):
    """The workgroup's limit on scanned bytes; ``bytes``: what the query would scan."""

    def __init__(self, scanned: int) -> None:
        super().__init__(scanned)
        self.bytes = scanned


class Run:
    """The surroundings of one statement.

    ``output``: where its result goes, without extension; ``cutoff``: the workgroup's limit on scanned bytes;
    ``undo``: what must be taken back if it does not succeed; ``upload_options``: of S3, for what it writes.
    """

    def __init__(
        self, cloud: Cloud, executor: Executor, job: Job, *, database: str, output: str, cutoff: int | None,
        parameters: list[str], prepared: Any = None, undo: Undo, upload_options: Shape | None = None,
    ) -> None:  # fmt: skip
        self.cloud, self.executor, self.job = cloud, executor, job
        self.database, self.output, self.cutoff, self.parameters = (
            database.lower(),
            output,
            cutoff,
            parameters,
        )
        self.glue = cloud.engines["glue"]
        self.objects = cloud.objects
        self.catalog = Catalog(self.glue, cloud.engines["athena"].pending.seen())
        self.prepared = prepared
        self.undo = undo
        self.upload_options = upload_options or {}
        self.folder = executor.temp / job.id
        self.bytes = 0
        self.planning_ms = 0

    @property
    def s3(self) -> Any:
        return self.cloud.client("s3")

    @contextmanager
    def bound(self, sql: str, *, reading: bool = False) -> Iterator[Bound]:
        """A query bound to a connection that a stop interrupts; DuckDB's errors become Athena's.

        ``reading``: its rows are only written below this run's folder, so that a kept DuckDB may run it.

        Raises:
            QueryError, Cancelled, BytesLimit.
        """
        import duckdb

        started = time.monotonic()
        compiled = compile_query(self.catalog, sql, self.database, self.parameters)
        self.job.check()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with ExitStack() as stack:
                bound = self._bind(compiled, stack, kept=reading and compiled.only_parquet)
                self.bytes = self.job.scanned = bound.bytes
                self.planning_ms = int((time.monotonic() - started) * 1000)
                if self.cutoff is not None and bound.bytes > self.cutoff:
                    raise BytesLimit(bound.bytes)
                yield bound
        except duckdb.Error as error:
            if self.job.cancelled:
                raise Cancelled from error
            raise from_duckdb(error) from error
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _bind(self, compiled: Compiled, stack: ExitStack, *, kept: bool) -> Bound:
        """``compiled`` on a connection that ``stack`` takes back."""
        instances = self.executor.instances
        connection = stack.enter_context(instances.lent(self.objects.root) if kept else self._own())
        stack.callback(self.job.detach)
        self.job.attach(connection)
        bound = bind(compiled, self.catalog, self.objects, connection)
        if kept and not bound.paths:  # a query over constants alone needs settings of its own
            return self._bind(compiled, stack, kept=False)
        bound.kept = kept
        return bound

    @contextmanager
    def _own(self) -> Iterator[Any]:
        """A DuckDB for this statement alone, its doors still open."""
        connection = connections.connect(
            self.folder / "spill", self.executor.memory_mb, self.executor.threads, self.executor.spill_mb()
        )
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str) -> Outcome:
        """A SELECT: its rows as CSV at ``<output>.csv``."""
        with self.bound(sql, reading=True) as bound:
            file = self.folder / "result.csv"
            shown = [results.rendered(f, "q") for f in bound.fields]
            bound.lock(*shown, paths=[str(file)], describe=False)
            names = [str(f.name) for f in bound.fields]
            unique = len({n.lower() for n in names}) == len(names)
            columns = ", ".join(
                f"{text} AS {identifier(n if unique else f'c{i}')}"
                for i, (text, n) in enumerate(zip(shown, names, strict=True))
            )
            rows = bound.connection.execute(
                f"COPY (SELECT {columns} FROM ({bound.sql}) AS q WHERE {bound.types_hold('q')}) TO {quote(str(file))} "
                f"(FORMAT csv, HEADER {str(unique).lower()}, FORCE_QUOTE *, NULLSTR '')"
            ).fetchone()[0]
            self.job.check()
            if not unique:
                file = _with_header(file, names)
            columns_ = [results.column_info(n, f.type) for n, f in zip(names, bound.fields, strict=True)]
            metadata = results.metadata_text(columns_)
            results.put_text(self.s3, metadata, f"{self.output}.csv.metadata", self.upload_options)
            results.upload(self.s3, file, f"{self.output}.csv", self.upload_options)
            return Outcome(
                columns_, None, bound.bytes, None, statistics={"rows": rows, "bytes": file.stat().st_size}
            )


def _with_header(file: Path, names: list[str]) -> Path:
    """The same file with a header of names that repeat."""
    whole = file.with_suffix(".whole")
    with whole.open("wb") as out, file.open("rb") as body:
        out.write((",".join('"' + n.replace('"', '""') + '"' for n in names) + "\n").encode())
        shutil.copyfileobj(body, out)
    return whole


_WITH_PARAMETERS = ("insert", "unload", "create_table_as", "delete", "update", "merge")


def dispatch(run: Run, handler: str, sql: str) -> Outcome:
    """Runs a statement's handler.

    Raises:
        QueryError, Cancelled, BytesLimit.
    """
    from local_cloud.athena import writes
    from local_cloud.athena.ddl import alter, definitions, prepared, show, views
    from local_cloud.athena.explain import explain
    from local_cloud.athena.iceberg import changes

    handlers = {
        "create_view": views.create_view, "drop_view": views.drop_view, "create_table": definitions.create_table,
        "drop_table": definitions.drop_table, "create_database": definitions.create_database,
        "drop_database": definitions.drop_database, "alter_table": alter.alter_table,
        "alter_database": definitions.alter_database, "msck": definitions.msck,
        "show_databases": show.show_databases, "show_tables": show.show_tables, "show_views": show.show_views,
        "show_columns": show.show_columns, "show_partitions": show.show_partitions, "show_create": show.show_create,
        "show_properties": show.show_properties, "describe": show.describe, "prepare": prepared.prepare,
        "deallocate": prepared.deallocate, "create_table_as": writes.create_table_as, "insert": writes.insert,
        "unload": writes.unload, "delete": changes.delete, "update": changes.update, "merge": changes.merge,
        "optimize": changes.refused, "vacuum": changes.refused,
    }  # fmt: skip
    if handler == "query":
        return run.query(sql)
    if handler == "explain":
        return explain(run, sql)
    if run.parameters and handler not in _WITH_PARAMETERS:
        raise QueryError("INVALID_PARAMETER_USAGE", "Execution parameters are not allowed in this statement")
    return handlers[handler](run, sql)

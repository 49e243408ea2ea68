"""The reference page, read off the code: statements, functions, formats and API operations.

``make reference`` writes it to ``docs/reference.md``; ``python -m local_cloud.reference`` prints it.
"""

import inspect
import re
from collections.abc import Iterable, Iterator

import click

from local_cloud import engines

HEAD = """# Reference: what the local Athena and Glue support

Generated from the code by `make reference`; do not edit. What is not listed is refused: a statement or function with
Athena's own style of error, an API operation or parameter with `UnsupportedOperation` that names it.
"""

DIFFERENCES = """## Declared differences from AWS

* A result's `.metadata` object holds the `ColumnInfo` list as JSON; AWS's own is an undocumented binary format.
* `DataScannedInBytes` is what the query plan reads: the files that are left after pruning, and of Parquet the columns
  used. A `LIMIT` or a stopped query reports the whole plan, AWS only what it had read by then.
* Result encryption `SSE_S3` and `SSE_KMS` is passed on to S3, which here records it and encrypts nothing; `CSE_KMS` is
  refused.
* A query stopped or cut off takes its writes back (CTAS, INSERT, UNLOAD); AWS may leave files behind.
* Quotas are those of us-east-1: {dml} active DML queries, {ddl} DDL; over them comes `TooManyRequestsException`. As
  many of them run at once as the machine has cores (4 to 8), the others wait as `QUEUED`.
* Executions are kept for {days} days.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD, _statements(), _types_and_formats(), _functions(), _differences()]
    parts += [_operations(service) for service in ("athena", "glue")]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _statements() -> str:
    from local_cloud.athena.statements import kinds

    rows = [
        (f"`{words}`", kind.type) for words, kind in kinds() if kind.handler not in ("optimize", "vacuum")
    ]
    return (
        "## Athena: statements\n\n"
        + _table(("Statement", "Type"), rows)
        + ("\n\n`EXECUTE name [USING ...]` runs a prepared statement and counts as that one.")
    )


def _types_and_formats() -> str:
    from local_cloud.athena.catalog import serdes
    from local_cloud.athena.targets import writable

    read = [(f"`{library}`", format_) for library, format_ in sorted(serdes().items())]
    written = [(name, ", ".join(codecs)) for name, codecs in writable().items()]
    return (
        "## Athena: formats\n\nTables are read through these SerDes, Iceberg tables (`table_type = 'ICEBERG'`) through "
        "their metadata:\n\n"
        + _table(("SerDe", "Format"), read)
        + "\n\nCTAS, INSERT and UNLOAD write:\n\n"
        + _table(("Format", "Compression"), written)
    )


def _functions() -> str:
    from local_cloud.athena.trino.functions import AGGREGATE_RULES, KNOWN_TO_TRINO, SCALARS, WINDOW_RULES

    parts = [
        "## Athena: functions\n\nA capital letter stands for any type that fits; `decimal(p,s)` for every decimal."
    ]
    for title, table in (("Scalar", SCALARS), ("Aggregate", AGGREGATE_RULES), ("Window", WINDOW_RULES)):
        listed = sorted(
            {f"`{rule.signature()}`" for name, rules in table.items() if _public(name) for rule in rules}
        )
        names = sum(_public(name) for name in table)
        parts.append(f"### {title} ({names})\n\n" + ", ".join(listed))
    forms = _forms()
    parts.append("### Special forms\n\n" + ", ".join(f"`{name}`" for name in sorted(forms)))
    offered = {*SCALARS, *AGGREGATE_RULES, *WINDOW_RULES, *forms}
    refused = ", ".join(f"`{name}`" for name in sorted(KNOWN_TO_TRINO - offered))
    parts.append(f"### Refused\n\nFunctions of Trino that end a query with `NOT_SUPPORTED` here: {refused}")
    return "\n\n".join(parts)


def _forms() -> set[str]:
    """What looks like a function and has syntax of its own, by the compiler's handlers."""
    from sqlglot import exp

    from local_cloud.athena.trino.expressions import Expressions

    nodes = {
        c.__name__.lower(): c for c in vars(exp).values() if isinstance(c, type) and issubclass(c, exp.Func)
    }
    handled = {name.removeprefix("_on_") for name in dir(Expressions) if name.startswith("_on_")}
    names = {nodes[name].sql_names()[0].lower() for name in handled & nodes.keys()}
    return names - {"anonymous", "and", "or", "str_position"}


def _public(name: str) -> bool:
    return re.fullmatch(r"[a-z]\w*", name) is not None


def _differences() -> str:
    from local_cloud.athena.api.running import HISTORY
    from local_cloud.athena.executor import QUOTAS

    return DIFFERENCES.format(dml=QUOTAS["DML"], ddl=QUOTAS["DDL"], days=HISTORY.days)


def _operations(service: str) -> str:
    """The API's operations: those there are, each with the parameters that are refused, and those there are not."""
    import botocore.session
    from botocore import xform_name

    model = botocore.session.get_session().get_service_model(service)
    engine = engines.engine_class(service)
    rows, missing = [], []
    for name in model.operation_names:
        method = getattr(engine, xform_name(name), None)
        if method is None:
            missing.append(f"`{name}`")
            continue
        shape = model.operation_model(name).input_shape
        refused = _refused(method, shape.members if shape is not None else {})
        rows.append((f"`{name}`", ", ".join(f"`{m}`" for m in refused)))
    return (
        f"## {service.capitalize()} API: {len(rows)} of {len(model.operation_names)} operations\n\n"
        + _table(("Operation", "Parameters refused"), rows)
        + f"\n\nNot there: {', '.join(missing)}"
    )


def _refused(method: object, members: Iterable[str]) -> Iterator[str]:
    accepted = inspect.signature(method).parameters  # type: ignore[arg-type]
    if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        return iter(())
    return iter([m for m in members if m not in accepted])


if __name__ == "__main__":
    click.echo(page(), nl=False)

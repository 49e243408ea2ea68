"""FOR VERSION AS OF and FOR TIMESTAMP AS OF.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp

from local_cloud.athena.errors import QueryError, unsupported

_STEPS = ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK")


def travelled(node: exp.Version) -> int | str | datetime:
    """The snapshot id, reference name or moment that the clause names.

    Raises:
        QueryError: NOT_SUPPORTED for other expressions, INVALID_ARGUMENTS for a moment that is none.
    """
    value = node.expression
    if str(node.this).upper() == "VERSION":
        if isinstance(value, exp.Literal):
            return str(value.this) if value.is_string else int(value.this)
        raise unsupported("FOR VERSION AS OF with an expression")
    return _moment(value)


def _moment(value: exp.Expr) -> datetime:
    """``TIMESTAMP '2020-01-01 10:00:00 UTC'``, ``current_timestamp``, and either with intervals added."""
    while isinstance(value, exp.Paren):
        value = value.this
    if isinstance(value, (exp.Sub, exp.Add)) and isinstance(value.expression, exp.Interval):
        interval = value.expression
        count = str(interval.this.this) if isinstance(interval.this, exp.Literal) else ""
        unit = str(interval.args.get("unit") or "").upper().removesuffix("S")
        if not count.isdigit() or unit not in _STEPS:
            raise unsupported("FOR TIMESTAMP AS OF with this interval")
        step = timedelta(**{unit.lower() + "s": int(count)})
        base = _moment(value.this)
        return base - step if isinstance(value, exp.Sub) else base + step
    if isinstance(value, exp.CurrentTimestamp) or (
        isinstance(value, exp.Anonymous) and value.name.upper() == "NOW" and not value.expressions
    ):
        return datetime.now(UTC)
    literal = value.find(exp.Literal)
    if literal is None or not literal.is_string or len(list(value.find_all(exp.Literal))) > 2:
        raise unsupported("FOR TIMESTAMP AS OF with an expression; write TIMESTAMP '2020-01-01 00:00:00 UTC'")
    return _parsed(str(literal.this))


def _parsed(text: str) -> datetime:
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?))?\s*(\S+)?", text.strip()
    )
    if not found:
        raise QueryError("INVALID_ARGUMENTS", f"'{text}' is not a valid TIMESTAMP literal")
    day, clock, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
    if zone is None:  # the session's zone is UTC
        return moment.replace(tzinfo=UTC)
    if re.fullmatch(r"[+-]\d\d:\d\d", zone):
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}")
    try:
        return moment.replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise QueryError("INVALID_ARGUMENTS", f"'{zone}' is not a time zone") from error

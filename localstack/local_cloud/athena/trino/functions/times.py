# ruff: noqa: E501 - a rule is one line of a table
"""Date and time functions: https://trino.io/docs/current/functions/datetime.html"""

_FIELDS = {
    "year": "year", "quarter": "quarter", "month": "month", "day": "day", "day_of_month": "day",
    "day_of_week": "isodow", "dow": "isodow", "day_of_year": "dayofyear", "doy": "dayofyear", "week": "week",
    "week_of_year": "week", "year_of_week": "isoyear", "yow": "isoyear",
}  # fmt: skip
_CLOCK = {"hour": "hour", "minute": "minute", "second": "second"}

_PARTS = "\n".join(
    [
        f"{name}({kind}) -> bigint = CAST({part}({value}) AS BIGINT)"
        for name, part in (_FIELDS | _CLOCK).items()
        for kind, value in (
            ("date", "{0}"), ("timestamp", "{0}"), ("timestamp with time zone", "t_local({0})"),
        )
        if name not in _CLOCK or kind != "date"
    ]
    + [f"{name}(time) -> bigint = CAST({part}({{0}}) AS BIGINT)" for name, part in _CLOCK.items()]
    + ["millisecond(timestamp) -> bigint = CAST(datepart('millisecond', {0}) % 1000 AS BIGINT)"]
    + ["millisecond(timestamp with time zone) -> bigint = CAST(datepart('millisecond', ({0}).t) % 1000 AS BIGINT)"]
    + [
        f"{name}({kind}) -> bigint = CAST(datepart('{part}', {{0}}) AS BIGINT)"
        for kind, pairs in {
            "interval year to month": {"year": "year", "month": "month"},
        }.items()
        for name, part in pairs.items()
    ]
    + [
        "day(interval day to second) -> bigint = CAST(t_us({0}) // 86400000000 AS BIGINT)",
        "hour(interval day to second) -> bigint = CAST(t_us({0}) % 86400000000 // 3600000000 AS BIGINT)",
        "minute(interval day to second) -> bigint = CAST(t_us({0}) % 3600000000 // 60000000 AS BIGINT)",
        "second(interval day to second) -> bigint = CAST(t_us({0}) % 60000000 // 1000000 AS BIGINT)",
        "millisecond(interval day to second) -> bigint = CAST(t_us({0}) % 1000000 // 1000 AS BIGINT)",
    ]
)  # fmt: skip

TIMES = (
    r"""
now|current_timestamp() -> timestamp(3) with time zone = struct_pack(t := t_tsp(timezone('UTC', now()), 3), z := 'UTC')
localtimestamp() -> timestamp(3) = t_tsp(timezone('UTC', now()), 3)
localtime() -> time(3) = CAST(t_tsp(timezone('UTC', now()), 3) AS TIME)
current_date() -> date = CAST(timezone('UTC', now()) AS DATE)
current_timezone() -> varchar = 'UTC'
date(varchar) -> date = t_date({0})
date(timestamp) -> date = CAST({0} AS DATE)
date(timestamp with time zone) -> date = CAST(t_local({0}) AS DATE)
date(date) -> date = {0}
last_day_of_month(date) -> date = last_day({0})
last_day_of_month(timestamp) -> date = last_day({0})
last_day_of_month(timestamp with time zone) -> date = last_day(t_local({0}))
date_trunc(varchar, date) -> date = $date_trunc
date_trunc(varchar, timestamp) -> timestamp = $date_trunc
date_trunc(varchar, timestamp with time zone) -> timestamp with time zone = $date_trunc
date_add(varchar, bigint, date) -> date = $date_add
date_add(varchar, bigint, timestamp) -> timestamp = $date_add
date_add(varchar, bigint, timestamp with time zone) -> timestamp with time zone = $date_add
date_diff(varchar, date, date) -> bigint = $date_diff
date_diff(varchar, timestamp, timestamp) -> bigint = $date_diff
date_diff(varchar, timestamp with time zone, timestamp with time zone) -> bigint = $date_diff
from_unixtime(double) -> timestamp(3) with time zone = struct_pack(t := t_tsp(make_timestamp(CAST(floor({0} * 1000 + 0.5) * 1000 AS BIGINT)), 3), z := 'UTC')
from_unixtime(double, varchar) -> timestamp(3) with time zone = struct_pack(t := t_tsp(make_timestamp(CAST(floor({0} * 1000 + 0.5) * 1000 AS BIGINT)), 3), z := t_zone({1}))
to_unixtime(timestamp) -> double = epoch_us({0}) / 1000000e0
to_unixtime(timestamp with time zone) -> double = epoch_us(({0}).t) / 1000000e0
from_iso8601_date(varchar) -> date = t_iso_date({0})
from_iso8601_timestamp(varchar) -> timestamp(3) with time zone = t_iso_ts({0})
to_iso8601(date) -> varchar = CAST({0} AS VARCHAR)
to_iso8601(timestamp) -> varchar = $to_iso8601
to_iso8601(timestamp with time zone) -> varchar = $to_iso8601
to_milliseconds(interval day to second) -> bigint = CAST(t_us({0}) // 1000 AS BIGINT)
at_timezone(timestamp with time zone, varchar) -> timestamp with time zone = CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE struct_pack(t := ({0}).t, z := t_zone({1})) END
with_timezone(timestamp, varchar) -> timestamp(3) with time zone = t_atzone({0}, {1})
timezone_hour(timestamp with time zone) -> bigint = CAST(datediff('minute', ({0}).t, t_local({0})) // 60 AS BIGINT)
timezone_minute(timestamp with time zone) -> bigint = CAST(datediff('minute', ({0}).t, t_local({0})) % 60 AS BIGINT)
date_format(timestamp, varchar) -> varchar = $date_format
date_format(timestamp with time zone, varchar) -> varchar = $date_format
date_parse(varchar, varchar) -> timestamp(3) = $date_parse
format_datetime(timestamp, varchar) -> varchar = $format_datetime
format_datetime(timestamp with time zone, varchar) -> varchar = $format_datetime
parse_datetime(varchar, varchar) -> timestamp(3) with time zone = $parse_datetime
human_readable_seconds(double) -> varchar = $refuse
"""
    + _PARTS
    + "\n"
)

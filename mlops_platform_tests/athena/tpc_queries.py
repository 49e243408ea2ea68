"""TPC queries as Athena takes them: the published text, edited only where it is no Trino SQL."""

import re

# The published texts compare a date with a quoted string, which Trino refuses: the string becomes a date literal.
_DATE = re.compile(r"(?:\bdate\s+)?'(\d{4}-\d{2}-\d{2})'", re.IGNORECASE)
_EDITS: dict[tuple[str, int], tuple[str, str]] = {
    # An alias of the select list is no name in Trino's GROUP BY.
    ("tpch", 15): (r"GROUP BY\s+supplier_no", "GROUP BY l_suppkey"),
    # Days are added to a date as an interval.
    ("tpcds", 72): (r"d1\.d_date \+ 5", "d1.d_date + INTERVAL '5' DAY"),
}

# Results made of quotients, each of which Trino's decimal division has rounded to its scale: how many units of
# that rounding a value may carry. 66 adds two quotients; 61 and 83 multiply one by 100; in 47
# the reference rounds a double, which may lie on the other side of a half.
UNITS = {("tpcds", 47): 2, ("tpcds", 66): 2, ("tpcds", 61): 100, ("tpcds", 83): 100}

# Rows chosen by a quotient: the reference must round it (and the average in it) to two digits as well.
# https://trino.io/docs/current/functions/decimal.html: the scale of a quotient or an average is the argument's.
_ROUNDED = [
    re.compile(r"(avg\(sum\(\w+\)\) OVER \([^)]*\))", re.IGNORECASE),
    re.compile(r"(abs\s*\(sum_sales - \w+\)\s*/\s*avg_\w+)", re.IGNORECASE),
    re.compile(
        r"(CAST\(curr_yr\.sales_cnt AS DECIMAL\(17,2\)\)/CAST\(prev_yr\.sales_cnt AS DECIMAL\(17,2\)\))"
    ),
]
_CHOSEN_BY_QUOTIENT = {("tpcds", n) for n in (47, 53, 57, 63, 75, 89)}


def reference_text(suite: str, number: int, text: str) -> str:
    """The query as DuckDB takes it, with Trino's decimal rounding made explicit where it chooses rows.

    Raises:
        ValueError: there was nothing to round.
    """
    if (suite, number) not in _CHOSEN_BY_QUOTIENT:
        return text
    edited = text
    for pattern in _ROUNDED:
        edited = pattern.sub(r"round(\1, 2)", edited)
    if edited == text:
        raise ValueError(f"{suite} query {number} no longer reads as expected: nothing to round")
    return edited


def athena_text(suite: str, number: int, text: str) -> str:
    """The query in Trino's dialect.

    Raises:
        ValueError: an edit found nothing to change.
    """
    text = _DATE.sub(r"DATE '\1'", text.strip().rstrip(";"))
    edit = _EDITS.get((suite, number))
    if edit is not None:
        text, count = re.subn(edit[0], edit[1], text)
        if not count:
            raise ValueError(f"{suite} query {number} no longer reads as expected: {edit[0]}")
    return text

"""The declared differences: what this engine does otherwise than Spark 3.5.4 and therefore refuses, with the cure."""

from typing import NoReturn


class DifferenceError(NotImplementedError):
    """The engine's result would differ from Spark's."""


REFUSED = {
    "decimal division": "cast the operands to smaller decimals",
    "date - date": "the engine gives a number where Spark gives an interval; use datediff",
    "round of a decimal": "give the number of places as a literal",
    "cast of a nested value to string": "NULLs inside would differ; use to_json, array_join or concat_ws",
    "to_json": "doubles, decimals and timestamps inside would differ; cast them to string or bigint",
    "to_csv": "doubles, decimals and timestamps inside would differ; cast them to string",
    "format_string": "%s of a double would be written otherwise; cast it to string, or use %f",
    "get_json_object": "a part that is an object, an array or a fraction is written anew by Spark; use from_json",
    "percentile_approx": "the engine interpolates; use percentile",
    "extract of DOW": "the engine counts from 0; use dayofweek",
    "types of a subquery": "the types inside cannot be found out; cast the operands explicitly, or join instead",
}
"""What is refused -> the reason and the cure."""

DECLARED = {
    "double to string": (
        "the shortest digits that name the double; Java 17, on which Glue 5 runs, writes one digit more or another "
        "last one (JDK-4511638, mended in 19) for a third to nine tenths of the doubles from 2^54 to 2^63 (1.8e16 to "
        "9.2e18), for some powers of two and, rarely, beyond: 255 of 100,000 doubles of random bits, none of 100,000 "
        "amounts of two places, of quotients of whole numbers, of sums of amounts or of random numbers below 1"
    ),
    "doubles in JSON files": "the same numbers in other digits: 10000000.0 where Spark writes 1.0E7",
    "NaN and infinity inside nested values of JSON files": "null where Spark writes strings; of plain columns refused",
}
"""What is done otherwise all the same, because the value read back is equal or the case is rare -> what differs."""


def refuse(name: str, text: str) -> NoReturn:
    """Refuse a difference of the table.

    Raises:
        DifferenceError: names the expression and the cure.
    """
    raise DifferenceError(
        f"{text}: the local Spark engine would differ from Spark ({name}): {REFUSED[name]}; or run the job with "
        "LOCAL_CLOUD_GLUE_ENGINE=pyspark."
    )

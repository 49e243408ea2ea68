"""A double as Java writes it: ``1.0E7`` where the engine has ``10000000.0``, ``1.0E-4`` for ``0.0001``.

https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/lang/Double.html#toString(double)
"""

from typing import Any


def as_text(value: Any) -> Any:
    """The expression that writes a double or float."""
    from local_glue.corrections.rules import Call, Cast, Sql

    def call(name: str, *arguments: Any) -> Any:
        return Call(name, tuple(Sql(a) if isinstance(a, str) else a for a in arguments))

    text = Cast(value, "string")
    size = call("abs", Cast(value, "double"))
    sign = call("when", call("<", value, "0"), "'-'", "''")
    bare = call("replace", text, "'-'", "''")
    mantissa = call("split_part", text, "'e'", "1")
    exponent = call("split_part", text, "'e'", "2")
    engine_exponent = call(
        "when",
        call("contains", mantissa, "'.'"),
        call("concat", mantissa, "'E'", exponent),
        call("concat", mantissa, "'.0E'", exponent),
    )
    large = call("regexp_replace", call("replace", bare, "'.'", "''"), "'0+$'", "''")
    power = call("-", call("length", call("split_part", bare, "'.'", "1")), "1")
    small = call("regexp_replace", bare, "'^0[.]0*'", "''")
    zeros = call("+", call("length", call("regexp_extract", bare, "'^0[.](0*)'", "1")), "1")

    def scientific(digits: Any, letter: str, number: Any) -> Any:
        rest = call("when", call("=", call("length", digits), "1"), "'0'", call("substring", digits, "2"))
        return call(
            "concat", sign, call("substring", digits, "1", "1"), "'.'", rest, letter, Cast(number, "string")
        )

    return call(
        "when",
        call("=", size, "CAST('Infinity' AS double)"),
        call("concat", sign, "'Infinity'"),
        call("or", call("isnan", value), call("or", call("=", size, "0"), _plain(call, size))),
        text,
        call("contains", text, "'e'"),
        engine_exponent,
        call(">", size, "1"),
        scientific(large, "'E'", power),
        call(">", size, "0"),
        scientific(small, "'E-'", zeros),
    )


def _plain(call: Any, size: Any) -> Any:
    return call("and", call(">=", size, "0.001D"), call("<", size, "1e7D"))

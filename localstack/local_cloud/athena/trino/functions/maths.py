# ruff: noqa: E501 - a rule is one line of a table
"""Mathematical and bitwise functions, conditionals.

https://trino.io/docs/current/functions/math.html, .../bitwise.html, .../conditional.html
"""

_DOUBLES = "\n".join(
    f"{name}(double) -> double = {template}"
    for name, template in {
        "sqrt": "CASE WHEN {0} < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt({0}) END",
        "cbrt": "t_cbrt({0})",
        "exp": "exp({0})",
        "ln": "t_ln({0})",
        "log2": "t_log2({0})",
        "log10": "t_log10({0})",
        "sin": "sin({0})",
        "cos": "cos({0})",
        "tan": "tan({0})",
        "asin": "CASE WHEN abs({0}) > 1 THEN CAST('NaN' AS DOUBLE) ELSE asin({0}) END",
        "acos": "CASE WHEN abs({0}) > 1 THEN CAST('NaN' AS DOUBLE) ELSE acos({0}) END",
        "atan": "atan({0})",
        "sinh": "sinh({0})",
        "cosh": "cosh({0})",
        "tanh": "tanh({0})",
        "degrees": "degrees({0})",
        "radians": "radians({0})",
    }.items()
)

MATHS = (
    r"""
abs(decimal) -> decimal = $same:abs({0})
abs(N) -> N = abs({0})
ceil|ceiling(I) -> I = {0}
ceil|ceiling(decimal) -> decimal = $ceil
ceil|ceiling(real) -> real = CAST(ceil({0}) AS FLOAT)
ceil|ceiling(double) -> double = ceil({0})
floor(I) -> I = {0}
floor(decimal) -> decimal = $floor
floor(real) -> real = CAST(floor({0}) AS FLOAT)
floor(double) -> double = floor({0})
round(I) -> I = {0}
round(decimal) -> decimal = $round
round(real) -> real = CAST(t_round(CAST({0} AS DOUBLE), 0) AS FLOAT)
round(double) -> double = t_round({0}, 0)
round(I, integer) -> I = $round_integer
round(decimal, integer) -> decimal = $round_digits
round(double, integer) -> double = t_round({0}, {1})
round(real, integer) -> real = CAST(t_round(CAST({0} AS DOUBLE), {1}) AS FLOAT)
truncate(decimal) -> decimal = $truncate
truncate(double) -> double = trunc({0})
truncate(real) -> real = CAST(trunc({0}) AS FLOAT)
truncate(decimal, integer) -> decimal = $truncate_digits
sign(I) -> I = $same:CAST(sign({0}) AS $T)
sign(decimal) -> decimal = $sign_decimal
sign(double) -> double = CASE WHEN isnan({0}) OR {0} = 0 THEN {0} ELSE CAST(sign({0}) AS DOUBLE) END
sign(real) -> real = CAST(sign({0}) AS FLOAT)
mod(I, I) -> I = $modulus
mod(decimal, decimal) -> decimal = $modulus
mod(real, real) -> real = $modulus
mod(double, double) -> double = $modulus
power|pow(double, double) -> double = t_pow({0}, {1})
log(double, double) -> double = t_ln({1}) / t_ln({0})
atan2(double, double) -> double = atan2({0}, {1})
e() -> double = CAST(2.718281828459045 AS DOUBLE)
pi() -> double = pi()
nan() -> double = CAST('NaN' AS DOUBLE)
infinity() -> double = CAST('Infinity' AS DOUBLE)
is_nan(real) -> boolean = isnan({0})
is_nan(double) -> boolean = isnan({0})
is_finite(double) -> boolean = isfinite({0})
is_infinite(double) -> boolean = isinf({0})
rand|random() -> double = $volatile:random()
rand|random(bigint) -> bigint = $volatile:CAST(floor(random() * CASE WHEN {0} <= 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: bound must be positive') ELSE {0} END) AS BIGINT)
rand|random(bigint, bigint) -> bigint = $volatile:CAST({0} + floor(random() * CASE WHEN {1} <= {0} THEN t_fail('INVALID_FUNCTION_ARGUMENT: upper bound must be greater than lower bound') ELSE {1} - {0} END) AS BIGINT)
width_bucket(double, double, double, bigint) -> bigint = t_width_bucket({0}, {1}, {2}, {3})
from_base(varchar, bigint) -> bigint = $refuse
to_base(bigint, bigint) -> varchar = (CASE WHEN {0} < 0 THEN '-' ELSE '' END) || lower(to_base(abs({0}), CAST({1} AS INTEGER)))
bit_count(bigint, bigint) -> bigint = $bit_count
bitwise_and(bigint, bigint) -> bigint = ({0} & {1})
bitwise_or(bigint, bigint) -> bigint = ({0} | {1})
bitwise_xor(bigint, bigint) -> bigint = xor({0}, {1})
bitwise_not(bigint) -> bigint = (-1 - {0})
cosine_similarity(map(varchar, double), map(varchar, double)) -> double = $refuse
typeof(T) -> varchar = $typeof
greatest(O, O...) -> O = $greatest
least(O, O...) -> O = $least
coalesce(T, T...) -> T = $coalesce
nullif(T, U) -> T = $nullif
if(boolean, T) -> T = CASE WHEN {0} THEN {1} END
if(boolean, T, T) -> T = CASE WHEN {0} THEN {1} ELSE {2} END
try(T) -> T = $try
uuid() -> varchar = $refuse
"""
    + _DOUBLES
    + "\n"
)

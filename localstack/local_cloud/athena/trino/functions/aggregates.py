"""Aggregate functions: https://trino.io/docs/current/functions/aggregate.html

``approx_*`` answer exactly, which lies within the error Trino promises.
"""

_STATISTICS = "\n".join(
    f"{names}(double) -> double = {name}({{d}}{{0}})@"
    for names, name in {
        "stddev|stddev_samp": "stddev_samp",
        "stddev_pop": "stddev_pop",
        "variance|var_samp": "var_samp",
        "var_pop": "var_pop",
    }.items()
)
_PAIRS = "\n".join(
    f"{name}(double, double) -> double = {template.format(f'{name}({{0}}, {{1}})@')}"
    for name, template in {
        "corr": "t_finite({})", "covar_pop": "{}", "covar_samp": "{}", "regr_slope": "t_finite({})",
        "regr_intercept": "t_finite({})",
    }.items()
)  # fmt: skip

AGGREGATES = (
    r"""
count() -> bigint = count(*)@
count(T) -> bigint = count({d}{0})@
count_if(boolean) -> bigint = coalesce(CAST(count_if({0})@ AS BIGINT), 0)
sum(I) -> bigint = CAST(sum({d}{0})@ AS BIGINT)
sum(decimal) -> decimal = $sum_decimal
sum(real) -> real = CAST(sum({d}{0})@ AS FLOAT)
sum(double) -> double = sum({d}{0})@
sum(interval day to second) -> interval day to second = $refuse
avg(I) -> double = avg({d}{0})@
avg(decimal) -> decimal = $avg_decimal
avg(real) -> real = CAST(avg({d}{0})@ AS FLOAT)
avg(double) -> double = avg({d}{0})@
min(O) -> O = min({d}{0})@
max(O) -> O = $max
min(O, bigint) -> array(O) = min({0}, {1})@
max(O, bigint) -> array(O) = $max_n
min_by(T, O) -> T = arg_min_null({0}, {1})@
max_by(T, O) -> T = $max_by
min_by(T, O, bigint) -> array(T) = $refuse
max_by(T, O, bigint) -> array(T) = $refuse
arbitrary|any_value(T) -> T = any_value({0}{o})@
bool_and|every(boolean) -> boolean = bool_and({0})@
bool_or(boolean) -> boolean = bool_or({0})@
bitwise_and_agg(bigint) -> bigint = bit_and({0})@
bitwise_or_agg(bigint) -> bigint = bit_or({0})@
bitwise_xor_agg(bigint) -> bigint = bit_xor({0})@
array_agg(T) -> array(T) = list({d}{0}{o})@
listagg(varchar) -> varchar = string_agg({d}{0}, ''{o})@
listagg(varchar, varchar) -> varchar = string_agg({d}{0}, {1}{o})@
approx_distinct(T) -> bigint = count(DISTINCT {0})@
approx_distinct(T, double) -> bigint = count(DISTINCT {0})@
approx_percentile(N, double) -> N = $percentile
approx_percentile(N, array(double)) -> array(N) = $percentile
approx_percentile(N, double, double) -> N = $refuse
geometric_mean(double) -> double = geomean({0})@
kurtosis(double) -> double = $kurtosis
skewness(double) -> double = $skewness
map_agg(K, V) -> map(K, V) = t_map_agg(list(struct_pack(k := {0}, v := {1}){o})@)
multimap_agg(K, V) -> map(K, array(V)) = t_multimap_agg(list(struct_pack(k := {0}, v := {1}){o})@)
histogram(T) -> map(T, bigint) = $histogram
"""
    + _STATISTICS
    + "\n"
    + _PAIRS
    + "\n"
)

# ruff: noqa: E501 - a rule is one line of a table
"""Array, map and lambda functions.

https://trino.io/docs/current/functions/array.html, .../map.html, .../lambda.html
"""

ARRAYS = r"""
cardinality(array(T)) -> bigint = CAST(len({0}) AS BIGINT)
cardinality(map(K, V)) -> bigint = CAST(cardinality({0}) AS BIGINT)
element_at(array(T), bigint) -> T = t_elem({0}, {1})
element_at(map(K, V), K) -> V = $map_element
contains(array(T), T) -> boolean = $contains
array_position(array(T), T) -> bigint = $array_position
array_distinct(array(T)) -> array(T) = t_distinct({0})
array_remove(array(T), T) -> array(T) = $array_remove
array_sort(array(O)) -> array(O) = $array_sort
array_sort(array(T), (T,T)=>bigint) -> array(T) = $refuse
array_max(array(O)) -> O = $array_extreme:CASE WHEN len(list_filter({0}, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_max({0}) END
array_min(array(O)) -> O = $array_extreme:CASE WHEN len(list_filter({0}, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_min({0}) END
array_join(array(varchar), varchar) -> varchar = CASE WHEN {1} IS NOT NULL THEN array_to_string(list_filter({0}, lambda e: e IS NOT NULL), {1}) END
array_join(array(varchar), varchar, varchar) -> varchar = CASE WHEN {1} IS NOT NULL AND {2} IS NOT NULL THEN array_to_string(list_transform({0}, lambda e: coalesce(e, {2})), {1}) END
array_join(array(T), varchar) -> varchar = $array_join
array_join(array(T), varchar, varchar) -> varchar = $array_join
array_intersect(array(T), array(T)) -> array(T) = t_intersect({0}, {1})
array_union(array(T), array(T)) -> array(T) = CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN t_distinct(list_concat({0}, {1})) END
array_except(array(T), array(T)) -> array(T) = CASE WHEN {1} IS NOT NULL THEN list_filter(t_distinct({0}), lambda e: NOT t_has({1}, e)) END
arrays_overlap(array(T), array(T)) -> boolean = t_overlap({0}, {1})
array_sum(array(T)) -> T = $refuse
array_first(array(T)) -> T = {0}[1]
array_last(array(T)) -> T = {0}[len({0})]
trim_array(array(T), bigint) -> array(T) = t_trim_array({0}, {1})
reverse(array(T)) -> array(T) = list_reverse({0})
slice(array(T), bigint, bigint) -> array(T) = t_slice({0}, {1}, {2})
flatten(array(array(T))) -> array(T) = flatten({0})
shuffle(array(T)) -> array(T) = $refuse
sequence(bigint, bigint) -> array(bigint) = t_sequence({0}, {1})
sequence(bigint, bigint, bigint) -> array(bigint) = t_steps({0}, {1}, {2})
sequence(date, date) -> array(date) = list_transform(t_sequence(0, CAST({1} - {0} AS BIGINT)), lambda e: {0} + CAST(e AS INTEGER))
sequence(date, date, interval day to second) -> array(date) = list_transform(t_steps(0, CAST({1} - {0} AS BIGINT), t_days({2})), lambda e: {0} + CAST(e AS INTEGER))
sequence(date, date, interval year to month) -> array(date) = CASE WHEN t_order(CAST(epoch({0}) AS BIGINT), CAST(epoch({1}) AS BIGINT), t_months({2})) THEN list_transform(t_steps(0, datesub('month', {0}, {1}), t_months({2})), lambda e: CAST({0} + to_months(CAST(e AS INTEGER)) AS DATE)) END
sequence(timestamp, timestamp, interval day to second) -> array(timestamp(3)) = list_transform(t_steps(epoch_us({0}), epoch_us({1}), t_us({2})), lambda e: make_timestamp(e))
sequence(timestamp, timestamp, interval year to month) -> array(timestamp(3)) = CASE WHEN t_order(epoch_us({0}), epoch_us({1}), t_months({2})) THEN list_transform(t_steps(0, datesub('month', {0}, {1}), t_months({2})), lambda e: {0} + to_months(CAST(e AS INTEGER))) END
transform(array(T), T=>R) -> array(R) = list_transform({0}, {1})
filter(array(T), T=>boolean) -> array(T) = list_filter({0}, {1})
any_match(array(T), T=>boolean) -> boolean = t_any(list_transform({0}, {1}))
all_match(array(T), T=>boolean) -> boolean = t_all(list_transform({0}, {1}))
none_match(array(T), T=>boolean) -> boolean = NOT t_any(list_transform({0}, {1}))
reduce(array(T), S, (S,T)=>S, S=>R) -> R = $reduce
zip(array(T), array(U)) -> array(T) = $zip
zip(array(T), array(U), array(V)) -> array(T) = $zip
zip_with(array(T), array(U), (T,U)=>R) -> array(R) = $zip_with
combinations(array(T), bigint) -> array(array(T)) = $refuse
ngrams(array(T), bigint) -> array(array(T)) = CASE WHEN {1} <= 0 THEN [{0}[t_fail('INVALID_FUNCTION_ARGUMENT: N must be positive'):]] WHEN len({0}) <= {1} THEN [{0}] ELSE list_transform(range(1, len({0}) - {1} + 2), lambda e: {0}[e:e + {1} - 1]) END
map(array(K), array(V)) -> map(K, V) = t_map({0}, {1})
map_keys(map(K, V)) -> array(K) = map_keys({0})
map_values(map(K, V)) -> array(V) = map_values({0})
map_entries(map(K, V)) -> array(K) = $map_entries
map_from_entries(array(T)) -> T = $map_from_entries
map_concat(map(K, V), map(K, V)...) -> map(K, V) = $map_concat
map_filter(map(K, V), (K,V)=>boolean) -> map(K, V) = $map_filter
transform_keys(map(K, V), (K,V)=>R) -> map(R, V) = $transform_keys
transform_values(map(K, V), (K,V)=>R) -> map(K, R) = $transform_values
map_zip_with(map(K, V), map(K, W), (K,V,W)=>R) -> map(K, R) = $refuse
"""

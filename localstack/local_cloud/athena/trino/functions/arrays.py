# ruff: noqa: E501 - a rule is one line of a table
"""Array, map and lambda functions.

https://trino.io/docs/current/functions/array.html, .../map.html, .../lambda.html
"""

ARRAYS = r"""
cardinality(array(T)) -> bigint = CAST(len({0}) AS BIGINT)
cardinality(map(K, V)) -> bigint = CAST(cardinality({0}) AS BIGINT)
element_at(array(T), bigint) -> T = t_elem({0}, {1})
element_at(map(K, V), K) -> V = $map_element
contains(array(T), T) -> boolean = t_contains({0}, {1})
array_position(array(T), T) -> bigint = CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT) END
array_distinct(array(T)) -> array(T) = t_distinct({0})
array_remove(array(T), T) -> array(T) = CASE WHEN {1} IS NULL THEN NULL ELSE list_filter({0}, lambda e: e IS NULL OR e <> {1}) END
array_sort(array(O)) -> array(O) = $array_sort
array_sort(array(T), (T,T)=>bigint) -> array(T) = $refuse
array_max(array(O)) -> O = CASE WHEN len(list_filter({0}, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_max({0}) END
array_min(array(O)) -> O = CASE WHEN len(list_filter({0}, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_min({0}) END
array_join(array(varchar), varchar) -> varchar = array_to_string(list_filter({0}, lambda e: e IS NOT NULL), {1})
array_join(array(varchar), varchar, varchar) -> varchar = array_to_string(list_transform({0}, lambda e: coalesce(e, {2})), {1})
array_join(array(T), varchar) -> varchar = $array_join
array_join(array(T), varchar, varchar) -> varchar = $array_join
array_intersect(array(T), array(T)) -> array(T) = t_intersect({0}, {1})
array_union(array(T), array(T)) -> array(T) = t_distinct(list_concat({0}, {1}))
array_except(array(T), array(T)) -> array(T) = list_filter(t_distinct({0}), lambda e: NOT t_has({1}, e))
arrays_overlap(array(T), array(T)) -> boolean = t_overlap({0}, {1})
array_sum(array(T)) -> T = $refuse
array_first(array(T)) -> T = {0}[1]
array_last(array(T)) -> T = {0}[len({0})]
trim_array(array(T), bigint) -> array(T) = {0}[1:len({0}) - {1}]
reverse(array(T)) -> array(T) = list_reverse({0})
slice(array(T), bigint, bigint) -> array(T) = t_slice({0}, {1}, {2})
flatten(array(array(T))) -> array(T) = flatten({0})
shuffle(array(T)) -> array(T) = $refuse
sequence(bigint, bigint) -> array(bigint) = t_sequence({0}, {1})
sequence(bigint, bigint, bigint) -> array(bigint) = generate_series({0}, {1}, {2})
sequence(date, date) -> array(date) = list_transform(t_sequence(0, CAST({1} - {0} AS BIGINT)), lambda e: {0} + CAST(e AS INTEGER))
sequence(date, date, interval day to second) -> array(date) = list_transform(generate_series(CAST({0} AS TIMESTAMP), CAST({1} AS TIMESTAMP), {2}), lambda e: CAST(e AS DATE))
sequence(date, date, interval year to month) -> array(date) = list_transform(generate_series(CAST({0} AS TIMESTAMP), CAST({1} AS TIMESTAMP), {2}), lambda e: CAST(e AS DATE))
sequence(timestamp, timestamp, interval day to second) -> array(timestamp(3)) = generate_series({0}, {1}, {2})
sequence(timestamp, timestamp, interval year to month) -> array(timestamp(3)) = generate_series({0}, {1}, {2})
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
ngrams(array(T), bigint) -> array(array(T)) = CASE WHEN len({0}) <= {1} THEN [{0}] ELSE list_transform(range(1, len({0}) - {1} + 2), lambda e: {0}[e:e + {1} - 1]) END
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

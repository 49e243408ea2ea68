# ruff: noqa: E501 - SQL, laid out by its own structure
"""DuckDB macros that give Trino's meaning; created once in every query's connection."""

import re

_JD = r"""CASE WHEN x IS NULL THEN NULL WHEN isnan(x) THEN 'NaN'
  WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
  WHEN x = 0 OR (abs(x) >= 1e-3 AND abs(x) < 1e7) THEN CAST(x AS VARCHAR)
  WHEN contains(CAST(x AS VARCHAR), 'e') THEN regexp_replace(regexp_replace(regexp_replace(
      CAST(x AS VARCHAR), '^(-?\d+)e', '\1.0e'), 'e\+?(-?)0*(\d)', 'E\1\2'), '^$', '')
  WHEN abs(x) < 1 THEN regexp_replace(
      (CASE WHEN x < 0 THEN '-' ELSE '' END) || substr(t_digits(x), 1, 1) || '.' ||
      (CASE WHEN length(t_digits(x)) > 1 THEN substr(t_digits(x), 2) ELSE '0' END) || 'E-' ||
      CAST(length(regexp_extract(CAST(abs(x) AS VARCHAR), '^0\.(0*)', 1)) + 1 AS VARCHAR), '^$', '')
  ELSE (CASE WHEN x < 0 THEN '-' ELSE '' END) || substr(t_digits(x), 1, 1) || '.' ||
      (CASE WHEN length(t_digits(x)) > 1 THEN substr(t_digits(x), 2) ELSE '0' END) || 'E' ||
      CAST(strpos(CAST(abs(x) AS VARCHAR), '.') - 2 AS VARCHAR) END"""

MACROS = (
    # A failure that TRY and CASE can hold back: error() counts as volatile, a failing cast does not.
    "t_fail(m) AS CAST('@@' || m || '@@' AS INTEGER)",
    "t_failv(m) AS CAST(t_fail(m) AS VARCHAR)",
    # Java's Double.toString: significant digits without sign, point and outer zeros, then the notation.
    "t_digits(x) AS rtrim(ltrim(replace(CAST(abs(x) AS VARCHAR), '.', ''), '0'), '0')",
    f"t_jd(x) AS {_JD}",
    # Half-up division of unscaled decimals.
    """t_div(a, b) AS CASE WHEN b = 0 THEN t_fail('DIVISION_BY_ZERO: Division by zero')
       ELSE sign(a) * sign(b) * ((abs(a) * 2 + abs(b)) // (abs(b) * 2)) END""",
    r"""t_int(x, t) AS CASE WHEN x IS NULL THEN NULL WHEN regexp_full_match(x, '[+-]?\d+') THEN x
       ELSE t_failv('INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to ' || t) END""",
    r"""t_num(x, t) AS CASE WHEN x IS NULL THEN NULL
       WHEN regexp_full_match(x, '\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*') THEN trim(x)
       WHEN regexp_full_match(x, '\s*[+-]?(NaN|Infinity)\s*') AND t IN ('DOUBLE', 'REAL') THEN trim(x)
       ELSE t_failv('INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to ' || t) END""",
    r"""t_bool(x) AS CASE WHEN x IS NULL THEN NULL WHEN lower(x) IN ('t', 'true', '1') THEN true
       WHEN lower(x) IN ('f', 'false', '0') THEN false
       ELSE CAST(t_fail('INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to BOOLEAN') AS BOOLEAN) END""",
    r"""t_date(x) AS CASE WHEN x IS NULL THEN NULL
       WHEN regexp_full_match(x, '\s*\d{4,}-\d{1,2}-\d{1,2}\s*') AND TRY_CAST(x AS DATE) IS NOT NULL THEN CAST(x AS DATE)
       ELSE CAST(t_failv('INVALID_CAST_ARGUMENT: Value cannot be cast to date: ' || x) AS DATE) END""",
    r"""t_ts(x, p) AS CASE WHEN x IS NULL THEN NULL
       WHEN regexp_full_match(x, '\s*\d{4,}-\d{1,2}-\d{1,2}( (?:[01]?\d|2[0-3]):\d{1,2}(:\d{1,2}(\.\d{1,6})?)?)?\s*')
         AND TRY_CAST(x AS TIMESTAMP) IS NOT NULL THEN t_tsp(CAST(x AS TIMESTAMP), p)
       ELSE CAST(t_failv('INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: ' || x) AS TIMESTAMP) END""",
    # A timestamp rounded half up to p fractional digits.
    """t_tsp(x, p) AS make_timestamp(
         ((epoch_us(x) + CAST(pow(10, 6 - p) AS BIGINT) // 2 - CASE WHEN p = 6 THEN 0 ELSE
           (epoch_us(x) + CAST(pow(10, 6 - p) AS BIGINT) // 2) % CAST(pow(10, 6 - p) AS BIGINT) +
           CASE WHEN (epoch_us(x) + CAST(pow(10, 6 - p) AS BIGINT) // 2) % CAST(pow(10, 6 - p) AS BIGINT) < 0
                THEN CAST(pow(10, 6 - p) AS BIGINT) ELSE 0 END END)))""",
    """t_tsv(x, p) AS CASE WHEN x IS NULL THEN NULL ELSE
         rtrim(strftime(x, '%Y-%m-%d %H:%M:%S.') || substr(strftime(x, '%f'), 1, p), '.') END""",
    r"""t_time(x) AS CASE WHEN x IS NULL THEN NULL
       WHEN regexp_full_match(x, '(?:[01]?\d|2[0-3]):\d{1,2}(:\d{1,2}(\.\d{1,6})?)?') AND
         TRY_CAST(x || CASE WHEN regexp_full_match(x, '\d+:\d+') THEN ':00' ELSE '' END AS TIME) IS NOT NULL
       THEN CAST(x || CASE WHEN regexp_full_match(x, '\d+:\d+') THEN ':00' ELSE '' END AS TIME)
       ELSE CAST(t_failv('INVALID_CAST_ARGUMENT: Value cannot be cast to time: ' || x) AS TIME) END""",
    # Timestamps with time zone are (instant as UTC timestamp, zone name); a fixed offset is written +HH:MM.
    r"""t_off(z) AS (CASE WHEN z[1] = '-' THEN -1 ELSE 1 END) *
         (CAST(substr(z, 2, 2) AS INTEGER) * 60 + CAST(substr(z, 5, 2) AS INTEGER))""",
    r"""t_local(x) AS CASE WHEN x IS NULL THEN NULL WHEN x.z = 'UTC' THEN CAST(x.t AS TIMESTAMP)
       WHEN x.z[1] IN ('+', '-') THEN CAST(x.t AS TIMESTAMP) + to_minutes(t_off(x.z))
       ELSE timezone(x.z, timezone('UTC', CAST(x.t AS TIMESTAMP))) END""",
    r"""t_zone(z) AS CASE WHEN z IN ('UTC', 'Z', '+00:00', 'GMT', 'Etc/UTC', 'UT', 'Zulu', '+00') THEN 'UTC'
       WHEN regexp_full_match(z, '[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00') THEN z WHEN regexp_full_match(z, '[+-]\d{2}') THEN z || ':00'
       WHEN regexp_full_match(z, '[+-]\d{4}') THEN z[1:3] || ':' || z[4:5]
       WHEN regexp_full_match(z, '[A-Za-z]+(/[A-Za-z0-9_+-]+)+') THEN z
       ELSE t_failv('INVALID_FUNCTION_ARGUMENT: Time zone ''' || z || ''' is not supported') END""",
    r"""t_atzone(l, z) AS CASE WHEN l IS NULL OR z IS NULL THEN NULL ELSE {'t': CASE WHEN t_zone(z) = 'UTC' THEN l
       WHEN t_zone(z)[1] IN ('+', '-') THEN l - to_minutes(t_off(t_zone(z)))
       ELSE timezone('UTC', timezone(t_zone(z), l)) END, 'z': t_zone(z)} END""",
    """t_tzv(x, p) AS t_tsv(t_local(x), p) || ' ' || x.z""",
    r"""t_tz(x, p) AS t_atzone(
         t_ts(regexp_extract(x, '^(\s*\d+-\d+-\d+([ T][0-9:.]+)?)\s*(.*)$', 1), p),
         coalesce(nullif(trim(regexp_extract(x, '^(\s*\d+-\d+-\d+([ T][0-9:.]+)?)\s*(.*)$', 3)), ''), 'UTC'))""",
    # interval day to second as 'D HH:MM:SS.mmm'; year to month as 'Y-M'.
    """t_us(i) AS CAST(datepart('day', i) AS BIGINT) * 86400000000 + CAST(datepart('hour', i) AS BIGINT) * 3600000000
         + datepart('minute', i) * 60000000 + datepart('microsecond', i)""",
    """t_dsv(i) AS CASE WHEN i IS NULL THEN NULL ELSE (CASE WHEN t_us(i) < 0 THEN '-' ELSE '' END) ||
         CAST(abs(t_us(i)) // 86400000000 AS VARCHAR) || ' ' ||
         strftime(make_timestamp(CAST(abs(t_us(i)) % 86400000000 AS BIGINT)), '%H:%M:%S.%g') END""",
    """t_ymv(i) AS CASE WHEN i IS NULL THEN NULL ELSE
         (CASE WHEN datepart('year', i) * 12 + datepart('month', i) < 0 THEN '-' ELSE '' END) ||
         CAST(abs(datepart('year', i) * 12 + datepart('month', i)) // 12 AS VARCHAR) || '-' ||
         CAST(abs(datepart('year', i) * 12 + datepart('month', i)) % 12 AS VARCHAR) END""",
    "t_cut(x, n, t) AS CASE WHEN length(x) > n THEN t_failv('INVALID_CAST_ARGUMENT: Value ' || x || "
    "' cannot be represented as ' || t) ELSE x END",
    # The failure sits in the subscript, not in a nested CASE: DuckDB folds a constant nested CASE eagerly.
    """t_at(a, i) AS a[CASE WHEN i > len(a) THEN t_fail('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or ' ||
         'equal to array length: ' || CAST(i AS VARCHAR) || ' > ' || CAST(len(a) AS VARCHAR))
         WHEN i = 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
         WHEN i < 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || CAST(i AS VARCHAR))
         ELSE i END]""",
    """t_elem(a, i) AS a[CASE WHEN i = 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
         ELSE i END]""",
    """t_key(m, k) AS map_values(m)[CASE WHEN m IS NULL OR k IS NULL THEN NULL WHEN map_contains(m, k)
         THEN list_position(map_keys(m), k)
         ELSE t_fail('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST(k AS VARCHAR)) END]""",
    r"""t_substr(s, i) AS CASE WHEN i > length(s) THEN '' WHEN i > 0 THEN substr(s, i) WHEN i = 0 OR -i > length(s) THEN
         CASE WHEN s IS NULL OR i IS NULL THEN NULL ELSE '' END ELSE substr(s, length(s) + least(i, 0) + 1) END""",
    r"""t_substr3(s, i, n) AS CASE WHEN s IS NULL OR i IS NULL OR n IS NULL THEN NULL
         WHEN i = 0 OR n <= 0 OR -i > length(s) THEN ''
         WHEN i > length(s) THEN '' WHEN i > 0 THEN substr(s, i, least(n, length(s)))
         ELSE substr(s, length(s) + least(i, 0) + 1, least(n, length(s))) END""",
    # Java keeps the sharp s, DuckDB makes it a capital one.
    """t_upper(x) AS CASE WHEN contains(x, 'ß') THEN
         array_to_string(list_transform(string_split(x, 'ß'), lambda e: upper(e)), 'ß') ELSE upper(x) END""",
    """t_finite(x) AS CASE WHEN isfinite(x) THEN x END""",
    # Character.isWhitespace: separators of Unicode but those that do not break, and control characters.
    r"""t_trim(x) AS regexp_replace(regexp_replace(x, '^[\x09-\x0d\x1c-\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}]+', ''), '[\x09-\x0d\x1c-\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}]+$', '')""",
    r"""t_ltrim(x) AS regexp_replace(x, '^[\x09-\x0d\x1c-\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}]+', '')""",
    r"""t_rtrim(x) AS regexp_replace(x, '[\x09-\x0d\x1c-\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}]+$', '')""",
    """t_replace(x, a, b) AS CASE WHEN a = '' THEN b || array_to_string(list_transform(string_split(x, ''),
         lambda e: e || b), '') ELSE replace(x, a, b) END""",
    """t_split(x, d) AS string_split(x, CASE WHEN d = '' THEN
         t_failv('INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string') ELSE d END)""",
    """t_splitn(x, d, n) AS CASE WHEN n <= 0 THEN [t_failv('INVALID_FUNCTION_ARGUMENT: Limit must be positive')]
         WHEN len(t_split(x, d)) <= n THEN t_split(x, d)
         ELSE list_append(t_split(x, d)[1:n - 1], array_to_string(t_split(x, d)[n:], d)) END""",
    """t_split_part(x, d, n) AS t_split(x, d)[CASE WHEN n <= 0 THEN
         t_fail('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero') ELSE n END]""",
    """t_entries(x, a) AS CASE WHEN ends_with(x, a) OR x = '' THEN string_split(x, a)[:-2] ELSE string_split(x, a) END""",
    """t_split_map(x, a, b) AS CASE WHEN x IS NULL OR a IS NULL OR b IS NULL THEN NULL ELSE map(
         list_transform(t_entries(x, a), lambda e: CASE WHEN a = '' OR a = b OR len(string_split(e, b)) <> 2 THEN
           t_failv('INVALID_FUNCTION_ARGUMENT: Key-value delimiter must appear exactly once in each entry. Bad input: '||e)
           ELSE substr(e, 1, strpos(e, b) - 1) END),
         list_transform(t_entries(x, a), lambda e: substr(e, strpos(e, b) + length(b)))) END""",
    """t_lpad(x, n, p) AS CASE WHEN p = '' THEN
         t_failv('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty') ELSE lpad(x, CAST(CASE WHEN n < 0 OR n > 2147483647 THEN t_fail(
         'INVALID_FUNCTION_ARGUMENT: Target length must be in the range [0..2147483647]') ELSE n END AS INTEGER), p) END""",
    """t_rpad(x, n, p) AS CASE WHEN p = '' THEN
         t_failv('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty') ELSE rpad(x, CAST(CASE WHEN n < 0 OR n > 2147483647 THEN t_fail(
         'INVALID_FUNCTION_ARGUMENT: Target length must be in the range [0..2147483647]') ELSE n END AS INTEGER), p) END""",
    """t_codepoint(x) AS CASE WHEN length(x) <> 1 THEN
         t_fail('INVALID_FUNCTION_ARGUMENT: Input string must be a single character string') ELSE unicode(x) END""",
    """t_hamming(a, b) AS CASE WHEN length(a) <> length(b) THEN CAST(t_fail(
         'INVALID_FUNCTION_ARGUMENT: The input strings to hamming_distance function must have the same length') AS BIGINT)
         ELSE CAST(len(list_filter(list_zip(string_split(a, ''), string_split(b, '')), lambda p: p[1] <> p[2])) AS BIGINT) END""",
    # DuckDB's cbrt is off by one ulp for exact cubes: one step of Newton's method.
    """t_cbrt(x) AS CASE WHEN x = 0 OR NOT isfinite(x) THEN x
         ELSE cbrt(x) - (cbrt(x) * cbrt(x) * cbrt(x) - x) / (3 * cbrt(x) * cbrt(x)) END""",
    """t_ln(x) AS CASE WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 OR isnan(x) THEN CAST('NaN' AS DOUBLE)
         ELSE ln(x) END""",
    """t_log2(x) AS CASE WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 OR isnan(x) THEN CAST('NaN' AS DOUBLE)
         ELSE log2(x) END""",
    """t_log10(x) AS CASE WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 OR isnan(x) THEN CAST('NaN' AS DOUBLE)
         ELSE log10(x) END""",
    """t_width_bucket(x, a, b, n) AS CASE WHEN n <= 0 THEN
         CAST(t_fail('INVALID_FUNCTION_ARGUMENT: bucketCount must be greater than 0') AS BIGINT)
         WHEN isnan(x) OR NOT isfinite(a) OR NOT isfinite(b) OR a = b THEN CAST(t_fail('INVALID_FUNCTION_ARGUMENT: ' ||
           CASE WHEN isnan(x) THEN 'operand must not be NaN' WHEN a = b THEN 'bounds cannot equal each other'
           WHEN NOT isfinite(a) THEN 'first bound must be finite' ELSE 'second bound must be finite' END) AS BIGINT)
         WHEN a < b THEN CASE WHEN x < a THEN 0 WHEN x >= b THEN n + 1 ELSE CAST(floor((x - a) / (b - a) * n) AS BIGINT) + 1 END
         WHEN x > a THEN 0 WHEN x <= b THEN n + 1 ELSE CAST(floor((a - x) / (a - b) * n) AS BIGINT) + 1 END""",
    """t_has(a, v) AS CASE WHEN v IS NULL THEN len(list_filter(a, lambda e: e IS NULL)) > 0
         ELSE coalesce(list_contains(a, v), false) END""",
    """t_contains(a, v) AS CASE WHEN a IS NULL OR v IS NULL THEN NULL WHEN list_contains(a, v) THEN true
         WHEN len(list_filter(a, lambda e: e IS NULL)) > 0 THEN NULL ELSE false END""",
    "t_distinct(a) AS list_filter(a, lambda e, i: NOT t_has(a[1:i - 1], e))",
    """t_intersect(a, b) AS CASE WHEN b IS NULL THEN NULL ELSE list_filter(t_distinct(a), lambda e: t_has(b, e)) END""",
    """t_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
         WHEN len(list_filter(a, lambda e: e IS NOT NULL AND list_contains(b, e))) > 0 THEN true
         WHEN len(a) = 0 OR len(b) = 0 THEN false
         WHEN len(list_filter(a, lambda e: e IS NULL)) > 0 OR len(list_filter(b, lambda e: e IS NULL)) > 0 THEN NULL
         ELSE false END""",
    """t_slice(a, s, n) AS CASE WHEN a IS NULL OR s IS NULL OR n IS NULL THEN NULL
         WHEN s = 0 THEN a[t_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1'):]
         WHEN n < 0 THEN a[t_fail('INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0'):]
         WHEN n = 0 OR -s > len(a) THEN a[1:0]
         WHEN s < 0 THEN a[len(a) + s + 1:len(a) + s + n] ELSE a[s:s + n - 1] END""",
    """t_order(a, b, s) AS CASE WHEN s = 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: step must not be zero') = 0
         WHEN (s > 0 AND a > b) OR (s < 0 AND a < b) THEN t_fail('INVALID_FUNCTION_ARGUMENT: sequence stop value should ' ||
           'be greater than or equal to start value if step is greater than zero otherwise stop should be less than or ' ||
           'equal to start') = 0 ELSE true END""",
    """t_steps(a, b, s) AS generate_series(a, CASE WHEN t_order(a, b, s) AND (CAST(b AS HUGEINT) - a) // nullif(s, 0) >= 10000
         THEN t_fail('INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries')
         ELSE b END, CASE WHEN s = 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: step must not be zero') ELSE s END)""",
    "t_sequence(a, b) AS t_steps(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END)",
    """t_days(i) AS CASE WHEN t_us(i) % 86400000000 <> 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: sequence step must be ' ||
         'a day interval if start and end values are dates') ELSE t_us(i) // 86400000000 END""",
    "t_months(i) AS datepart('year', i) * 12 + datepart('month', i)",
    """t_trim_array(a, n) AS a[1:len(a) - CASE WHEN n < 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: size must not be negative: ' ||
         CAST(n AS VARCHAR)) WHEN n > len(a) THEN t_fail('INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality ' ||
         CAST(len(a) AS VARCHAR) || ': ' || CAST(n AS VARCHAR)) ELSE n END]""",
    """t_repeats(n) AS CASE WHEN n < 0 THEN t_fail('INVALID_FUNCTION_ARGUMENT: count argument of repeat function must be ' ||
         'greater than or equal to 0') WHEN n > 10000 THEN t_fail('INVALID_FUNCTION_ARGUMENT: count argument of repeat ' ||
         'function must be less than or equal to 10000') ELSE n END""",
    # DuckDB counts bytes, Trino code points.
    """t_levenshtein(a, b) AS CASE WHEN strlen(a) <> length(a) OR strlen(b) <> length(b) THEN CAST(t_fail(
         'NOT_SUPPORTED: levenshtein_distance() outside ASCII is not supported by the local Athena engine') AS BIGINT)
         ELSE CAST(levenshtein(a, b) AS BIGINT) END""",
    """t_utf8(x) AS CASE WHEN x IS NOT NULL AND TRY(decode(x)) IS NULL THEN t_failv(
         'NOT_SUPPORTED: from_utf8() of invalid UTF-8 is not supported by the local Athena engine') ELSE decode(x) END""",
    """t_unhex(x) AS CASE WHEN length(x) % 2 = 1 THEN CAST(t_failv('INVALID_FUNCTION_ARGUMENT: expected input to be of even ' ||
         'length, got: ' || CAST(length(x) AS VARCHAR)) AS BLOB) ELSE unhex(x) END""",
    r"""t_url_decode(x) AS CASE WHEN NOT regexp_full_match(x, '(?s)(?:[^%]|%[0-9A-Fa-f]{2})*') THEN t_failv(
         'INVALID_FUNCTION_ARGUMENT: URLDecoder: Illegal hex characters in escape (%) pattern') ELSE url_decode(x) END""",
    # What java.net.URI reads: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/URI.html
    r"""t_uri(x) AS CASE WHEN regexp_full_match(x, '(?:[^\x00-\x20\x7f<>"{}|\\^`%#\p{Z}]|%[0-9A-Fa-f]{2})*(?:#(?:[^\x00-\x20\x7f<>"{}|\\^`%#\p{Z}]|%[0-9A-Fa-f]{2})*)?')
         THEN x END""",
    r"""t_uri_path(x) AS CASE WHEN regexp_matches(x, '^[A-Za-z][A-Za-z0-9+.-]*:')
         THEN regexp_extract(x, '^[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]*)?(/[^?#]*)', 1)
         ELSE regexp_extract(x, '^(?://[^/?#]*)?([^?#]*)', 1) END""",
    """t_pow(x, y) AS CASE WHEN isnan(y) OR (isinf(y) AND abs(x) = 1) THEN CAST('NaN' AS DOUBLE) ELSE pow(x, y) END""",
    """t_round(x, n) AS CASE WHEN NOT isfinite(x) THEN x WHEN abs(x) * pow(10, n) >= 9e18 THEN CAST(t_fail(
         'NOT_SUPPORTED: round() of a number this large is not supported by the local Athena engine') AS DOUBLE)
         ELSE round(x, n) END""",
    """t_any(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, true) THEN true
         WHEN len(list_filter(a, lambda e: e IS NULL)) > 0 THEN NULL ELSE false END""",
    """t_all(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, false) THEN false
         WHEN len(list_filter(a, lambda e: e IS NULL)) > 0 THEN NULL ELSE true END""",
    """t_map(k, v) AS CASE WHEN k IS NULL OR v IS NULL THEN NULL WHEN len(k) <> len(v) THEN
         map(k[t_fail('INVALID_FUNCTION_ARGUMENT: Key and value arrays must be the same length'):], v) ELSE map(k, v) END""",
    """t_map_agg(l) AS map_from_entries(list_filter(list_filter(l, lambda e: e.k IS NOT NULL), lambda e, i:
         list_position(list_transform(list_filter(l, lambda z: z.k IS NOT NULL), lambda z: z.k), e.k) = i))""",
    """t_multimap_agg(l) AS map_from_entries(list_transform(
         list_distinct(list_transform(list_filter(l, lambda e: e.k IS NOT NULL), lambda e: e.k)),
         lambda key: struct_pack(k := key, v := list_transform(list_filter(l, lambda e: e.k = key), lambda e: e.v))))""",
    r"""t_iso_date(x) AS CASE WHEN regexp_full_match(x, '\d{4}-\d{2}-\d{2}') THEN t_date(x)
         WHEN regexp_full_match(x, '\d{4}-W\d{2}-\d') THEN CAST(strptime(x, '%G-W%V-%u') AS DATE)
         WHEN regexp_full_match(x, '\d{4}-W\d{2}') THEN CAST(strptime(x || '-1', '%G-W%V-%u') AS DATE)
         WHEN x IS NULL THEN NULL
         ELSE CAST(t_failv('INVALID_FUNCTION_ARGUMENT: Invalid format: "' || x || '"') AS DATE) END""",
    r"""t_iso_ts(x) AS CASE WHEN x IS NULL THEN NULL ELSE t_atzone(
         t_ts(CASE WHEN regexp_full_match(x, '\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?)?')
           THEN substr(x, 1, 10) || CASE WHEN length(x) > 10 THEN ' ' ||
             regexp_extract(x, 'T(\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?)', 1) ||
             CASE WHEN regexp_full_match(x, '.{10}T\d{2}(Z|[+-].*)?') THEN ':00' ELSE '' END ELSE '' END
           ELSE t_failv('INVALID_FUNCTION_ARGUMENT: Invalid format: "' || x || '"') END, 3),
         coalesce(nullif(regexp_extract(x, 'T.*?(Z|[+-]\d{2}:?\d{2})$', 1), ''), 'UTC')) END""",
    """t_offset_text(x, utc) AS CASE WHEN x.z = 'UTC' THEN utc ELSE
         (CASE WHEN t_local(x) < x.t THEN '-' ELSE '+' END) ||
         strftime(make_timestamp(abs(epoch_us(t_local(x)) - epoch_us(x.t))), '%H:%M') END""",
)


def create_statements() -> list[str]:
    """The statements that create every macro."""
    return [f"CREATE TEMP MACRO {macro}" for macro in MACROS]


_NAME = re.compile(r"\bt_\w+")
_BY_NAME = {_NAME.match(macro).group(0): macro for macro in MACROS}  # type: ignore[union-attr]


def needed_by(sql: str) -> list[str]:
    """The statements that create the macros ``sql`` uses, and those they use, in order."""
    wanted: set[str] = set()
    queue = [sql]
    while queue:
        for name in set(_NAME.findall(queue.pop())) & _BY_NAME.keys() - wanted:
            wanted.add(name)
            queue.append(_BY_NAME[name].split(" AS ", 1)[1])
    return [f"CREATE TEMP MACRO {macro}" for name, macro in _BY_NAME.items() if name in wanted]


def _failing() -> frozenset[str]:
    found = {"t_fail"}
    while True:
        more = {
            name for name, macro in _BY_NAME.items() if found & set(_NAME.findall(macro.split(" AS ", 1)[1]))
        }
        if more <= found:
            return frozenset(found)
        found |= more


_FAILING = _failing()
_LITERAL = re.compile(r"CAST\((?:NULL|-?[\d.e+-]+|'(?:[^']|'')*') AS [A-Z]+(?:\(\d+,\d+\))?\)")


def may_fail(sql: str) -> bool:
    """Whether evaluating ``sql`` for a row may raise: a division, a cast of something that is no literal, a failing macro."""
    bare = _LITERAL.sub("", sql)
    return "//" in bare or "CAST(" in bare or bool(_FAILING & set(_NAME.findall(bare)))

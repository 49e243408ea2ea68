# ruff: noqa: E501 - a rule is one line of a table
"""String, binary, regular expression, JSON and URL functions.

https://trino.io/docs/current/functions/string.html, .../regexp.html, .../json.html, .../binary.html, .../url.html
"""

STRINGS = r"""
lower(varchar) -> varchar = lower({0})
upper(varchar) -> varchar = t_upper({0})
length|char_length|character_length(varchar) -> bigint = CAST(length({0}) AS BIGINT)
length(varbinary) -> bigint = CAST(octet_length({0}) AS BIGINT)
reverse(varchar) -> varchar = array_to_string(list_reverse(string_split({0}, '')), '')
substr|substring(varchar, bigint) -> varchar = t_substr({0}, {1})
substr|substring(varchar, bigint, bigint) -> varchar = t_substr3({0}, {1}, {2})
trim(varchar) -> varchar = t_trim({0})
ltrim(varchar) -> varchar = t_ltrim({0})
rtrim(varchar) -> varchar = t_rtrim({0})
trim(varchar, varchar) -> varchar = trim({0}, {1})
ltrim(varchar, varchar) -> varchar = ltrim({0}, {1})
rtrim(varchar, varchar) -> varchar = rtrim({0}, {1})
replace(varchar, varchar) -> varchar = replace({0}, {1}, '')
replace(varchar, varchar, varchar) -> varchar = t_replace({0}, {1}, {2})
concat(varchar, varchar...) -> varchar = $concat
concat(varbinary, varbinary...) -> varbinary = $concat
concat(array(T), array(T)...) -> array(T) = $concat
concat_ws(varchar, array(varchar)) -> varchar = CASE WHEN {0} IS NULL THEN NULL ELSE coalesce(array_to_string(list_filter({1}, lambda e: e IS NOT NULL), {0}), '') END
concat_ws(varchar, varchar...) -> varchar = $concat_ws
strpos(varchar, varchar) -> bigint = CAST(strpos({0}, {1}) AS BIGINT)
strpos(varchar, varchar, bigint) -> bigint = $strpos
position(varchar, varchar) -> bigint = CAST(strpos({1}, {0}) AS BIGINT)
starts_with(varchar, varchar) -> boolean = starts_with({0}, {1})
ends_with(varchar, varchar) -> boolean = ends_with({0}, {1})
split(varchar, varchar) -> array(varchar) = t_split({0}, {1})
split(varchar, varchar, bigint) -> array(varchar) = t_splitn({0}, {1}, {2})
split_part(varchar, varchar, bigint) -> varchar = t_split_part({0}, {1}, {2})
split_to_map(varchar, varchar, varchar) -> map(varchar, varchar) = t_split_map({0}, {1}, {2})
lpad(varchar, bigint, varchar) -> varchar = t_lpad({0}, {1}, {2})
rpad(varchar, bigint, varchar) -> varchar = t_rpad({0}, {1}, {2})
repeat(T, integer) -> array(T) = list_transform(range(t_repeats({1})), lambda e: {0})
chr(bigint) -> varchar = chr(CAST({0} AS INTEGER))
codepoint(varchar) -> integer = t_codepoint({0})
translate(varchar, varchar, varchar) -> varchar = translate({0}, {1}, {2})
levenshtein_distance(varchar, varchar) -> bigint = t_levenshtein({0}, {1})
hamming_distance(varchar, varchar) -> bigint = t_hamming({0}, {1})
normalize(varchar) -> varchar = nfc_normalize({0})
to_utf8(varchar) -> varbinary = encode({0})
from_utf8(varbinary) -> varchar = t_utf8({0})
format(varchar, X...) -> varchar = $format
format_number(double) -> varchar = $refuse
regexp_like(varchar, varchar) -> boolean = regexp_matches({0}, $regex1)
regexp_extract(varchar, varchar) -> varchar = $regexp_extract
regexp_extract(varchar, varchar, bigint) -> varchar = $regexp_extract
regexp_extract_all(varchar, varchar) -> array(varchar) = $regexp_extract_all
regexp_extract_all(varchar, varchar, bigint) -> array(varchar) = $regexp_extract_all
regexp_replace(varchar, varchar) -> varchar = $regexp_replace
regexp_replace(varchar, varchar, varchar) -> varchar = $regexp_replace
regexp_split(varchar, varchar) -> array(varchar) = $regexp_split
regexp_count(varchar, varchar) -> bigint = $regexp_count
json_extract(json, varchar) -> json = $json_extract
json_extract(varchar, varchar) -> json = $json_extract
json_extract_scalar(json, varchar) -> varchar = $json_extract_scalar
json_extract_scalar(varchar, varchar) -> varchar = $json_extract_scalar
json_parse(varchar) -> json = $json_parse
json_format(json) -> varchar = CAST({0} AS VARCHAR)
json_size(json, varchar) -> bigint = $json_size
json_size(varchar, varchar) -> bigint = $json_size
json_array_length(json) -> bigint = CASE WHEN json_type({0}) = 'ARRAY' THEN CAST(json_array_length({0}) AS BIGINT) END
json_array_length(varchar) -> bigint = CASE WHEN json_valid({0}) THEN CASE WHEN json_type({0}) = 'ARRAY' THEN CAST(json_array_length({0}) AS BIGINT) END END
json_array_get(json, bigint) -> json = CASE WHEN json_type({0}) = 'ARRAY' THEN json_extract({0}, '$[' || CASE WHEN {1} < 0 THEN '#' ELSE '' END || CAST({1} AS VARCHAR) || ']') END
json_array_get(varchar, bigint) -> json = CASE WHEN json_valid({0}) AND json_type({0}) = 'ARRAY' THEN json_extract({0}, '$[' || CASE WHEN {1} < 0 THEN '#' ELSE '' END || CAST({1} AS VARCHAR) || ']') END
json_array_contains(json, boolean) -> boolean = $json_array_contains
json_array_contains(varchar, boolean) -> boolean = $json_array_contains
json_array_contains(json, bigint) -> boolean = $json_array_contains
json_array_contains(varchar, bigint) -> boolean = $json_array_contains
json_array_contains(json, varchar) -> boolean = $json_array_contains
json_array_contains(varchar, varchar) -> boolean = $json_array_contains
is_json_scalar(json) -> boolean = json_type({0}) NOT IN ('OBJECT', 'ARRAY')
is_json_scalar(varchar) -> boolean = json_type({0}) NOT IN ('OBJECT', 'ARRAY')
to_hex(varbinary) -> varchar = hex({0})
from_hex(varchar) -> varbinary = t_unhex({0})
to_base64(varbinary) -> varchar = base64({0})
from_base64(varchar) -> varbinary = from_base64({0})
md5(varbinary) -> varbinary = unhex(md5({0}))
sha1(varbinary) -> varbinary = unhex(sha1({0}))
sha256(varbinary) -> varbinary = unhex(sha256({0}))
url_encode(varchar) -> varchar = replace(replace(replace(url_encode({0}), '%20', '+'), '~', '%7E'), '%2A', '*')
url_decode(varchar) -> varchar = t_url_decode(replace({0}, '+', '%20'))
url_extract_protocol(varchar) -> varchar = nullif(regexp_extract(t_uri({0}), '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '')
url_extract_host(varchar) -> varchar = nullif(regexp_extract(t_uri({0}), '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d*)?(?:[/?#]|$)', 1), '')
url_extract_port(varchar) -> bigint = CAST(nullif(regexp_extract(t_uri({0}), '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d+)(?:[/?#]|$)', 1), '') AS BIGINT)
url_extract_path(varchar) -> varchar = url_decode(t_uri_path(t_uri({0})))
url_extract_query(varchar) -> varchar = url_decode(regexp_extract(t_uri({0}), '^[^?#]*\?([^#]*)', 1))
url_extract_fragment(varchar) -> varchar = url_decode(regexp_extract(t_uri({0}), '#(.*)$', 1))
url_extract_parameter(varchar, varchar) -> varchar = $url_extract_parameter
"""

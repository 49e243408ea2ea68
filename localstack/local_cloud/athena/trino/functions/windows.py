"""Window functions: https://trino.io/docs/current/functions/window.html"""

WINDOWS = """
row_number() -> bigint = row_number()@
rank() -> bigint = rank()@
dense_rank() -> bigint = dense_rank()@
percent_rank() -> double = percent_rank()@
cume_dist() -> double = cume_dist()@
ntile(bigint) -> bigint = ntile({0})@
first_value(T) -> T = first_value({0}{i})@
last_value(T) -> T = last_value({0}{i})@
nth_value(T, bigint) -> T = $offset:nth_value({0}, {1}{i})@
lag(T) -> T = lag({0}{i})@
lag(T, bigint) -> T = $offset:lag({0}, {1}{i})@
lag(T, bigint, T) -> T = $offset:lag({0}, {1}, {2}{i})@
lead(T) -> T = lead({0}{i})@
lead(T, bigint) -> T = $offset:lead({0}, {1}{i})@
lead(T, bigint, T) -> T = $offset:lead({0}, {1}, {2}{i})@
"""

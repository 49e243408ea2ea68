"""The functions this engine knows: tables of rules by family. What is in no table is refused."""

from local_cloud.athena.trino.functions.aggregates import AGGREGATES
from local_cloud.athena.trino.functions.arrays import ARRAYS
from local_cloud.athena.trino.functions.known import KNOWN_TO_TRINO
from local_cloud.athena.trino.functions.maths import MATHS
from local_cloud.athena.trino.functions.strings import STRINGS
from local_cloud.athena.trino.functions.times import TIMES
from local_cloud.athena.trino.functions.windows import WINDOWS
from local_cloud.athena.trino.signatures import Rule, rules

SCALARS: dict[str, list[Rule]] = {}
for _table in (STRINGS, MATHS, TIMES, ARRAYS):
    for _name, _overloads in rules(_table).items():
        SCALARS.setdefault(_name, []).extend(_overloads)
AGGREGATE_RULES = rules(AGGREGATES)
WINDOW_RULES = rules(WINDOWS)

__all__ = ["AGGREGATE_RULES", "KNOWN_TO_TRINO", "SCALARS", "WINDOW_RULES"]

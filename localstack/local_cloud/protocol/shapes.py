"""The type of a service model's shapes."""

from typing import Any, TypeAlias

# botocore tells shapes apart at run time, by ``type_name``:
# a structure has members, a list a member, a map a key and a value.
Shape: TypeAlias = Any

"""What a crawl changes in the catalog, under the crawler's policies.

Policies: https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from local_cloud.glue.crawlers.folders import FoundTable, other_name
from local_cloud.glue.crawlers.options import Options
from local_cloud.glue.crawlers.shapes import DEPRECATED_BY, UPDATED_BY, parameters, storage, table_input

Shape = dict[str, Any]
_BATCH = 100
_COUNTED = ("CRAWL_RUN_ID", "averageRecordSize", "objectCount", "recordCount", "sizeKey")
_READ_BACK = ("Description", "Owner", "Retention", "TableType", "ViewOriginalText", "ViewExpandedText")
INDEX = "crawler_partition_index"


Operation = Callable[..., Shape]


class Catalog(Protocol):
    """The engine's own operations, as the writer uses them."""

    def table_or_none(self, database: str, name: str) -> Shape | None: ...
    @property
    def create_table(self) -> Operation: ...
    @property
    def update_table(self) -> Operation: ...
    @property
    def delete_table(self) -> Operation: ...
    @property
    def create_partition_index(self) -> Operation: ...
    @property
    def get_partitions(self) -> Operation: ...
    @property
    def batch_create_partition(self) -> Operation: ...
    @property
    def batch_update_partition(self) -> Operation: ...
    @property
    def delete_partition(self) -> Operation: ...


class Writer:
    """Brings one database up to date.

    Args:
        log: takes a line for the crawler's log.

    Attributes:
        counts: ``tables created``, ``partitions updated`` ... so far.
    """

    def __init__(
        self, catalog: Catalog, crawler: Shape, run_id: str, options: Options, log: Callable[[str], None]
    ) -> None:
        self._catalog, self._crawler, self._run_id, self._options = catalog, crawler, run_id, options
        self._log = log
        self._database = crawler["DatabaseName"]
        self._policy = crawler["SchemaChangePolicy"]
        self.counts: Counter[str] = Counter()
        self.kept: set[str] = set()

    def write(self, found: FoundTable) -> None:
        """Create or update one table of files and its partitions; those not found any more are let go."""
        name, old = self._name((self._crawler.get("TablePrefix") or "") + found.name, found.location)
        if old is not None and [key["Name"] for key in old["PartitionKeys"]] != list(found.keys):
            self._log(
                f"WARN : The partition keys of table {name} are not those of its folders ({', '.join(found.keys)}); it "
                "is left as it is. Delete the table to have it made anew"
            )
            return
        self._put(table_input(found, name, self._crawler["Name"], self._run_id), old)
        if found.keys:
            self._partitions(name, found, old is None)

    def write_table(self, given: Shape) -> None:
        """Create or update a table that has no files."""
        location = given["StorageDescriptor"]["Location"]
        name, old = self._name((self._crawler.get("TablePrefix") or "") + given["Name"], location)
        self._put({**given, "Name": name}, old)

    def _name(self, name: str, location: str) -> tuple[str, Shape | None]:
        """The table's name, and the table if it is there: what lies elsewhere is another table."""
        for candidate in (name, other_name(name, location)):
            old = self._catalog.table_or_none(self._database, candidate)
            here = old is not None and old.get("StorageDescriptor", {}).get("Location", "").rstrip(
                "/"
            ) == location.rstrip("/")
            if (old is None or here) and candidate not in self.kept:
                self.kept.add(candidate)
                return candidate, old
        raise RuntimeError(f"Two tables of one location: {location}")

    def _put(self, new: Shape, old: Shape | None) -> None:
        name = new["Name"]
        if old is None:
            if new["PartitionKeys"] and self._options.partition_index:
                new["Parameters"]["partition_filtering.enabled"] = "true"
            self._catalog.create_table(DatabaseName=self._database, TableInput=new)
            if new["PartitionKeys"] and self._options.partition_index:
                keys = [key["Name"] for key in new["PartitionKeys"]]
                self._catalog.create_partition_index(
                    DatabaseName=self._database,
                    TableName=name,
                    PartitionIndex={"Keys": keys, "IndexName": INDEX},
                )
            self._count("tables created", f"Created table {name} in database {self._database}")
            return
        merged = self._merged(new, old)
        if _meaning(merged) == _meaning(old):
            if merged["Parameters"] != old.get("Parameters") and self._policy["UpdateBehavior"] != "LOG":
                self._update(merged)
            return
        if self._policy["UpdateBehavior"] == "LOG":
            self._log(f"WARN : Table {name} has changed; UpdateBehavior is LOG, so it is left as it is")
            return
        self._update(merged)
        self._count("tables updated", f"Updated table {name} in database {self._database}")

    def _update(self, table: Shape) -> None:
        self._catalog.update_table(DatabaseName=self._database, TableInput=table)

    def _merged(self, new: Shape, old: Shape) -> Shape:
        """The new definition over the old: what people wrote stays."""
        kept = {key: old[key] for key in _READ_BACK if key in old}
        before = {key: value for key, value in old.get("Parameters", {}).items() if key != DEPRECATED_BY}
        merged = {**new, **kept, "Parameters": before | new["Parameters"]}
        old_columns = {
            column["Name"]: column for column in old.get("StorageDescriptor", {}).get("Columns", [])
        }
        columns = new["StorageDescriptor"]["Columns"]
        if self._options.merge_new_columns:
            added = [column for column in columns if column["Name"] not in old_columns]
            merged["StorageDescriptor"] = {
                **old["StorageDescriptor"],
                "Columns": [*old_columns.values(), *added],
            }
            return merged
        comments = [
            {**column, "Comment": old_columns[column["Name"]]["Comment"]}
            if "Comment" in old_columns.get(column["Name"], {})
            else column
            for column in columns
        ]
        merged["StorageDescriptor"] = {**new["StorageDescriptor"], "Columns": comments}
        return merged

    def _partitions(self, name: str, found: FoundTable, is_new: bool) -> None:
        table = self._catalog.table_or_none(self._database, name) or {}
        old = {} if is_new else self._known(name)
        added, changed = [], []
        for partition in found.partitions:
            written = parameters(partition.schema, self._crawler["Name"], self._run_id)
            described = storage(partition.schema, partition.location, found.keys, written)
            if self._options.inherit:
                described |= {"Columns": table["StorageDescriptor"]["Columns"]}
            shape = {"Values": list(partition.values), "StorageDescriptor": described, "Parameters": written}
            before = old.pop(partition.values, None)
            if before is None:
                added.append(shape)
            elif _columns(before) != _columns(shape) and self._policy["UpdateBehavior"] != "LOG":
                changed.append({"PartitionValueList": list(partition.values), "PartitionInput": shape})
        where = {"DatabaseName": self._database, "TableName": name}
        for start in range(0, len(added), _BATCH):
            self._catalog.batch_create_partition(**where, PartitionInputList=added[start : start + _BATCH])
        for start in range(0, len(changed), _BATCH):
            self._catalog.batch_update_partition(**where, Entries=changed[start : start + _BATCH])
        self._count("partitions created", f"Created {len(added)} partitions of table {name}", len(added))
        self._count("partitions updated", f"Updated {len(changed)} partitions of table {name}", len(changed))
        self._gone_partitions(where, old)

    def _known(self, name: str) -> dict[tuple[str, ...], Shape]:
        found: dict[tuple[str, ...], Shape] = {}
        token: Shape = {}
        while True:
            page = self._catalog.get_partitions(DatabaseName=self._database, TableName=name, **token)
            found |= {tuple(partition["Values"]): partition for partition in page["Partitions"]}
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    def _gone_partitions(self, where: Shape, old: dict[tuple[str, ...], Shape]) -> None:
        if not self.lets_go:
            return
        for values in old:
            if self._policy["DeleteBehavior"] == "DELETE_FROM_DATABASE":
                self._catalog.delete_partition(**where, PartitionValues=list(values))
                self.counts["partitions deleted"] += 1
            self._log(f"INFO : Partition {list(values)} of table {where['TableName']} is gone from S3")

    lets_go = True
    """False where only new folders are crawled: what was not looked at is not gone."""

    def let_go(self, tables: list[Shape]) -> None:
        """Deal with this crawler's tables whose data was not found any more."""
        for table in tables:
            name = table["Name"]
            if name in self.kept or DEPRECATED_BY in table["Parameters"]:
                continue
            behaviour = self._policy["DeleteBehavior"]
            self._log(f"WARN : The data of table {name} is gone; DeleteBehavior is {behaviour}")
            if behaviour == "DELETE_FROM_DATABASE":
                self._catalog.delete_table(DatabaseName=self._database, Name=name)
                self.counts["tables deleted"] += 1
            elif behaviour == "DEPRECATE_IN_DATABASE":
                kept = {
                    k: table[k] for k in (*_READ_BACK, "StorageDescriptor", "PartitionKeys") if k in table
                }
                marked = table["Parameters"] | {DEPRECATED_BY: str(int(time.time() * 1000))}
                self._update({**kept, "Name": name, "Parameters": marked})
                self._count("tables updated", f"Deprecated table {name}")

    def _count(self, what: str, line: str, number: int = 1) -> None:
        if number:
            self.counts[what] += number
            self._log(f"INFO : {line}")


def mine(table: Shape, crawler: str) -> bool:
    """Whether a crawler made a table."""
    return bool(table.get("Parameters", {}).get(UPDATED_BY) == crawler)


def _meaning(table: Shape) -> Shape:
    """A table without the figures that change with every file."""
    storage = {k: v for k, v in table.get("StorageDescriptor", {}).items() if k != "Parameters"}
    written = {k: v for k, v in table.get("Parameters", {}).items() if k not in _COUNTED}
    return {"storage": storage, "keys": table["PartitionKeys"], "parameters": written}


def _columns(partition: Shape) -> list[tuple[str, str]]:
    columns = partition.get("StorageDescriptor", {}).get("Columns", [])
    return [(column["Name"], column.get("Type", "")) for column in columns]

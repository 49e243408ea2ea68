"""One run of a crawler: look, classify, group, write."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError
from local_cloud.glue.crawlers import jdbc, listing
from local_cloud.glue.crawlers.classify import ClassificationError, classify
from local_cloud.glue.crawlers.folders import FoundTable, tables
from local_cloud.glue.crawlers.options import NEW_FOLDERS, options
from local_cloud.glue.crawlers.schema import Schema
from local_cloud.glue.crawlers.writer import Catalog, Writer, mine
from local_cloud.glue.databases_reached import ConnectionFailed

Shape = dict[str, Any]


class Surroundings(Catalog, Protocol):
    """What a crawl needs of the engine."""

    cloud: Cloud

    @property
    def get_connection(self) -> Callable[..., Shape]: ...
    def tables_of(self, database: str) -> list[Shape]: ...
    def database(self, name: str) -> Shape: ...
    def seen_folders(self, crawler: str) -> set[str]: ...
    def keep_folders(self, crawler: str, folders: set[str]) -> None: ...


class CrawlFailed(Exception):
    """The crawl's ``ErrorMessage``."""


class Cancelled(Exception):
    """The crawl was stopped."""


def crawl(
    engine: Surroundings,
    crawler: Shape,
    classifiers: Sequence[Shape],
    run_id: str,
    log: Callable[[str], None],
    stopping: Callable[[], bool],
) -> Counter[str]:
    """Bring the catalog up to date with the crawler's targets; what was created, updated and deleted.

    Raises:
        CrawlFailed: a target that is not there, a file that cannot be classified, a limit that was passed.
        Cancelled: ``stopping`` answered yes.
    """
    settings = options(crawler.get("Configuration"))
    writer = Writer(engine, crawler, run_id, settings, log)
    try:
        engine.database(crawler.get("DatabaseName") or "")
        new_only = crawler["RecrawlPolicy"]["RecrawlBehavior"] == NEW_FOLDERS
        seen = engine.seen_folders(crawler["Name"]) if new_only else set()
        found, folders = _files(engine, crawler, classifiers, seen, log, stopping)
        remote = [
            table
            for target in crawler["Targets"]["JdbcTargets"]
            for table in _remote(engine, crawler, target)
        ]
        if settings.threshold is not None and len(found) + len(remote) > settings.threshold:
            raise CrawlFailed(
                f"The number of tables detected by crawler: {len(found) + len(remote)} is greater than the table "
                f"threshold value provided: {settings.threshold}. No tables were written."
            )
        log(f"BENCHMARK : Classification complete, writing results to database {crawler['DatabaseName']}")
        writer.lets_go = not seen
        for table in found:
            if stopping():
                raise Cancelled
            writer.write(table)
        for given in remote:
            writer.write_table(given)
        if not seen:
            writer.let_go([t for t in engine.tables_of(crawler["DatabaseName"]) if mine(t, crawler["Name"])])
        engine.keep_folders(crawler["Name"], folders)
    except (ServiceError, ClassificationError, ConnectionFailed) as error:
        raise CrawlFailed(error.message if isinstance(error, ServiceError) else str(error)) from error
    log("BENCHMARK : Finished writing to Catalog")
    return writer.counts


def _files(
    engine: Surroundings,
    crawler: Shape,
    classifiers: Sequence[Shape],
    seen: set[str],
    log: Callable[[str], None],
    stopping: Callable[[], bool],
) -> tuple[list[FoundTable], set[str]]:
    settings = options(crawler.get("Configuration"))
    found: list[FoundTable] = []
    folders: set[str] = set()
    for target in crawler["Targets"]["S3Targets"]:
        schemas: dict[str, Schema] = {}
        bucket, _, prefix = target["Path"].removeprefix("s3://").partition("/")
        for _, info in listing.objects(engine.cloud.objects, target):
            if stopping():
                raise Cancelled
            folder = f"s3://{bucket}/{info.key.rpartition('/')[0]}"
            if folder in seen:
                continue
            folders.add(folder)
            name = f"s3://{bucket}/{info.key}"
            schema = classify(engine.cloud.objects.local_path(bucket, info.key), name, info.size, classifiers)
            if schema is None:
                log(f"WARN : The classification of {name} is UNKNOWN; no table is made of it")
            else:
                schemas[info.key] = schema
        if prefix and not prefix.endswith("/") and list(schemas) != [prefix]:
            prefix += "/"
        if schemas:
            found += tables(bucket, prefix, schemas, combine=settings.combine, level=settings.level)
        else:
            log(f"INFO : No new data at {target['Path']}")
    return found, folders


def _remote(engine: Surroundings, crawler: Shape, target: Shape) -> list[Shape]:
    connection = engine.get_connection(Name=target["ConnectionName"])["Connection"]
    return jdbc.tables(engine.cloud, connection, target, crawler["Name"])

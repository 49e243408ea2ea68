"""A crawler's definition, checked once: what is honoured, what is refused."""

import json
from dataclasses import dataclass
from typing import Any

from local_cloud.glue.base import invalid

Shape = dict[str, Any]
NEW_FOLDERS, EVERYTHING = "CRAWL_NEW_FOLDERS_ONLY", "CRAWL_EVERYTHING"
POLICY = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}


@dataclass(frozen=True)
class Options:
    """What ``Configuration`` says (https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html)."""

    combine: bool = False
    level: int | None = None
    merge_new_columns: bool = False
    inherit: bool = False
    partition_index: bool = True
    threshold: int | None = None


def options(configuration: str | None) -> Options:
    """The options in a ``Configuration`` document.

    Raises:
        ServiceError: ``InvalidInputException`` for what is not in AWS's documentation.
    """
    if not configuration:
        return Options()
    try:
        given = json.loads(configuration)
        if not isinstance(given, dict) or given.get("Version") != 1.0:
            raise ValueError("Version must be 1.0")
        output, grouping = given.get("CrawlerOutput", {}), given.get("Grouping", {})
        tables, partitions = output.get("Tables", {}), output.get("Partitions", {})
        for known, members in (
            ({"Version", "CrawlerOutput", "Grouping", "CreatePartitionIndex"}, given),
            ({"Tables", "Partitions"}, output),
            ({"TableGroupingPolicy", "TableLevelConfiguration"}, grouping),
            ({"AddOrUpdateBehavior", "TableThreshold"}, tables),
            ({"AddOrUpdateBehavior"}, partitions),
        ):
            if unknown := set(members) - known:
                raise ValueError(f"unknown member {sorted(unknown)[0]}")
        level = grouping.get("TableLevelConfiguration")
        if level is not None and int(level) < 1:
            raise ValueError("TableLevelConfiguration must be at least 1")
        return Options(
            combine=_one_of(grouping, "TableGroupingPolicy", "CombineCompatibleSchemas"),
            level=None if level is None else int(level),
            merge_new_columns=_one_of(tables, "AddOrUpdateBehavior", "MergeNewColumns"),
            inherit=_one_of(partitions, "AddOrUpdateBehavior", "InheritFromTable"),
            partition_index=bool(given.get("CreatePartitionIndex", True)),
            threshold=tables.get("TableThreshold"),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid(f"Invalid crawler Configuration: {error}.") from None


def _one_of(members: Shape, name: str, value: str) -> bool:
    if members.get(name) not in (None, value):
        raise ValueError(f"{name} must be {value}")
    return name in members


def definition(name: str, members: Shape) -> Shape:
    """A complete ``Crawler`` with AWS's defaults, without its state.

    Raises:
        ServiceError: ``InvalidInputException``.
    """
    crawler = {key: value for key, value in members.items() if value is not None}
    options(crawler.get("Configuration"))
    targets = {kind: found for kind, found in (crawler.get("Targets") or {}).items() if found}
    if not targets:
        raise invalid(f"Crawler {name}: at least one target is required.")
    if unknown := sorted(set(targets) - {"S3Targets", "JdbcTargets"}):
        raise invalid(f"Crawler {name}: the local cloud crawls S3Targets and JdbcTargets, not {unknown[0]}.")
    for target in targets.get("S3Targets", []):
        if not str(target.get("Path", "")).removeprefix("s3://").strip("/"):
            raise invalid(f"Crawler {name}: an S3 target needs the Path s3://bucket/prefix.")
        if target.get("EventQueueArn") or target.get("DlqEventQueueArn"):
            raise invalid(
                f"Crawler {name}: the local cloud does not support crawls of S3 events (EventQueueArn)."
            )
    for target in targets.get("JdbcTargets", []):
        if not target.get("ConnectionName") or not target.get("Path"):
            raise invalid(f"Crawler {name}: a JDBC target needs ConnectionName and Path.")
    recrawl = (crawler.get("RecrawlPolicy") or {}).get("RecrawlBehavior", EVERYTHING)
    policy = POLICY | (crawler.get("SchemaChangePolicy") or {})
    if recrawl not in (EVERYTHING, NEW_FOLDERS):
        raise invalid(f"Crawler {name}: the local cloud does not support RecrawlBehavior {recrawl}.")
    if recrawl == NEW_FOLDERS and set(policy.values()) != {"LOG"}:
        raise invalid(
            f"Crawler {name}: with RecrawlBehavior {NEW_FOLDERS}, UpdateBehavior and DeleteBehavior must be LOG."
        )
    lineage = (crawler.get("LineageConfiguration") or {}).get("CrawlerLineageSettings", "DISABLE")
    lake = (crawler.get("LakeFormationConfiguration") or {}).get("UseLakeFormationCredentials", False)
    if lineage == "ENABLE" or lake or crawler.get("CrawlerSecurityConfiguration"):
        raise invalid(
            f"Crawler {name}: the local cloud supports neither lineage, Lake Formation credentials nor security "
            "configurations."
        )
    return {
        **crawler,
        "Name": name,
        "Targets": {kind: targets.get(kind, []) for kind in ("S3Targets", "JdbcTargets")},
        "Classifiers": crawler.get("Classifiers", []),
        "RecrawlPolicy": {"RecrawlBehavior": recrawl},
        "SchemaChangePolicy": policy,
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
    }

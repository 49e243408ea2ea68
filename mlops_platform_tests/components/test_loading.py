"""Definitions load without I/O, without heavy modules, and are what the snapshot says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from mlops_platform.definitions import defs

SNAPSHOT = Path(__file__).parent / "definitions.snapshot.json"
HEAVY = [
    "torch",
    "transformers",
    "pyspark",
    "duckdb",
    "pyarrow",
    "pandas",
    "pulumi",
    "confluent_kafka",
    "boto3",
    "botocore",
    "psycopg",
    "dagster_aws",
    "vl_convert",
    "local_cloud",
]

PROBE = """
import json, sys
import urllib3  # probes for IPv6 with a bind when it is imported, by Dagster too
opened = []
def audit(event, args):
    if event in ("socket.connect", "socket.bind"):
        opened.append(f"{event} {args[1]!r}")
sys.addaudithook(audit)
from mlops_platform.definitions import defs
defs().get_repository_def()
print(json.dumps({"opened": opened, "modules": sorted(sys.modules)}))
"""


def test_loading_opens_no_socket_and_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["opened"] == []
    assert [m for m in HEAVY if m in seen["modules"]] == []


def test_snapshot_of_the_definitions() -> None:
    now = describe(defs())
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    then = json.loads(SNAPSHOT.read_text())
    assert now == then, (
        "The definitions changed. If meant: UPDATE_SNAPSHOT=1 make test, and commit the snapshot."
    )


def describe(definitions: dg.Definitions) -> dict[str, object]:
    """Everything a change of the definitions should be seen by: assets, checks, sensors, resources."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {
            key.to_user_string(): {
                "deps": sorted(k.to_user_string() for k in graph.get(key).parent_keys),
                "kinds": sorted(t for t in graph.get(key).tags if t.startswith("dagster/kind/")),
                "group": graph.get(key).group_name,
                "owners": sorted(graph.get(key).owners),
                "partitions": str(graph.get(key).partitions_def),
                "automation": str(graph.get(key).automation_condition),
                "execution": str(graph.get(key).execution_type),
            }
            for key in graph.get_all_asset_keys()
        },
        "checks": sorted(f"{k.asset_key.to_user_string()}:{k.name}" for k in graph.asset_check_keys),
        "sensors": {s.name: s.default_status.value for s in repository.sensor_defs},
        "resources": sorted(repository.get_top_level_resources()),
    }

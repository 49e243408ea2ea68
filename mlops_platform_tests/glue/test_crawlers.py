"""Crawlers, from files in S3 to tables that Athena reads."""

import bz2
import gzip
import io
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_cloud.errors import ServiceError
from local_cloud.glue import GlueEngine
from local_cloud.glue.crawlers.classify import ClassificationError, classify
from local_cloud.glue.crawlers.listing import exclusions
from local_cloud.glue.crawlers.schema import render
from local_cloud.glue.store import now
from local_cloud.objects import ObjectInfo

from mlops_platform_tests.fixtures_cloud import RunningCloud
from mlops_platform_tests.glue.conftest import BUCKET, ROLE, Jobs, new_engine

CSV = b"id,name,price,ok,day\n1,ann,1.5,true,2026-01-02\n2,bob,,false,2026-01-03\n"
QUOTED = b'id,text\n1,"a, b"\n2,"say ""hi"""\n'
JSON_LINES = (
    b'{"id": 1, "Name": "ann", "tags": ["x"], "at": {"lat": 1.5, "n": 3}}\n'
    b'{"id": 5000000000, "Name": null, "tags": [], "at": {"lat": 2, "zip": "z"}}\n'
)


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


class Lake:
    """A folder in S3 of its own, a database, and crawlers over both."""

    def __init__(self, jobs: Jobs, athena: Any, database: str) -> None:
        self.glue, self.s3, self.logs, self.athena = jobs.glue, jobs.s3, jobs.logs, athena
        self.database = database
        self.folder = f"crawl-{uuid.uuid4().hex[:8]}"
        self.path = f"s3://{BUCKET}/{self.folder}/"

    def put(self, **files: bytes) -> None:
        for key, body in files.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"{self.folder}/{key}", Body=body)

    def create(self, path: str = "", **members: Any) -> str:
        name = f"crawler-{uuid.uuid4().hex[:8]}"
        targets = {"S3Targets": [{"Path": self.path + path, **members.pop("target", {})}]}
        given = {"Role": ROLE, "DatabaseName": self.database, "Targets": targets}
        self.glue.create_crawler(Name=name, **(given | members))
        return name

    def run(self, name: str) -> dict[str, Any]:
        """Start a crawler and wait; its ``LastCrawl``."""
        self.glue.start_crawler(Name=name)
        deadline = time.monotonic() + 30
        while True:
            crawler = self.glue.get_crawler(Name=name)["Crawler"]
            if crawler["State"] == "READY":
                return dict(crawler["LastCrawl"])
            assert time.monotonic() < deadline, crawler
            time.sleep(0.02)

    def crawl(self, path: str = "", **members: Any) -> str:
        name = self.create(path, **members)
        last = self.run(name)
        assert last["Status"] == "SUCCEEDED", last
        return name

    def tables(self) -> dict[str, dict[str, Any]]:
        found = self.glue.get_tables(DatabaseName=self.database)["TableList"]
        return {table["Name"]: table for table in found}

    def columns(self, table: str) -> dict[str, str]:
        columns = self.tables()[table]["StorageDescriptor"]["Columns"]
        return {column["Name"]: column["Type"] for column in columns}

    def query(self, sql: str) -> list[list[str | None]]:
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
        )["QueryExecutionId"]
        deadline = time.monotonic() + 30
        while True:
            status = self.athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert status["State"] == "SUCCEEDED", status
        rows = self.athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows[1:]]


@pytest.fixture(scope="module")
def athena(local_cloud: RunningCloud) -> Any:
    return local_cloud.client("athena")


@pytest.fixture
def lake(jobs: Jobs, athena: Any, database: str) -> Lake:
    return Lake(jobs, athena, database)


def test_csv(lake: Lake) -> None:
    lake.put(**{"people/a.csv": CSV, "people/b.csv.txt": CSV})
    name = lake.crawl("people/")
    table = lake.tables()["people"]
    assert lake.columns("people") == {
        "id": "bigint", "name": "string", "price": "double", "ok": "boolean", "day": "string",
    }  # fmt: skip
    storage = table["StorageDescriptor"]
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    written = dict(table["Parameters"])
    assert written.pop("CRAWL_RUN_ID")
    assert written == {
        "CrawlerSchemaDeserializerVersion": "1.0", "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": name, "areColumnsQuoted": "false", "averageRecordSize": str(len(CSV) // 2),
        "classification": "csv", "columnsOrdered": "true", "compressionType": "none", "delimiter": ",",
        "objectCount": "2", "recordCount": "4", "sizeKey": str(2 * len(CSV)), "skip.header.line.count": "1",
        "typeOfData": "file",
    }  # fmt: skip
    assert (
        lake.query("SELECT id, name, price, ok FROM people WHERE price IS NULL ORDER BY 1")
        == [["2", "bob", None, "false"]] * 2
    )


@pytest.mark.parametrize(
    ("body", "columns", "serde"),
    [
        (QUOTED, {"id": "bigint", "text": "string"}, {"quoteChar": '"', "separatorChar": ","}),
        (b"a|b\n1|x\n2|y\n", {"a": "bigint", "b": "string"}, {"field.delim": "|"}),
        (b"1;x\n2;y\n", {"col0": "bigint", "col1": "string"}, {"field.delim": ";"}),
        (b"k\tv\nx\ty\n", {"col0": "string", "col1": "string"}, {"field.delim": "\t"}),
        (
            b"\xef\xbb\xbfN,N,\n1,2,3\n",
            {"n": "bigint", "n_1": "bigint", "col2": "bigint"},
            {"field.delim": ","},
        ),
        (b"n,big\n007,99999999999999999999\n", {"n": "bigint", "big": "string"}, {"field.delim": ","}),
    ],
)
def test_csv_as_the_built_in_classifier_sees_it(
    lake: Lake, body: bytes, columns: dict[str, str], serde: dict[str, str]
) -> None:
    lake.put(**{"t/a.csv": body})
    lake.crawl("t")
    assert lake.columns("t") == columns
    assert lake.tables()["t"]["StorageDescriptor"]["SerdeInfo"]["Parameters"] == serde


def test_json_with_nested_values(lake: Lake) -> None:
    lake.put(**{"events/a.json": JSON_LINES, "events/b.json.gz": gzip.compress(b'{"id": 3}\n')})
    lake.crawl("events/", target={"Exclusions": ["*.gz"]})
    assert lake.columns("events") == {
        "id": "bigint", "name": "string", "tags": "array<string>", "at": "struct<lat:double,n:int,zip:string>",
    }  # fmt: skip
    serde = lake.tables()["events"]["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    assert serde["Parameters"] == {"paths": "Name,at,id,tags"}
    assert lake.query("SELECT id, name, at.lat, at.zip FROM events WHERE id > 3") == [
        ["5000000000", None, "2.0", "z"]
    ]


def test_parquet_in_hive_partitions(lake: Lake) -> None:
    for month, ids in (("01", [1, 2]), ("02", [3])):
        body = parquet(id=pa.array(ids, pa.int32()), at=pa.array([0] * len(ids), pa.timestamp("us")))
        lake.put(**{f"sales/year=2026/month={month}/part-0.parquet": body, "sales/_SUCCESS": b""})
    lake.crawl("sales/")
    table = lake.tables()["sales"]
    assert table["PartitionKeys"] == [{"Name": "year", "Type": "string"}, {"Name": "month", "Type": "string"}]
    assert lake.columns("sales") == {"id": "int", "at": "timestamp"}
    assert table["Parameters"]["recordCount"] == "3"
    assert table["Parameters"]["partition_filtering.enabled"] == "true"
    found = lake.glue.get_partitions(DatabaseName=lake.database, TableName="sales")["Partitions"]
    assert sorted(partition["Values"] for partition in found) == [["2026", "01"], ["2026", "02"]]
    indexes = lake.glue.get_partition_indexes(DatabaseName=lake.database, TableName="sales")
    assert indexes["PartitionIndexDescriptorList"][0]["IndexName"] == "crawler_partition_index"
    assert lake.query("SELECT month, sum(id) FROM sales GROUP BY 1 ORDER BY 1") == [["01", "3"], ["02", "3"]]


def test_plain_folders_are_partitions_when_alike_and_tables_when_not(lake: Lake) -> None:
    for region in ("north", "south"):
        lake.put(**{f"in/orders/{region}/a.csv": CSV, "in/users/u.json": JSON_LINES})
    lake.crawl("in/", TablePrefix="raw_")
    assert set(lake.tables()) == {"raw_orders", "raw_users"}
    assert lake.tables()["raw_orders"]["PartitionKeys"] == [{"Name": "partition_0", "Type": "string"}]
    rows = lake.query("SELECT count(*), partition_0 FROM raw_orders GROUP BY 2 ORDER BY 2")
    assert rows == [["2", "north"], ["2", "south"]]


def test_grouping_options(lake: Lake) -> None:
    lake.put(**{"g/a/x.csv": b"a,b\n1,x\n", "g/b/y.csv": b"c,d\n2,y\n"})
    lake.crawl("g/")
    assert set(lake.tables()) == {"a", "b"}
    grouping = {"TableGroupingPolicy": "CombineCompatibleSchemas"}
    lake.crawl("g/", Configuration=json.dumps({"Version": 1.0, "Grouping": grouping}))
    assert lake.columns("g") == {"a": "bigint", "b": "string", "c": "bigint", "d": "string"}
    lake.put(**{"deep/one/p/1.csv": CSV, "deep/two/p/1.csv": CSV})
    lake.crawl(
        "deep/",
        TablePrefix="l_",
        Configuration=json.dumps({"Version": 1.0, "Grouping": {"TableLevelConfiguration": 4}}),
    )
    assert {"l_one", "l_two"} <= set(lake.tables())
    too_many = json.dumps({"Version": 1.0, "CrawlerOutput": {"Tables": {"TableThreshold": 1}}})
    last = lake.run(lake.create("g/", Configuration=too_many))
    assert last["Status"] == "FAILED"
    assert "greater than the table threshold" in last["ErrorMessage"]


def test_files_in_one_folder_that_differ_are_tables_of_their_own(lake: Lake) -> None:
    lake.put(**{"mixed/orders.csv": b"a,b\n1,x\n", "mixed/users.json": JSON_LINES})
    lake.crawl("mixed/")
    assert {name: table["StorageDescriptor"]["Location"] for name, table in lake.tables().items()} == {
        "orders_csv": f"{lake.path}mixed/orders.csv",
        "users_json": f"{lake.path}mixed/users.json",
    }


def test_a_second_table_of_a_name_gets_another(lake: Lake) -> None:
    lake.put(**{"a/same/1.csv": CSV, "b/same/1.csv": CSV})
    lake.crawl("a/same/")
    lake.crawl("b/same/")
    names = sorted(lake.tables())
    assert names[0] == "same"
    assert len(names[1]) == len("same_") + 32


def change(lake: Lake, **policy: str) -> str:
    """The crawler of a table with one partition that has changed and one that is gone, and of a table that is."""
    lake.put(**{"p/day=1/a.csv": b"a,b\n1,x\n", "p/day=2/a.csv": b"a,b\n1,x\n", "q/a.csv": CSV})
    targets = {"S3Targets": [{"Path": lake.path + part} for part in ("p/", "q/")]}
    name = lake.crawl(Targets=targets, SchemaChangePolicy=policy)
    lake.put(**{"p/day=1/a.csv": b"a,b,c\n1,x,2.5\n"})
    for key in ("p/day=2/a.csv", "q/a.csv"):
        lake.s3.delete_object(Bucket=BUCKET, Key=f"{lake.folder}/{key}")
    return name


def partitions(lake: Lake) -> list[str]:
    found = lake.glue.get_partitions(DatabaseName=lake.database, TableName="p")["Partitions"]
    return sorted(partition["Values"][0] for partition in found)


def test_policy_log_changes_nothing(lake: Lake) -> None:
    name = change(lake, UpdateBehavior="LOG", DeleteBehavior="LOG")
    before = lake.tables()
    assert lake.run(name)["Status"] == "SUCCEEDED"
    assert lake.tables() == before
    assert partitions(lake) == ["1", "2"]


def test_policy_update_and_delete(lake: Lake) -> None:
    name = change(lake, UpdateBehavior="UPDATE_IN_DATABASE", DeleteBehavior="DELETE_FROM_DATABASE")
    lake.run(name)
    assert set(lake.tables()) == {"p"}
    assert lake.columns("p") == {"a": "bigint", "b": "string", "c": "double"}
    assert partitions(lake) == ["1"]
    metrics = lake.glue.get_crawler_metrics(CrawlerNameList=[name])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (0, 1, 1)


def test_policy_deprecate(lake: Lake) -> None:
    name = change(lake, UpdateBehavior="UPDATE_IN_DATABASE", DeleteBehavior="DEPRECATE_IN_DATABASE")
    lake.run(name)
    assert lake.tables()["q"]["Parameters"]["DEPRECATED_BY_CRAWLER"].isdecimal()
    lake.put(**{"q/a.csv": CSV})
    lake.run(name)
    assert "DEPRECATED_BY_CRAWLER" not in lake.tables()["q"]["Parameters"]


def test_only_new_folders(lake: Lake) -> None:
    lake.put(**{"n/day=1/a.csv": b"a,b\n1,x\n"})
    members = {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}}
    with pytest.raises(ClientError, match="must be LOG"):
        lake.create("n/", **members)
    name = lake.crawl("n/", SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}, **members)
    lake.put(**{"n/day=1/b.csv": b"other,columns,here\n1,2,3\n", "n/day=2/a.csv": b"a,b\n1,x\n"})
    assert lake.run(name)["Status"] == "SUCCEEDED"
    found = lake.glue.get_partitions(DatabaseName=lake.database, TableName="n")["Partitions"]
    assert sorted(partition["Values"] for partition in found) == [["1"], ["2"]]
    assert lake.columns("n") == {"a": "bigint", "b": "string"}


def test_custom_csv_classifier(lake: Lake) -> None:
    classifier = f"c-{uuid.uuid4().hex[:8]}"
    lake.glue.create_classifier(
        CsvClassifier={
            "Name": classifier, "Delimiter": "#", "QuoteSymbol": "'", "ContainsHeader": "ABSENT",
            "Header": ["First", "Second"], "Serde": "OpenCSVSerDe",
        }
    )  # fmt: skip
    lake.put(**{"c/a.txt": b"1#'x#y'\n2#'z'\n"})
    lake.crawl("c/", Classifiers=[classifier])
    assert lake.columns("c") == {"first": "bigint", "second": "string"}
    assert lake.query("SELECT first, second FROM c ORDER BY 1") == [["1", "x#y"], ["2", "z"]]
    lake.glue.update_classifier(CsvClassifier={"Name": classifier, "Delimiter": "|"})
    changed = lake.glue.get_classifier(Name=classifier)["Classifier"]["CsvClassifier"]
    assert (changed["Version"], changed["Delimiter"], changed["QuoteSymbol"]) == (2, "|", "'")
    with pytest.raises(ClientError, match="CsvClassifier alone"):
        lake.glue.create_classifier(JsonClassifier={"Name": "j", "JsonPath": "$[*]"})


def test_what_cannot_be_classified_is_told(lake: Lake) -> None:
    lake.put(**{"u/a.csv.bz2": bz2.compress(CSV), "u/readme.md": b"just words"})
    name = lake.crawl("u/")
    assert lake.tables()["u"]["Parameters"]["compressionType"] == "bzip2"
    last = lake.glue.get_crawler(Name=name)["Crawler"]["LastCrawl"]
    assert last["LogGroup"] == "/aws-glue/crawlers"
    events = lake.logs.get_log_events(logGroupName=last["LogGroup"], logStreamName=last["LogStream"])[
        "events"
    ]
    lines = [event["message"] for event in events]
    assert all(line.startswith(f"[{last['MessagePrefix']}] ") for line in lines)
    assert any("readme.md is UNKNOWN" in line for line in lines)
    assert lines[-1].endswith("BENCHMARK : Crawler has finished running and is in state READY")
    lake.put(**{"u/b.avro": b"Obj\x01rest"})
    failed = lake.run(name)
    assert failed["Status"] == "FAILED"
    assert "is Avro: the local cloud's crawlers read" in failed["ErrorMessage"]
    lake.put(**{"u/b.avro": b"PAR1 cut"})
    assert "is damaged" in lake.run(name)["ErrorMessage"]


def test_missing_things_fail_the_crawl(lake: Lake) -> None:
    missing = {"S3Targets": [{"Path": "s3://no-such-bucket-here/x/"}]}
    assert "no-such-bucket-here" in lake.run(lake.create(Targets=missing))["ErrorMessage"]
    assert "no_such_db" in lake.run(lake.create(DatabaseName="no_such_db"))["ErrorMessage"]


def test_life_of_a_crawler(lake: Lake) -> None:
    lake.put(**{"l/a.csv": CSV})
    name = lake.create("l/", Schedule="cron(0 3 * * ? *)", Tags={"team": lake.database})
    with pytest.raises(ClientError, match="already exists"):
        lake.glue.create_crawler(Name=name, Role=ROLE, Targets={"S3Targets": [{"Path": lake.path}]})
    assert lake.glue.list_crawlers(Tags={"team": lake.database})["CrawlerNames"] == [name]
    lake.glue.update_crawler(Name=name, Description="new", TablePrefix="x_")
    crawler = lake.glue.get_crawler(Name=name)["Crawler"]
    assert (crawler["Version"], crawler["Description"]) == (2, "new")
    assert crawler["Schedule"] == {"ScheduleExpression": "cron(0 3 * * ? *)", "State": "SCHEDULED"}
    lake.glue.stop_crawler_schedule(CrawlerName=name)
    with pytest.raises(lake.glue.exceptions.SchedulerNotRunningException):
        lake.glue.stop_crawler_schedule(CrawlerName=name)
    with pytest.raises(lake.glue.exceptions.CrawlerNotRunningException):
        lake.glue.stop_crawler(Name=name)
    lake.run(name)
    assert set(lake.tables()) == {"x_l"}
    crawl = lake.glue.list_crawls(CrawlerName=name)["Crawls"][0]
    assert crawl["State"] == "COMPLETED"
    assert json.loads(crawl["Summary"])["TABLE"]["Details"]["ADD"] == 1
    never = [{"FieldName": "STATE", "FilterOperator": "EQ", "FieldValue": "FAILED"}]
    assert lake.glue.list_crawls(CrawlerName=name, Filters=never)["Crawls"] == []
    assert lake.glue.batch_get_crawlers(CrawlerNames=[name, "nope"])["CrawlersNotFound"] == ["nope"]
    lake.glue.delete_crawler(Name=name)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.start_crawler(Name=name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Targets": {"DynamoDBTargets": [{"Path": "t"}]}}, "not DynamoDBTargets"),
        ({"Configuration": '{"Version": 1.0, "Grouping": {"Typo": 1}}'}, "unknown member Typo"),
        ({"Schedule": "rate(1 day)"}, "Invalid schedule"),
        ({"Classifiers": ["nope"]}, "Classifier nope not found"),
        ({"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}}, "CRAWL_EVENT_MODE"),
    ],
)
def test_what_is_not_honoured_is_refused(lake: Lake, members: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        lake.create(**members)


def test_postgresql_tables(lake: Lake, postgres_connection: str) -> None:
    targets = {"JdbcTargets": [{"ConnectionName": postgres_connection, "Path": "%/crawled/%"}]}
    lake.crawl(Targets=targets)
    (table,) = lake.tables().values()
    assert table["Name"].endswith("_crawled_orders")
    assert table["Parameters"]["classification"] == "postgresql"
    assert lake.columns(table["Name"]) == {
        "id": "bigint", "price": "decimal(10,2)", "at": "timestamp", "note": "string",
    }  # fmt: skip


def test_other_partition_keys_leave_a_table_alone(lake: Lake) -> None:
    lake.put(**{"k/day=1/a.csv": b"a,b\n1,x\n"})
    name = lake.crawl("k/")
    before = lake.tables()
    lake.s3.delete_object(Bucket=BUCKET, Key=f"{lake.folder}/k/day=1/a.csv")
    lake.put(**{"k/month=1/a.csv": b"a,b\n1,x\n"})
    assert lake.run(name)["Status"] == "SUCCEEDED"
    assert lake.tables() == before


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_classified_or_refused(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(body)
    try:
        schema = classify(file, "file", len(body), [])
    except ClassificationError:
        return
    if schema is not None:
        assert schema.columns or schema.classification == "json"
        assert all(name == name.lower() and render(kind) for name, kind in schema.columns)


def crawl_begun(engine: GlueEngine) -> Callable[[], None]:
    """A crawl on disk whose thread has not started."""
    engine.create_database(DatabaseInput={"Name": "d"})
    targets = {"S3Targets": [{"Path": "s3://nowhere/x/"}]}
    engine.create_crawler(Name="c", Role=ROLE, DatabaseName="d", Targets=targets)
    with engine.store.write():
        return engine.begin_crawl("c")


def test_a_crawl_is_stopped(engine: GlueEngine) -> None:
    start = crawl_begun(engine)
    with pytest.raises(ServiceError, match="CrawlerRunningException"):
        engine.start_crawler(Name="c")
    with pytest.raises(ServiceError, match="CrawlerRunningException"):
        engine.delete_crawler(Name="c")
    engine.stop_crawler(Name="c")
    assert engine.get_crawler(Name="c")["Crawler"]["State"] == "STOPPING"
    with pytest.raises(ServiceError, match="CrawlerStoppingException"):
        engine.stop_crawler(Name="c")
    engine.cloud.objects.list = lambda *_: iter([ObjectInfo("x/a", 1, "", now())])  # type: ignore[method-assign]
    start()
    deadline = time.monotonic() + 10
    while (crawler := engine.get_crawler(Name="c")["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert crawler["LastCrawl"]["Status"] == "CANCELLED"
    assert engine.list_crawls(CrawlerName="c")["Crawls"][0]["State"] == "STOPPED"


def test_a_crawl_cut_short_has_failed_and_can_be_started_again(tmp_path: Path) -> None:
    before = new_engine(tmp_path)
    crawl_begun(before)
    before.close()
    after = new_engine(tmp_path)
    crawler = after.get_crawler(Name="c")["Crawler"]
    assert (crawler["State"], crawler["LastCrawl"]["Status"]) == ("READY", "FAILED")
    assert "ended while this crawl was under way" in crawler["LastCrawl"]["ErrorMessage"]
    with after.store.write():
        after.begin_crawl("c")
    after.close()


@pytest.mark.parametrize(
    ("glob", "key", "excluded"),
    [
        # The examples of https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
        ("*.csv", "a.csv", True), ("*.csv", "sub/a.csv", False), ("**.csv", "sub/a.csv", True),
        ("*.*", "a.csv", True), ("*.*", "plain", False), ("foo.?", "foo.c", True), ("foo.?", "foo.cc", False),
        ("*.{csv,json}", "a.json", True), ("*.{csv,json}", "a.txt", False), ("market*", "market-us", True),
        ("??/x", "us/x", True), ("[a-c]*.txt", "b1.txt", True), ("[!a-c]*.txt", "b1.txt", False),
        ("day=1/**", "day=1/p/q.csv", True), ("a[b", "a[b", True), ("\\*.csv", "*.csv", True),
        ("\\*.csv", "a.csv", False),
    ],
)  # fmt: skip
def test_exclusions(glob: str, key: str, excluded: bool) -> None:
    (pattern,) = exclusions([glob])
    assert (pattern.fullmatch(key) is not None) is excluded

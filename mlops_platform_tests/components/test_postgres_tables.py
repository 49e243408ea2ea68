"""A PostgreSQL table's data version changes when the table does, and only then."""

from collections.abc import Iterator

import psycopg
import pytest

from mlops_platform.resources import PostgresResource, resources
from mlops_platform.resources.session import AwsSession

TABLE = "versioned"


@pytest.fixture
def postgres(provisioned: AwsSession) -> Iterator[PostgresResource]:
    assert provisioned.contract().postgres_source("support")
    resource = resources()["postgres"]
    assert isinstance(resource, PostgresResource)
    with resource.connect("support") as connection:
        connection.execute(f"CREATE TABLE {TABLE} (id int PRIMARY KEY, name text, updated_at timestamptz)")
        connection.execute(
            f"INSERT INTO {TABLE} SELECT n, 'name ' || n, now() FROM generate_series(1, 100) n"
        )
    yield resource
    with resource.connect("support") as connection:
        connection.execute(f"DROP TABLE {TABLE}")


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE {TABLE} SET name = 'other' WHERE id = 7",
        f"DELETE FROM {TABLE} WHERE id = 7",
        f"INSERT INTO {TABLE} VALUES (101, 'new', now())",
        f"ALTER TABLE {TABLE} ADD COLUMN more int",
        f"UPDATE {TABLE} SET name = (SELECT name FROM {TABLE} AS o WHERE o.id = 3 - {TABLE}.id) WHERE id IN (1, 2)",
    ],
)
def test_every_change_changes_the_version(postgres: PostgresResource, change: str) -> None:
    before = postgres.table_state("support", "public", TABLE, None)
    with postgres.connect("support") as connection:
        connection.execute(change)
    assert postgres.table_state("support", "public", TABLE, None).data_version != before.data_version


def test_rows_moved_on_disk_are_no_change(postgres: PostgresResource) -> None:
    before = postgres.table_state("support", "public", TABLE, None)
    assert before.row_count == 100
    assert [c[:3] for c in before.columns][:2] == [("id", "integer", False), ("name", "text", True)]
    with postgres.connect("support") as connection:
        connection.execute(f"UPDATE {TABLE} SET name = name")
    assert postgres.table_state("support", "public", TABLE, None) == before


def test_a_version_column_is_followed(postgres: PostgresResource) -> None:
    before = postgres.table_state("support", "public", TABLE, "updated_at")
    with postgres.connect("support") as connection:
        connection.execute(f"UPDATE {TABLE} SET updated_at = now() + interval '1 day' WHERE id = 7")
    assert postgres.table_state("support", "public", TABLE, "updated_at").data_version != before.data_version


def test_a_table_that_is_gone_is_named(postgres: PostgresResource) -> None:
    with pytest.raises(LookupError, match=r"'support' has no table public\.nowhere"):
        postgres.table_state("support", "public", "nowhere", None)


def test_a_name_is_never_sql(postgres: PostgresResource) -> None:
    name = f'x"; DROP TABLE {TABLE}; --'
    with postgres.connect("support") as connection:
        connection.execute(psycopg.sql.SQL("CREATE TABLE {} (id int)").format(psycopg.sql.Identifier(name)))
    try:
        assert postgres.table_state("support", "public", name, None).row_count == 0
        assert postgres.table_state("support", "public", TABLE, None).row_count == 100
    finally:
        with postgres.connect("support") as connection:
            connection.execute(psycopg.sql.SQL("DROP TABLE {}").format(psycopg.sql.Identifier(name)))

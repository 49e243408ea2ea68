"""TestConnection opens the database for real."""

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.glue.conftest import Jobs


def test_a_good_connection(jobs: Jobs, postgres_connection: str) -> None:
    jobs.glue.test_connection(ConnectionName=postgres_connection)
    stored = jobs.glue.get_connection(Name=postgres_connection)["Connection"]
    given = {key: stored[key] for key in ("ConnectionType", "ConnectionProperties")}
    jobs.glue.test_connection(TestConnectionInput=given)


def test_what_is_wrong_is_told(jobs: Jobs, postgres_connection: str) -> None:
    stored = jobs.glue.get_connection(Name=postgres_connection)["Connection"]["ConnectionProperties"]

    def refused(**properties: str) -> str:
        given = {"ConnectionType": "JDBC", "ConnectionProperties": {**stored, **properties}}
        with pytest.raises(jobs.glue.exceptions.InvalidInputException) as error:
            jobs.glue.test_connection(TestConnectionInput=given)
        return str(error.value)

    wrong = refused(PASSWORD="not-the-password")
    assert "password authentication failed" in wrong
    assert "not-the-password" not in wrong
    assert "does not exist" in refused(
        JDBC_CONNECTION_URL=stored["JDBC_CONNECTION_URL"].replace("support", "nowhere")
    )
    assert "the only kind" in refused(JDBC_CONNECTION_URL="jdbc:mysql://127.0.0.1:1/x")
    assert "no user and password" in refused(SECRET_ID="no-such-secret")
    with pytest.raises(ClientError, match="nope not found"):
        jobs.glue.test_connection(ConnectionName="nope")
    with pytest.raises(ClientError, match="give ConnectionName or TestConnectionInput"):
        jobs.glue.test_connection()

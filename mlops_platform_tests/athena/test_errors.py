"""What fails, fails with Athena's name, place and words; what cannot be honoured is refused."""

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.athena.conftest import Athena

FAILURES = {
    "SELECT x FROM sales": "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved",
    "SELECT * FROM nope": "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{db}.nope' does not exist",
    "SELECT *\n  FROM nodb.nope": "SCHEMA_NOT_FOUND: line 2:8: Schema 'nodb' does not exist",
    "SELECT foo(1)": "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered",
    "SELECT 1 +": "SYNTAX_ERROR: line 1:",
    "SELECT 1 = 'a'": "TYPE_MISMATCH: line 1:8: Cannot apply operator: integer = varchar(1)",
    "SELECT name FROM sales GROUP BY day": "EXPRESSION_NOT_AGGREGATE: line 1:8: 'name' must be an aggregate expression",
    "SELECT 1/0": "DIVISION_BY_ZERO: Division by zero",
    "SELECT CAST('a' AS integer)": "INVALID_CAST_ARGUMENT: Cannot cast 'a' to INT",
    "SELECT read_csv('/etc/passwd')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM read_text('/etc/passwd')": "NOT_SUPPORTED",
    "SELECT * FROM '/etc/passwd'": "",
    "SELECT getenv('HOME')": "FUNCTION_NOT_FOUND",
    "SELECT current_setting('x')": "FUNCTION_NOT_FOUND",
    "SELECT checksum(1)": "NOT_SUPPORTED: line 1:8: Function 'checksum' is not supported by the local Athena engine",
    "SELECT * FROM sales TABLESAMPLE BERNOULLI (101)": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT regexp_like('a', '(?=a)')": "NOT_SUPPORTED",
    "EXPLAIN ANALYZE SELECT 1": "NOT_SUPPORTED",
    "SELECT 1; SELECT 2": "INVALID_INPUT: Only one sql statement is allowed",
}


@pytest.mark.parametrize("sql", FAILURES)
def test_a_failing_statement_says_why(sales: Athena, sql: str) -> None:
    reason = sales.failure(sql)
    assert reason.startswith(FAILURES[sql].format(db=sales.database)), reason


def test_the_error_carries_category_and_type(sales: Athena) -> None:
    answer = sales.wait(sales.start("SELECT * FROM nope"))
    error = answer.execution["Status"]["AthenaError"]
    assert (error["ErrorCategory"], error["ErrorType"], error["Retryable"]) == (2, 1301, False)
    assert error["ErrorMessage"] == answer.reason


def test_a_statement_athena_has_not_is_refused_at_once(athena: Athena) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException"):
        athena.start("GRANT SELECT ON x TO y")
    with pytest.raises(ClientError, match="Expecting"):
        athena.start("SELEC 1")


def test_requests_without_a_place_for_results_are_refused(athena: Athena) -> None:
    with pytest.raises(ClientError, match="No output location provided"):
        athena.client.start_query_execution(QueryString="SELECT 1")


def test_results_of_a_failed_query_are_refused(athena: Athena) -> None:
    answer = athena.wait(athena.start("SELECT 1/0"))
    with pytest.raises(ClientError, match="Final query state: FAILED"):
        athena.client.get_query_results(QueryExecutionId=answer.id)


def test_a_bucket_that_is_gone_is_named(athena: Athena) -> None:
    reason = athena.failure("SELECT 1", ResultConfiguration={"OutputLocation": "s3://no-such-bucket-here/x/"})
    assert "NoSuchBucket" in reason

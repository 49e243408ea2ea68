"""Between Spark's client and the engine: every plan is corrected on its way."""

from typing import Any

from local_glue.corrections import arrow


def install() -> None:
    """Patch Spark Connect's client."""
    from pyspark.sql.connect.client import SparkConnectClient

    from local_glue.corrections import plans

    analyze = SparkConnectClient._analyze
    execute, fetch = SparkConnectClient._execute, SparkConnectClient._execute_and_fetch_as_iterator

    def corrected_analyze(self: Any, method: str, **given: Any) -> Any:
        if given.get("plan") is not None:
            plans.correct(self, given["plan"])
        return analyze(self, method, **given)

    def corrected_execute(self: Any, request: Any) -> None:
        plans.correct(self, request.plan)
        execute(self, request)

    def corrected_fetch(self: Any, request: Any) -> Any:
        plans.correct(self, request.plan)
        return fetch(self, request)

    def schema(self: Any, plan: Any) -> Any:
        return analyze(self, "schema", plan=plan).schema

    def resolved(self: Any, plan: Any) -> str:
        text = analyze(self, "explain", plan=plan, explain_mode="extended").explain_string
        return str(text).partition("== Optimized Logical Plan ==")[2].partition("== Physical")[0]

    SparkConnectClient._analyze = corrected_analyze
    SparkConnectClient._execute = corrected_execute
    SparkConnectClient._execute_and_fetch_as_iterator = corrected_fetch
    SparkConnectClient._uncorrected_schema = schema
    SparkConnectClient._uncorrected_plan = resolved
    arrow.install()

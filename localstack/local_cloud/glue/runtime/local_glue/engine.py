"""Brings up Spark for a script: Sail behind Spark Connect, or Apache Spark itself."""

import logging
import os
import sys
import threading

_SAIL = {
    "RUST_LOG": "error",
    "SAIL_PARQUET__COMPRESSION": "snappy",  # Spark's default codec; Sail's is zstd
}


def install(engine: str, conf: dict[str, str]) -> None:
    """Make ``SparkContext``, ``SparkSession`` and ``GlueContext`` work in this process."""
    logging.getLogger("pyspark").setLevel(logging.ERROR)
    if engine == "pyspark":
        os.environ["PYSPARK_SUBMIT_ARGS"] = _submit_arguments(conf)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ["PYSPARK_PYTHON"] = sys.executable  # else Spark's workers are the first python3 on PATH
        from local_glue import staging

        staging.install()
        return
    server = threading.Thread(target=_serve)
    server.start()  # loads the engine's library while Spark's client is imported
    import pyspark.sql.connect.session  # noqa: F401

    from local_glue import spark_context

    server.join()
    if "SPARK_REMOTE" not in os.environ:
        raise RuntimeError("The Spark engine (Sail) did not start; its message is in the job's error log.")
    spark_context.install(conf)
    from local_glue import catalog, functions, reads, table_writes, unions, writes
    from local_glue.corrections import install as corrections

    for part in (corrections, reads, writes, table_writes, catalog, functions, unions):
        part.install()


def _serve() -> None:
    for name, value in _SAIL.items():
        os.environ.setdefault(name, value)
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    os.environ["SPARK_REMOTE"] = f"sc://{host}:{port}"
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    _keep.append(server)


_keep: list[object] = []


def _submit_arguments(conf: dict[str, str]) -> str:
    import shlex

    settings = {
        "spark.master": "local[*]",
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        **conf,
    }
    pairs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    return shlex.join([*pairs, "pyspark-shell"])

"""A stand-in for ``SparkContext``, which Spark Connect lacks: what Glue scripts use; a clear word on the rest."""
# ruff: noqa: ARG002, ARG004, ARG005 (Spark's own signatures)

import os
import threading
import uuid
from typing import Any

from local_glue.run import UnsupportedError

_conf: dict[str, str] = {}


class SparkContext:
    """``SparkContext()`` and ``SparkContext.getOrCreate()`` of Glue scripts. RDDs are not to be had."""

    # What PySpark itself looks at: there is no JVM context.
    _active_spark_context = _gateway = _jvm = None
    _lock = threading.RLock()
    _instance: "SparkContext | None" = None

    def __new__(cls, *args: Any, **kwargs: Any) -> "SparkContext":
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.applicationId = f"spark-application-{uuid.uuid4().hex}"
        return cls._instance

    def __init__(
        self, master: Any = None, appName: str | None = None, *_: Any, conf: Any = None, **__: Any
    ) -> None:
        self.appName = appName or getattr(self, "appName", "glue")
        self.master = "local[*]"
        if conf is not None:
            apply_conf(dict(conf.getAll()))

    @classmethod
    def getOrCreate(cls, conf: Any = None) -> "SparkContext":
        """The one context of this process."""
        return cls(conf=conf)

    @property
    def version(self) -> str:
        """Spark's version."""
        import pyspark

        return pyspark.__version__

    @property
    def defaultParallelism(self) -> int:
        """The machine's cores."""
        return os.cpu_count() or 1

    def setLogLevel(self, logLevel: str) -> None:
        """Accepted: the engine logs errors only."""

    def getConf(self) -> Any:
        """The settings given so far, as a ``SparkConf``-like object."""
        return _Conf(_conf)

    def stop(self) -> None:
        """The engine ends with the job."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"SparkContext.{name} is not supported: the local Spark engine (Sail, Spark Connect) has no RDDs "
            "and no JVM. Use DataFrames, or run the job with LOCAL_CLOUD_GLUE_ENGINE=pyspark."
        )


class _Conf:
    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings

    def get(self, key: str, defaultValue: Any = None) -> Any:
        return self._settings.get(key, defaultValue)

    def set(self, key: str, value: str) -> "_Conf":
        apply_conf({key: value})
        return self

    def getAll(self) -> list[tuple[str, str]]:
        return list(self._settings.items())


def session() -> Any:
    """The session, with all settings applied."""
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def apply_conf(settings: dict[str, str]) -> None:
    """Set Spark settings now, or when the session is made."""
    _conf.update(settings)


def install(settings: dict[str, str]) -> None:
    """Put the stand-in where scripts import ``SparkContext`` from, and settings into every new session."""
    import pyspark
    import pyspark.context
    from pyspark.sql.connect.session import SparkSession

    pyspark.SparkContext = pyspark.context.SparkContext = SparkContext
    apply_conf({"spark.sql.session.timeZone": "UTC", **settings})
    original = SparkSession.Builder.getOrCreate

    def get_or_create(self: Any) -> Any:
        spark = original(self)
        if not getattr(spark, "_glue_configured", False):
            spark._glue_configured = True
            for key, value in _conf.items():
                spark.conf.set(key, value)
        return spark

    SparkSession.Builder.getOrCreate = get_or_create
    SparkSession.sparkContext = property(lambda self: SparkContext.getOrCreate())

"""Functions whose results differ from Spark's without an error: corrected where it is simple."""

from typing import Any

_STATISTICS = ("count", "mean", "stddev", "min", "max")


def install() -> None:
    """Patch the methods of DataFrames."""
    import pyspark.sql.connect.functions as connect
    from pyspark.sql.connect.dataframe import DataFrame

    native_count = DataFrame.count
    DataFrame.count = lambda self: int(native_count(self))  # the Connect client gives NumPy's integer
    native_describe = DataFrame.describe

    def describe(self: Any, *cols: Any) -> Any:
        """The statistics in Spark's order; the engine gives them in any."""
        frame = native_describe(self, *cols)
        place = connect.lit(len(_STATISTICS))
        for number, name in enumerate(_STATISTICS):
            place = connect.when(connect.col("summary") == name, number).otherwise(place)
        return frame.orderBy(place)

    DataFrame.describe = describe

    def refuse_rdd(_: Any) -> Any:
        raise NotImplementedError(  # an AttributeError would send Python on to __getattr__ and its message
            "DataFrame.rdd is not supported by the local Spark engine (Spark Connect has no RDDs): "
            "use DataFrame methods, mapInPandas or applyInPandas, or run the job with LOCAL_CLOUD_GLUE_ENGINE=pyspark."
        )

    DataFrame.rdd = property(refuse_rdd)

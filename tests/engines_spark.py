"""One Spark context for all tests of a process, and engines in it."""

from __future__ import annotations

from functools import cache

from tactful.personal.engines.spark import Spark

SETTINGS = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # compiled for a short life
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "3",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


@cache
def spark() -> Spark:
    """The engine, on two processors; its context ends with the process."""
    return Spark(master="local[2]", settings=SETTINGS)


def spark_session():
    """A session in the same context, with its own views."""
    return spark()._context().newSession()

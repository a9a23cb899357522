"""How Spark is started, what a context must have, and the settings that every session of the gate has of its own.

Notes
-----
*Disks.* Spark writes shuffles and persisted rows to the disks of its executors. ``spark.io.encryption.enabled`` has it
do so under a key that lives as long as the context; a context without it is refused, since nothing can turn it on
afterwards.

*Wires.* Executors are inside the trust boundary: they read raw ids, and the keys of pseudonyms and assignment are sent
to them with each task. On several machines set ``spark.authenticate`` and ``spark.network.crypto.enabled``, or Spark's
TLS (``spark.ssl.rpc.enabled``). tactful does not turn them on by itself: a standalone cluster then needs a secret that
all its machines share, and on YARN and Kubernetes it is whoever runs the cluster who knows.

*Casts.* Nothing here reads values by Spark's own casts or CSV reader, whose exceptions quote the value they failed on:
Spark writes exceptions to its event log. See `tactful.personal.engines.spark_naming`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tactful.errors import ConfigError, MissingExtraError
from tactful.personal.engines.spark_silence import mapped, silence
from tactful.records.interrupts import uninterrupted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENCRYPTED = "spark.io.encryption.enabled"
_STARTED = {
    "spark.app.name": "tactful",
    ENCRYPTED: "true",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
}
"""What a context is started with, unless the settings say otherwise."""
_OWN = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.files.ignoreCorruptFiles": "false",  # a file of refusals must not be skipped
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # Spark has no nanoseconds: the footer says which they are
    "spark.sql.orc.mergeSchema": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",  # a time without a zone is UTC, not this machine's
    "spark.sql.parquet.mergeSchema": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",  # user_id=007 is not user_id=7
}
"""What the answer depends on. Of every session of the gate; no setting changes it."""
_TUNED = {
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64MB",  # rather than sort the log
    "spark.sql.autoBroadcastJoinThreshold": "64MB",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(1 << 16),
    "spark.sql.inMemoryColumnarStorage.compressed": "false",  # pseudonyms are random: half the time for nothing
    "spark.sql.requireAllClusterKeysForCoPartition": "false",  # rows that lie by person stay there
    "spark.sql.ui.explainMode": "simple",  # plans are written at each step of each query
}
"""What only speed depends on; settings may change it."""
_LACKING = re.compile(r"No module named '([\w.]+)'")
_PARTITIONS = "spark.sql.shuffle.partitions"
_EACH, _EACH_HERE = 4, 2  # shuffle partitions a processor, and on one machine, where each writes the whole sum for less
_LEAST = 200  # on a cluster, which may grow once there is work


def started(session: SparkSession | None, master: str | None, settings: Mapping[str, str]) -> tuple[SparkSession, bool]:
    """The given session, or the one there is, or a new one; and whether it was started here.

    Raises
    ------
    MissingExtraError
        If pyspark is not installed.
    ConfigError
        If there is no Java or no master, the context writes rows in the clear, it is started and has other settings, or
        its workers cannot import tactful.
    """
    check(settings)
    found = session if session is not None else _active()
    if found is not None and type(found).__module__.startswith("pyspark.sql.connect"):
        raise ConfigError("Spark runs in this process", given="a session of Spark Connect", do="Name a master instead")
    if found is not None:
        _check_agreed(found, master, settings)
        _check_encrypted(found.sparkContext.getConf().get(ENCRYPTED, "false"))
        _check_workers(found)
        return found, False
    made = _started(master, settings)
    try:
        _check_workers(made)
    except BaseException:  # somebody who interrupts does not want it either
        made.stop()
        raise
    return made, True


def own(base: SparkSession, settings: Mapping[str, str]) -> SparkSession:
    """A session with views and SQL settings of its own, in the context of this one."""
    made = base.newSession()
    context = base.sparkContext
    cores = context.defaultParallelism
    partitions = _EACH_HERE * cores if context.master.startswith("local") else partitions_of(cores)
    chosen = {key: value for key, value in settings.items() if key.startswith("spark.sql.")}
    given = {key: value for key, value in context.getConf().getAll() if key in {_PARTITIONS, *_TUNED}}
    for key, value in ({_PARTITIONS: str(partitions)} | _TUNED | given | chosen | _OWN).items():
        if made.conf.isModifiable(key):
            made.conf.set(key, value)
    return made


def check(settings: Mapping[str, str]) -> None:
    """Raise `ConfigError` if a setting contradicts what the answer depends on, or has rows written in the clear."""
    _check_encrypted(settings.get(ENCRYPTED, "true"))
    differing = [key for key, value in settings.items() if _OWN.get(key, value) != value]
    if differing:
        raise ConfigError(
            "what the gate's answer depends on is not set",
            given=f"{', '.join(sorted(differing))} differ",
            do="Leave them out",
        )


def partitions_of(cores: int) -> int:
    """Into how many parts rows are shuffled on a cluster, unless its settings say otherwise or they are few."""
    return max(_LEAST, _EACH * cores)


def _active() -> SparkSession | None:
    """The session of this thread, or one in the context that there is in this process, whichever thread started it.

    Spark's builder would find that context too, but sets what it is given in it, and does not say whose it is.
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise MissingExtraError("to run on Spark", extra="spark", missing=error.name or "pyspark") from None
    from pyspark import SparkContext

    found = SparkSession.getActiveSession()
    if found is None and (running := SparkContext._active_spark_context) is not None:
        found = SparkSession(running)
    return found if found is None or found.sparkContext._jsc is not None else None


def _started(master: str | None, settings: Mapping[str, str]) -> SparkSession:
    """A session in a context of its own. Java's words and Spark's are in the terminal; they are not repeated.

    A second context is an error of Spark's: that of somebody else who was faster is never taken for our own.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    asked = SparkConf().setAll(list((_STARTED | dict(settings)).items()))
    if master is not None:
        asked.setMaster(master)
    failed = ""
    try:
        with uninterrupted():  # Java that was half started would never end
            SparkContext._ensure_initialized(conf=asked)
        made = SparkSession(SparkContext(conf=asked))
    except Exception as error:  # py4j's, pyspark's and the socket's have no common root
        failed = type(error).__name__
    if failed:
        java = shutil.which("java", path=os.environ.get("JAVA_HOME", "") + "/bin") or shutil.which("java")
        raise ConfigError(
            "Spark can start, with Java 17 or later and a master that answers",
            given=f"it stopped with {failed}" if java else "there is no java in JAVA_HOME or on the path",
            do=f"Correct the master ({master or 'none is named'}), or read what Java said"
            if java
            else "Install a Java runtime, 17 or later, or set JAVA_HOME",
        )
    if made.sparkContext.master.startswith("local") and "PYSPARK_PYTHON" not in os.environ:
        made.sparkContext.pythonExec = sys.executable  # not whichever python3 is first on the path
    return made


def _check_encrypted(said: str) -> None:
    """Raise `ConfigError` if Spark would write rows to its disks in the clear."""
    if said.strip().lower() != "true":
        raise ConfigError(
            "Spark encrypts what it writes to its disks",
            given=f"{ENCRYPTED} is not true",
            do="Leave it out under [engine.settings]; of a context that is started by others, set it before they start",
        )


def _check_workers(base: SparkSession) -> None:
    """Raise `ConfigError` if a worker cannot import tactful, and say what it lacks, which no later error does."""
    with silence():
        try:
            mapped(base.newSession().range(0, 1, 1, 1), _imported, "id BIGINT").collect()
        except Exception as error:  # py4j's, pyspark's and the socket's have no common root
            lacking = _LACKING.search(str(error))
            given = f"one has no module {lacking[1]}" if lacking else f"one stopped with {type(error).__name__}"
        else:
            return
    raise ConfigError(
        "Spark's workers can import tactful",
        given=given,
        do="Install tactful[spark] in the Python of each of its machines, and name that Python in PYSPARK_PYTHON",
    )


def _imported(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; a worker finds this function only where it can import tactful."""
    yield from batches


def _check_agreed(base: Any, master: str | None, settings: Mapping[str, str]) -> None:
    """Raise `ConfigError` if a context that is started has another master, or settings that cannot change any more."""
    context = base.sparkContext
    fixed = {key: value for key, value in settings.items() if not key.startswith("spark.sql.")}
    fixed |= {} if master is None else {"spark.master": master}
    differing = [key for key, value in fixed.items() if context.getConf().get(key) != value]
    if differing:
        raise ConfigError(
            "Spark is started with its settings",
            given=f"it is running, and differs in {', '.join(sorted(differing))}",
            do="Stop it first, or leave them out",
        )

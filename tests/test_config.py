"""What a configuration may say about where it comes from and who publishes what it makes."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from tactful.assurance.summary import Curator
from tactful.config import LakeTable, TrainingConfig
from tactful.errors import ConfigError, SecretError
from tactful.personal.engines.choice import table_of
from tactful.personal.engines.duckdb import DuckDB
from tactful.planning import Planned, noise_cost_told
from tactful.sources import engine_by, names

CONFIGS = Path(__file__).parents[1] / "configs"
SHIPPED = (CONFIGS / "grocery.toml").read_text(encoding="utf-8")


def loaded(folder: Path, text: str) -> TrainingConfig:
    """The configuration with this text."""
    (folder / "some.toml").write_text(text, encoding="utf-8")
    return TrainingConfig.load(folder / "some.toml")


@pytest.mark.parametrize("tuning", ["not stated", "none", "public data", "paid trials"])
def test_a_configuration_says_where_its_settings_came_from(tuning: str, tmp_path: Path) -> None:
    """By one of three ways, each of which costs nobody anything that is not debited."""
    text = SHIPPED.replace('tuning = "public data"', f'tuning = "{tuning}"')
    assert loaded(tmp_path, text).privacy.tuning == tuning


def test_another_way_to_choose_settings_is_refused(tmp_path: Path) -> None:
    """To look at people without paying is none of them."""
    with pytest.raises(ConfigError, match="tuning"):
        loaded(tmp_path, SHIPPED.replace('tuning = "public data"', 'tuning = "their history"'))


def test_unless_it_is_said_nothing_was_looked_at(tmp_path: Path) -> None:
    """The default is the one that claims least about trials; who publishes is not stated."""
    text = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith(("tuning", "curator", "sector")))
    config = loaded(tmp_path, text)
    told, unsaid = config.model, Curator()
    assert config.privacy.tuning == "not stated"
    assert (told.curator, told.curator_type, told.region, told.sector) == (
        unsaid.name,
        unsaid.kind,
        unsaid.region,
        unsaid.sector,
    )


@pytest.mark.parametrize("key", ["intended_use", "unit", "curator", "curator_type", "region", "sector"])
def test_words_that_documents_need_are_not_empty(key: str, tmp_path: Path) -> None:
    """Found out before anything is paid: a privacy statement has no empty field."""
    kept = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(ConfigError, match=key):
        loaded(tmp_path, kept.replace("[model]", f'[model]\n{key} = ""'))


def test_notes_are_not_empty(tmp_path: Path) -> None:
    """Nor is one of several."""
    with pytest.raises(ConfigError, match="not_covered"):
        loaded(tmp_path, SHIPPED.replace("not_covered = [", 'not_covered = [ "",'))


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('"65+" = "55 and over" }', '"65+" = "55 and over", "55 and over" = "65+" }', "never back"),
        ('merge = { "19-24"', 'merge = { "19-25" = "under 35", "19-24"', "no level"),
        ('intersections = [["age", "household"]]', 'intersections = [["age", "age"]]', "two declared attributes"),
        ('intersections = [["age", "household"]]', 'intersections = [["age", "shoe_size"]]', "two declared attributes"),
        ("leakage = true", "leakage = true\nhistory_edges = [10, 10]", "rise"),
        ('attribute = "income"', 'attribute = "household × age"', "declared attributes"),
    ],
)
def test_groups_that_make_no_sense_are_refused(was: str, becomes: str, says: str, tmp_path: Path) -> None:
    """Merges that lead back, intersections of one, strata that do not rise, rules about nothing that is declared."""
    assert was in SHIPPED
    with pytest.raises(ConfigError, match=says):
        loaded(tmp_path, SHIPPED.replace(was, becomes, 1))


def test_a_rule_may_be_about_an_intersection(tmp_path: Path) -> None:
    """By the names of its two attributes, in the order in which it is declared."""
    config = loaded(tmp_path, SHIPPED.replace('attribute = "income"', 'attribute = "age × household"', 1))
    assert [rule.attribute for rule in config.fairness.rules] == ["age", "age × household", "household"]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('category = "department"', 'metrics = ["ndcg@10", "miscalibration@10"]', "category"),
        ('metric = "ndcg@10"', 'metric = "ndcg@7"', "measured"),
        ("leakage = true", 'leakage = true\nmetrics = ["ndcg@10", "joy"]', "joy"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_paid(
    was: str, becomes: str, says: str, tmp_path: Path
) -> None:
    """A metric nobody knows, or one without what it is measured with."""
    with pytest.raises(ConfigError, match=says):
        Planned.of(loaded(tmp_path, SHIPPED.replace(was, becomes, 1)))


def test_noise_is_not_priced_for_a_method_that_asks_again(tmp_path: Path) -> None:
    """Private alternating least squares has no second model; the metric is then not in the vector."""
    plain = loaded(tmp_path, SHIPPED)
    other = loaded(tmp_path, SHIPPED.replace('name = "grocery"', 'name = "grocery"\nmethod = "dpals"', 1))
    vectors = [Planned.of(settings).design.groups["age"].metrics for settings in (plain, other)]
    assert ["noise_cost@10" in metrics for metrics in vectors] == [True, False]
    assert [noise_cost_told(settings) for settings in (plain, other)] == [True, False]


def test_retention_of_a_category_is_shorter_and_of_a_declared_one(tmp_path: Path) -> None:
    """A misspelt category would keep rows that should be gone."""
    assert loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmoking = 30\n").policy.retention == {"smoking": 30}
    with pytest.raises(ConfigError, match="smokin"):
        loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmokin = 30\n")
    with pytest.raises(ConfigError, match="at most retention_days"):
        loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmoking = 3000\n")


def test_who_answers_for_the_data_is_stated_or_said_not_to_be(tmp_path: Path) -> None:
    """Nothing is made up for a notice."""
    assert loaded(tmp_path, SHIPPED).controller.name == "not stated"
    assert loaded(tmp_path, SHIPPED + '\n[controller]\nname = "Shop"\n').controller.name == "Shop"


def test_tables_may_be_tactfuls_own(tmp_path: Path) -> None:
    """Without interactions and consents, the vault and the consent store are read; attributes are in the vault, too."""
    text = "\n".join(
        line for line in SHIPPED.splitlines() if not line.startswith(("interactions =", "consents =", "attributes ="))
    )
    data = loaded(tmp_path, text).data
    assert (data.interactions, data.consents, data.attributes) == (None, None, None)
    text = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith("attributes ="))
    with pytest.raises(ConfigError, match="attributes"):
        loaded(tmp_path, text)


SPARK = '[engine]\nname = "spark"\n'
LOG = 'interactions = "models/demo/interactions.parquet"'


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ('{ table = "shop.purchases" }', "spark:shop.purchases"),
        ('{ format = "delta", path = "s3a://lake/log" }', "spark:delta s3a://lake/log"),
        (
            '{ format = "jdbc", options = { url = "jdbc:x://h/d", dbtable = "log", password = "env:PASSWORD" } }',
            "spark:jdbc with dbtable, password, url",
        ),
    ],
)
def test_tables_of_a_lake_have_a_name_for_the_journal(table: str, place: str, tmp_path: Path) -> None:
    """By catalogue, path or options; the journal never gets the value of an option."""
    config = loaded(tmp_path, SPARK + SHIPPED.replace(LOG, f"interactions = {table}"))
    assert config.in_a_lake == ("interactions",)
    assert names(config.data, store_holds=True) | {"interactions": place} == names(config.data, store_holds=True)


@pytest.mark.parametrize(
    ("engine", "table", "says"),
    [
        ("", '{ table = "shop.purchases" }', 'set `name = "spark"`'),
        ("", '"s3a://lake/log"', "an address is for Spark"),
        (SPARK, '{ tabel = "shop.purchases" }', "`data.interactions.tabel` is not a key. Valid keys there: table"),
        (SPARK, '{ table = "shop.purchases", path = "s3a://lake/log" }', "a table is"),
        (SPARK, '{ format = "delta" }', "does not say where"),
        (SPARK, "{ }", "a table is"),
    ],
)
def test_tables_that_say_too_little_or_too_much_are_refused(engine: str, table: str, says: str, tmp_path: Path) -> None:
    """One of two ways, with Spark alone."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, engine + SHIPPED.replace(LOG, f"interactions = {table}"))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        ('name = "flink"', "engine.name"),
        ('master = "local[2]"', "Spark's"),
        ('settings = { "spark.ui.enabled" = "false" }', "Spark's"),
        ('name = "spark"\nmemory = "6GiB"', "spark.executor.memory"),
        ('memory = "lots"', "engine.memory"),
        (
            'name = "spark"\n[engine.settings]\nspark.executor.memory = "8g"',
            "name of a setting in quotes",
        ),
    ],
)
def test_an_engine_gets_what_is_its_own(engine: str, says: str, tmp_path: Path) -> None:
    """A setting that would have no effect is refused."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        loaded(tmp_path, f"[engine]\n{engine}\n{SHIPPED}")


JDBC = '{{ format = "jdbc", options = {{ url = "{}", dbtable = "t" }} }}'
SECRETS = [  # tables of a lake that hold the secret OPEN
    '{ format = "jdbc", options = { url = "jdbc:x://h/d", dbtable = "t", password = "OPEN" } }',
    '{ format = "jdbc", options = { url = "jdbc:x://h/d", dbtable = "t", user = "OPEN" } }',
    '{ format = "JDBC", options = { url = "jdbc:x://h/d", dbtable = "t", sslphrase = "OPEN" } }',
    JDBC.format("jdbc:x://h/d?user=a&password=OPEN"),
    JDBC.format("jdbc:oracle:thin:scott/OPEN@//db:1521/x"),
    JDBC.format("jdbc:oracle:thin:scott/OPEN@db:1521:x"),
    JDBC.format("jdbc:sqlserver://h;user=a;password=OPEN"),
    JDBC.format("jdbc:db2://h:50000/d:user=a;password=OPEN;"),
    JDBC.format("jdbc:snowflake://h?private_key_base64=OPEN"),
    JDBC.format("jdbc:mysql://a:OPEN@h/d"),
    JDBC.format("jdbc:mysql://address=(host=h)(word=OPEN)/d"),
    '{ format = "delta", path = "s3a://key:OPEN@lake/log" }',
    '{ format = "delta", path = "s3a://key:OP/EN@lake/log" }',
    '{ format = "delta", path = "s3a://OPEN@lake/log" }',
    '{ format = "delta", path = "abfss://c:OPEN@a.dfs.core.windows.net/log" }',
    '{ format = "parquet", path = "wasbs://c@a.blob.core.windows.net/x?sv=1&se=OPEN" }',
    '{ format = "parquet", path = "/x;sig=OPEN" }',
    '{ format = "mongodb", options = { "connection.uri" = "mongodb+srv://u:OPEN@h/d" } }',
    '{ format = "cosmos", options = { connectionString = "Endpoint=sb://x/;SharedAccessKey=OPEN" } }',
    '{ format = "bigquery", options = { told = """{ "private_key": "OPEN" }""" } }',
    '{ table = "parquet.`s3a://key:OPEN@lake/log`" }',
    '"s3a://key:OPEN@lake/log"',
]


@pytest.mark.parametrize("told", SECRETS)
def test_no_secret_stands_in_a_table_of_a_lake(told: str, tmp_path: Path) -> None:
    """It is shown beside every model. The error does not repeat it, nor does what the error was raised from."""
    with pytest.raises(ConfigError, match=r"env:NAME|for a place write|an address is for Spark") as refused:
        loaded(tmp_path, SPARK + SHIPPED.replace(LOG, f"interactions = {told}"))
    assert not re.search("OPEN|OP/EN", "".join(traceback.format_exception(refused.value)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.hadoop.fs.s3a.secret.key", "OPEN"),
        ("spark.hadoop.fs.s3a.encryption.key", "OPEN"),
        ("spark.hadoop.fs.azure.account.key.x.dfs.core.windows.net", "OPEN"),
        ("spark.hadoop.fs.azure.sas.c.a.blob.core.windows.net", "OPEN"),
        ("spark.ssl.keyPassword", "OPEN"),
        ("spark.some.apiKey", "OPEN"),
        ("spark.some.authToken", "OPEN"),
        ("spark.driver.extraJavaOptions", "-Djavax.net.ssl.trustStorePassword=OPEN"),
        ("spark.executor.extraJavaOptions", "-Dsome.apiKey=OPEN"),
        ("spark.hadoop.javax.jdo.option.ConnectionURL", "jdbc:mysql://h/d?a=OPEN"),
        ("spark.jars.repositories", "https://me:OPEN@repository/maven"),
    ],
)
def test_no_secret_stands_in_a_setting(name: str, value: str, tmp_path: Path) -> None:
    """By its name or by its value; from the environment either is taken."""
    settings = '[engine]\nname = "spark"\nsettings = {{ "{}" = "{}" }}\n{}'
    with pytest.raises(ConfigError, match="env:NAME") as refused:
        loaded(tmp_path, settings.format(name, value, SHIPPED))
    assert "OPEN" not in "".join(traceback.format_exception(refused.value))
    assert loaded(tmp_path, settings.format(name, "env:HELD", SHIPPED)).engine.settings == {name: "env:HELD"}


def test_pydantic_s_own_words_do_not_repeat_what_was_given() -> None:
    """Whoever makes a table without a file gets pydantic's error, which would quote all of it."""
    with pytest.raises(ValidationError) as refused:
        LakeTable(format="jdbc", options={"url": "jdbc:x://h?password=OPEN"})
    assert "OPEN" not in str(refused.value)


@pytest.mark.parametrize(
    "told",
    [
        JDBC.format("jdbc:postgresql://crm/people"),
        JDBC.format("jdbc:postgresql://one:5432,[::1]:5433/people"),
        JDBC.format("jdbc:oracle:thin:@//db:1521/people"),
        JDBC.format("jdbc:oracle:thin:@db:1521:people"),
        JDBC.format("jdbc:sqlserver://h:1433;databaseName=people"),
        JDBC.format("env:CRM"),
        '{ format = "delta", path = "abfss://c@a.dfs.core.windows.net/log", options = { versionAsOf = "7" } }',
        '{ format = "parquet", path = "hdfs://name:8020/log/day=7" }',
        '{ format = "iceberg", path = "env:WHERE" }',
        '{ table = "shop.purchases" }',
    ],
)
def test_what_holds_no_secret_is_taken(told: str, tmp_path: Path) -> None:
    """Host and database, a container of Azure, a partition, and whatever the environment has."""
    assert loaded(tmp_path, SPARK + SHIPPED.replace(LOG, f"interactions = {told}")).in_a_lake == ("interactions",)


def test_options_and_path_are_filled_in_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table is opened; before, they are names. What is not set is missed by its name."""

    class Reader:
        def frame(self, **told: object) -> dict[str, object]:
            return told

    told = {"url": "jdbc:x://h/d", "password": "env:PASSWORD_OF_A_TEST"}
    with pytest.raises(SecretError, match=r"`password`.*PASSWORD_OF_A_TEST"):
        table_of(Reader(), format="jdbc", options=told)  # type: ignore[arg-type]
    monkeypatch.setenv("PASSWORD_OF_A_TEST", "OPEN")
    found = table_of(Reader(), format="jdbc", path="env:PASSWORD_OF_A_TEST", options=told)  # type: ignore[arg-type]
    wanted = {"url": "jdbc:x://h/d", "password": "OPEN"}
    assert found == {"table": None, "format": "jdbc", "path": "OPEN", "options": wanted}


@pytest.mark.parametrize("memory", ["0GiB", "0.0MB", "10KB", "-1GiB", "00GB"])
def test_no_memory_is_no_limit(memory: str, tmp_path: Path) -> None:
    """DuckDB opens with none, and stops at its first table; a configuration says so before."""
    with pytest.raises(ConfigError, match=r"engine\.memory"):
        loaded(tmp_path, f'[engine]\nmemory = "{memory}"\n{SHIPPED}')


def test_engines_are_chosen_without_starting_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB by default; Spark is not imported; a variable that a setting names is read, and missed."""
    assert isinstance(engine_by(loaded(tmp_path, SHIPPED).engine), DuckDB)
    config = loaded(tmp_path, f'{SPARK}settings = {{ "spark.x.token" = "env:TOKEN_OF_A_TEST" }}\n{SHIPPED}')
    with pytest.raises(SecretError, match="TOKEN_OF_A_TEST"):
        engine_by(config.engine)
    monkeypatch.setenv("TOKEN_OF_A_TEST", "x")
    assert "Spark" in repr(engine_by(config.engine))


def test_the_demo_on_spark_differs_in_its_engine_alone() -> None:
    """So that the two can be compared: same tables, people, guarantee and name of the model."""
    usual, spark = (TrainingConfig.load(CONFIGS / f"{name}.toml") for name in ("grocery", "grocery-spark"))
    assert spark.engine.name == "spark"
    assert spark.model_copy(update={"engine": usual.engine}) == usual


def test_switches_and_numbers_of_spark_need_no_quotes(tmp_path: Path) -> None:
    """Whoever writes a configuration in TOML writes them so."""
    told = '"spark.ui.enabled" = false\n"spark.task.cpus" = 2\n"spark.executor.memory" = "8g"\n'
    settings = loaded(tmp_path, f"{SPARK}[engine.settings]\n{told}\n{SHIPPED}").engine.settings
    assert settings == {"spark.ui.enabled": "false", "spark.task.cpus": "2", "spark.executor.memory": "8g"}

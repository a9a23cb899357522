"""The configuration of a training run: what each key means, and what it may be.

Read from TOML. Paths are relative to the working directory, as the local stores are. Keys and secrets are never part
of it.

The file is longer than most: whoever looks for a key of the configuration finds all of them here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from tactful.errors import ConfigError, NotFoundError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, Field(min_length=1)]
Texts = tuple[Text, ...]


class _Section(BaseModel):
    """A table of the file: frozen, and every key known. No error repeats a value, which may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class ModelSection(_Section):
    """``[model]``: what is trained and what for."""

    name: Name
    """Name in the registry; lower-case letters, digits, ``-`` and ``_``."""
    purpose: str = Field(default="personalization.training", pattern=r"^personalization\.training(\.[a-z0-9_]+)*$")
    """Purpose that people must have agreed to: ``personalization.training`` or one below it."""
    method: Literal["tactful", "dpals"] = "tactful"
    """How taste is learned. ``tactful``: from one noisy table of item pairs. ``dpals``: by private alternating least
    squares, in six noisy steps whose size is items times factors. Both learn taste for at most 4,096 items."""
    intended_use: Text
    """What the model is for, in a sentence that reviewers and the report show."""
    not_covered: Texts = ()
    """Who or what the model does not cover, one sentence each."""
    unit: Text = "one person: all rows under one user_id"
    """What the guarantee protects, in words."""
    notes: Texts = ()
    """Remarks that every document repeats."""
    curator: Text = "not stated"
    """Who publishes the model; the privacy statement names them, as the registry of deployments asks."""
    curator_type: Text = "not stated"
    """The registry's word for them: Government, Industry or Nonprofit."""
    region: Text = "not stated"
    """Where the people live, or whose law applies."""
    sector: Text = "not stated"
    """The industry, e.g. Technology."""


_NAMED_SO = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|signature|jaas|[._-](key|sas)[._-]|key$"
    r"|(access|account|api|private|sas)[._-]?key",
    re.I,
)
_INSIDE = re.compile(
    r"(pass(w(or)?d|phrase)?|pwd|secret|token|credentials?|signature|sig|sas|key)([\"']?\s*(=|%3d)|[\"']\s*:)"
    r"|bearer\s|-----begin"
    r"|//[^@\s]*:[^@\s]*@|(?<!abfs:)(?<!abfss:)(?<!wasb:)(?<!wasbs:)//[^/\s]*@"  # of Azure, a container stands there
    r"|//\S*\?",
    re.I,
)
_DATABASE = re.compile(r"jdbc:(\w+:)+@?[\w.$\[\],:/-]*(;database(name)?=[\w.$-]+)?", re.I)
_OF_JDBC = re.compile(
    "url|dbtable|query|driver|partitionColumn|lowerBound|upperBound|numPartitions|fetchsize|queryTimeout|customSchema"
    "|preferTimestampNTZ|pushDownPredicate|keytab|principal|refreshKrb5Config|connectionProvider",
    re.I,
)
"""Options of JDBC that may be read by all. Every other is the driver's, which has its own words for secrets."""


def _check_open(told: Mapping[str, str], *, known: re.Pattern[str] | None = None) -> None:
    """Raise unless each value may be read by whoever reads the configuration, which is shown beside every model.

    It is a net and no proof: what has an innocent name and looks like nothing passes. So an address is taken only
    without a query and without who logs in, one of a database only with host and database, and options only with these
    names, where they are known.
    """
    for key, value in told.items():
        strange = known is not None and not known.fullmatch(key)
        address = "jdbc:" in value.lower() and not _DATABASE.fullmatch(value)
        suspect = strange or address or _NAMED_SO.search(key) or _INSIDE.search(value)
        if suspect and not value.startswith("env:"):
            raise ValueError(
                f"secrets are never part of it, nor what may hold one; write `{key}` as env:NAME and set the variable "
                "NAME"
            )


LAKE = "spark:"
"""How the journal begins the name of a table that only Spark reads."""


class LakeTable(_Section):
    """A table that Spark reads: ``{ table = "shop.purchases" }`` or ``{ format = "delta", path = "s3a://…" }``."""

    table: Text | None = None
    """Its name in Spark's catalogue of tables."""
    format: Text | None = None
    """How Spark is to read it: parquet, orc, delta, jdbc …"""
    path: Text | None = None
    """A folder, a file or an address."""
    options: dict[str, Text] = {}
    """Options of the format. A value ``env:NAME`` is read from the environment when the table is opened; so must be all
    that may hold a secret, of JDBC also ``user``, and ``url`` if it has more than a host and a database."""

    @model_validator(mode="after")
    def _one_way(self) -> LakeTable:
        if (self.table is None) == (self.format is None) or (self.table and (self.path or self.options)):
            raise ValueError("a table is `{ table = … }`, or `{ format = … }` with `path`, `options` or both")
        if self.format and not (self.path or self.options):
            raise ValueError(f"`{{ format = {self.format!r} }}` does not say where: add `path` or `options`")
        if self.table and "/" in self.table:
            raise ValueError("`table` is a name in the catalogue of tables; for a place write `format` and `path`")
        _check_open(self.options, known=_OF_JDBC if (self.format or "").lower() == "jdbc" else None)
        _check_open({"path": self.path or ""})
        return self

    @property
    def place(self) -> str:
        """What the journal calls it: never the value of an option."""
        if self.table is not None:
            return f"{LAKE}{self.table}"
        return f"{LAKE}{self.format} {self.path or 'with ' + ', '.join(sorted(self.options))}"


def _of_this_machine(path: object) -> object:
    """The path, if it is one."""
    if isinstance(path, str) and "://" in path:
        raise ValueError(  # without the address, which may hold a secret
            'an address is for Spark: write `{ format = "parquet", path = "…" }`, and `name = "spark"` under [engine]; '
            "a CSV file cannot be read from one"
        )
    return path


_File = Annotated[Path, BeforeValidator(_of_this_machine)]
_WAYS = {True: "in a lake", False: "a file"}
TableOf = Annotated[
    Annotated[LakeTable, Tag(_WAYS[True])] | Annotated[_File, Tag(_WAYS[False])],
    Discriminator(lambda told: _WAYS[isinstance(told, dict | LakeTable)]),
]
"""A table about people: a Parquet or CSV file, a folder of Parquet files, or, with Spark, a table of a lake."""


class DataSection(_Section):
    """``[data]``: the tables; Parquet or CSV, or what Spark reads."""

    items: _File
    """The public catalogue, a file."""
    interactions: TableOf | None = None
    """What people did: a Parquet or CSV file, a folder of Parquet files, or with Spark ``{ table = "shop.purchases" }``
    or ``{ format = "delta", path = "s3a://…", options = { … } }``, as the other tables about people. Left out, what
    `tactful ingest` brought into the vault."""
    consents: TableOf | None = None
    """Consent events. Those of the consent store count in any case; left out, they alone do."""
    attributes: TableOf | None = None
    """Attributes of people; left out, what the vault holds if interactions come from there."""
    subjects: TableOf | None = None
    """Who is a minor and who was erased."""

    @property
    def tables(self) -> dict[str, Path | LakeTable]:
        """The tables about people that are named, by what they are for."""
        named = {
            "interactions": self.interactions,
            "consents": self.consents,
            "subjects": self.subjects,
            "attributes": self.attributes,
        }
        return {role: table for role, table in named.items() if table is not None}


def _as_texts(settings: object) -> object:
    """Settings of Spark as texts, which switches and numbers may be in a configuration."""
    if not isinstance(settings, dict):
        return settings
    if inner := [key for key, value in settings.items() if isinstance(value, dict)]:
        raise ValueError(f'put the whole name of a setting in quotes: "{inner[0]}.…" = "…"')
    plain = {key: value for key, value in settings.items() if isinstance(value, bool | int)}
    return settings | {key: str(value).lower() for key, value in plain.items()}


class EngineSection(_Section):
    """``[engine]``: what reads the tables about people and adds them up. Every engine gives the same answer."""

    name: Literal["duckdb", "spark"] = "duckdb"
    """``duckdb``: this process. ``spark``: a cluster, or this machine; needs the extra ``spark``."""
    master: Text | None = None
    """Of Spark, e.g. ``local[8]`` or ``yarn``; left out, the session there is, or what spark-submit was told."""
    memory: str | None = Field(default=None, pattern=r"^[1-9][0-9]*(\.[0-9]+)? ?[MGT]i?B$")
    """The most that DuckDB's own buffers take, e.g. ``6GiB``; left out, four fifths of the machine's. Beside them
    lie about 0.4 kB a person, bounded rows and sums."""
    settings: Annotated[dict[str, Text], BeforeValidator(_as_texts)] = {}
    """Spark's own, e.g. ``"spark.executor.memory" = "8g"``. ``env:NAME`` is read from the environment."""

    @model_validator(mode="after")
    def _of_this_engine(self) -> EngineSection:
        if self.name == "duckdb" and (self.master or self.settings):
            raise ValueError('`master` and `settings` are Spark\'s; say `name = "spark"`, or leave them out')
        if self.name == "spark" and self.memory:
            raise ValueError("`memory` is DuckDB's; of Spark set spark.executor.memory under [engine.settings]")
        _check_open(self.settings)
        return self


class PolicySection(_Section):
    """``[policy]``: how long rows may be used, and what is sensitive."""

    retention_days: int = Field(gt=0)
    """Rows older than this are not used."""
    sensitive: dict[Name, dict[str, tuple[str, ...]]] = {}
    """Category → item column → values: items that need their own opt-in, ``personalization.sensitive.<category>``."""
    retention: dict[Name, Annotated[int, Field(gt=0)]] = {}
    """Sensitive category → days, where its rows are used for a shorter time than others."""

    @model_validator(mode="after")
    def _shorter_for_known_categories(self) -> PolicySection:
        for category, days in self.retention.items():
            if category not in self.sensitive:
                known = ", ".join(self.sensitive) or "none"
                raise ValueError(f"retention names the category `{category}`; declared under sensitive: {known}")
            if days > self.retention_days:
                raise ValueError(f"retention of `{category}` is at most retention_days, {days} was given")
        return self


class ControllerSection(_Section):
    """``[controller]``: who answers for the data. Notices, records of processing and drafts of letters repeat it.

    What is left out reads "not stated" there; nothing is made up.
    """

    name: Text = "not stated"
    """The business, as people know it."""
    contact: Text = "not stated"
    """Where it can be written to."""
    officer: Text = "not stated"
    """The data protection officer, and how to reach them."""
    authority: Text = "not stated"
    """The supervisory authority, to which people may complain and breaches are reported."""
    rights: Text = "not stated"
    """Where people see, change and delete: an address of the web, of mail or of a shop."""
    legal_basis: Text = "consent"
    """On what ground the data are used."""
    source: Text = "not stated"
    """Where the data come from, in words for people."""
    recipients: Texts = ()
    """Who else gets to see them, one entry each."""
    transfers: Texts = ()
    """Countries outside that they go to, and under which safeguards."""
    security: Texts = ()
    """What else protects them, besides what tactful does itself."""


class PrivacySection(_Section):
    """``[privacy]``: the guarantee of one training run."""

    epsilon: float
    """What one training run may cost each person, above 0 and at most 30: how much more likely anything that leaves can
    become because somebody's rows are in it, as a factor of e to the ε. `tactful plan` says what it buys."""
    delta: float = 1e-6
    """The chance with which that bound may fail, between 0 and 1; it must be far below 1 over the number of people."""
    max_items: int = Field(default=200, ge=1, le=2000)
    """The most distinct items that one person contributes."""
    evaluation_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of people who are set aside, by keyed hash, to judge the model. Pinned by the first run."""
    minimum_people: int = Field(default=500, ge=1)
    """Refuse to train on fewer (released) people."""
    population_at_most: int | None = Field(default=None, ge=1)
    """A public upper bound on the number of people, if there is one: lets δ be checked before anything is spent."""
    tuning: Literal["not stated", "none", "public data", "paid trials"] = "not stated"
    """Where these settings came from; the privacy statement repeats it. ``none``: rules and defaults, nobody's data was
    looked at. ``public data``: public or synthetic data. ``paid trials``: runs about these very people, each debited to
    this records store. Whatever else settings are chosen on is a release that nobody paid for."""
    public_data: bool = False
    """Say so if these are public or synthetic data; needed for `reproducible_seed`, and changes nothing else."""
    reproducible_seed: int | None = None
    """For tests and public data only: whoever has the seed can take the noise away. Such a model is never approved."""

    @model_validator(mode="after")
    def _checked(self) -> PrivacySection:
        if not 0 < self.epsilon <= 30:
            raise ValueError(f"epsilon must be above 0 and at most 30, {self.epsilon:g} was given")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta must lie between 0 and 1, {self.delta:g} was given")
        if self.reproducible_seed is not None and not self.public_data:
            raise ValueError("reproducible_seed undoes the guarantee; say `public_data = true` if nobody needs it")
        return self


class BudgetSection(_Section):
    """``[budget]``: the most that may ever be learned about these people, over all runs of the records store."""

    epsilon: float = Field(gt=0)
    """The most that all runs together may cost each person. Losses add as μ², not as ε: after a run at 5, one at 10.28
    still fits into 12."""
    delta: float = Field(default=1e-6, gt=0, lt=1)
    """The δ at which that limit is told."""
    period_days: int | None = Field(default=None, ge=1)
    """Renew the budget after so many days; ε since the first debit is always shown beside it."""


class AttributeSection(_Section):
    """``[fairness.attributes.<column>]``: a demographic column and its levels."""

    levels: Texts = Field(min_length=2)
    """Any other value is ``other``; an absent one is ``undisclosed``."""
    merge: dict[str, str] = {}
    """Level → name of the coarser group that it joins when it is too small."""

    @model_validator(mode="after")
    def _merges_lead_somewhere(self) -> AttributeSection:
        for level in self.merge:
            if level not in self.levels and level not in self.merge.values():
                raise ValueError(f"`{level}` is merged and is no level; levels: {', '.join(self.levels)}")
            passed = [level]
            while (target := self.merge.get(passed[-1])) is not None:
                if target in passed:
                    raise ValueError(f"merges lead to wider groups and never back: {' → '.join((*passed, target))}")
                passed.append(target)
        return self


class RuleSection(_Section):
    """``[[fairness.rules]]``: one declared rule."""

    name: Name
    """What reviewers call it: they pass or override it by this name."""
    attribute: str
    """A declared attribute, or two of ``intersections`` as ``age × income``."""
    metric: str = "ndcg@10"
    """One of the metrics in `tactful.assurance.metrics`; it must be among those measured."""
    statistic: Literal["ratio", "difference"] = "ratio"
    """``ratio``: the worst-served group over the best-served. ``difference``: the best less the worst."""
    at_least: float | None = None
    """For a ratio: the smallest that passes."""
    at_most: float | None = None
    """For a difference: the largest that passes."""

    @model_validator(mode="after")
    def _one_bound(self) -> RuleSection:
        wanted = "at_least" if self.statistic == "ratio" else "at_most"
        other, most = ("at_most", 1) if self.statistic == "ratio" else ("at_least", 2)
        bound = getattr(self, wanted)
        if bound is None or getattr(self, other) is not None or not 0 < bound < most:
            raise ValueError(f"a rule about a {self.statistic} needs `{wanted}` between 0 and {most}, and no `{other}`")
        return self

    @property
    def bound(self) -> float:
        """The declared bound."""
        bound = self.at_least if self.statistic == "ratio" else self.at_most
        assert bound is not None  # noqa: S101  (checked above)
        return bound


class ItemGroupsSection(_Section):
    """``[fairness.items.<column>]``: a column of the catalogue by which exposure is told."""

    levels: Texts = Field(min_length=1)
    """Items with any other value are ``other``."""


Share = Annotated[float, Field(gt=0, le=1)]


class MitigationSection(_Section):
    """``[fairness.mitigation]``: what is done for groups that are served worse."""

    method: Literal["weights", "favour"]
    """``weights``: training people of large groups count less. ``favour``: lists are moved toward what one group uses
    more than the others. Measure either with `tactful benchmark mitigation` before you rely on it."""
    attribute: str
    """A declared attribute. People who did not agree to ``fairness.mitigation`` count as the average does."""
    shares: dict[str, Annotated[float, Field(gt=0)]]
    """For each level how many people are expected in it, in any unit: from public knowledge or an earlier report."""
    floor: Share = 0.5
    """The least that a person counts by the rule of ``weights``: the smallest share over their group's."""
    weights: dict[str, Share] | None = None
    """What each level counts, instead of the rule."""
    favour: str | None = None
    """The level that lists are moved toward."""
    cost: Share = 0.25
    """The most that a usual list may lose of the quality that the model expects of it, for ``favour``."""

    @model_validator(mode="after")
    def _of_one_method(self) -> MitigationSection:
        if (self.method == "favour") != (self.favour is not None):
            raise ValueError("`favour` names a level if method is favour, and only then")
        if self.method == "favour" and self.weights is not None:
            raise ValueError("`weights` belong to the method of that name")
        return self


class ExposureSection(_Section):
    """``[fairness.exposure]``: items of groups that are shown too little are lifted, within a bound."""

    column: str
    """A column of the catalogue."""
    targets: dict[str, Share] = Field(min_length=1)
    """For some of its values the least share of the first ten places, discounted as in nDCG."""
    cost: Share = 0.25
    """The most that a usual list may lose of the quality that the model expects of it."""


class FairnessSection(_Section):
    """``[fairness]``: which groups are compared, on what, and when that is good enough."""

    attributes: dict[str, AttributeSection] = {}
    """Columns of the table of attributes that are read, and their levels. No other column is."""
    intersections: tuple[tuple[str, str], ...] = ()
    """Pairs of attributes; their groups are those after all declared merges."""
    items: dict[str, ItemGroupsSection] = {}
    """Columns of the catalogue by whose values it is told what is shown, beside what is used and what there is."""
    category: str | None = None
    """Column of the catalogue whose mixture in a list is held against that in the person's history."""
    metrics: Texts | None = None
    """Names of `tactful.assurance.metrics`; all if not given. Each takes a share of the evaluation's budget."""
    history_edges: tuple[int, ...] = (10, 30, 100)
    """Where strata of history length begin, in items: gaps are also told among people with equally long histories."""
    leakage: bool = False
    """Whether to spend a tenth of the evaluation's budget on how well lists give groups away."""
    mitigation: MitigationSection | None = None
    exposure: ExposureSection | None = None
    rules: tuple[RuleSection, ...] = ()
    """What a candidate is held against. Each gets a verdict: pass, fail or insufficient evidence."""
    minimum_people: int = Field(default=30, ge=2)
    """Groups of fewer (released) people are merged as declared or shown as too small."""

    @property
    def assessed(self) -> tuple[str, ...]:
        """Everything that a rule may be about: attributes, and intersections as ``age × income``."""
        return (*self.attributes, *(" × ".join(pair) for pair in self.intersections))

    @model_validator(mode="after")
    def _known_attributes(self) -> FairnessSection:
        for rule in self.rules:
            if rule.attribute not in self.assessed:
                declared = ", ".join(self.assessed) or "none"
                raise ValueError(f"rule {rule.name} is about `{rule.attribute}`; declared attributes: {declared}")
        for pair in self.intersections:
            if pair[0] == pair[1] or not set(pair) <= set(self.attributes):
                raise ValueError(f"an intersection is of two declared attributes, {' and '.join(pair)} was given")
        told = self.mitigation
        if told is not None and set(told.shares) != set(getattr(self.attributes.get(told.attribute), "levels", ())):
            given = ", ".join(told.shares) or "none"
            raise ValueError(f"mitigation has a share for each level of `{told.attribute}`, declared; given: {given}")
        if told is not None and told.method == "favour" and self.exposure is not None:
            raise ValueError("a model has one bonus: for a group of people (favour) or for groups of items (exposure)")
        if any(a >= b for a, b in pairwise((1, *self.history_edges))):
            raise ValueError(f"history_edges rise and are above 1, {list(self.history_edges)} was given")
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise ValueError("each rule needs a name of its own")
        return self


class TrainingConfig(_Section):
    """Everything that a training run is told."""

    model: ModelSection
    data: DataSection
    policy: PolicySection
    privacy: PrivacySection
    budget: BudgetSection
    fairness: FairnessSection = FairnessSection()
    controller: ControllerSection = ControllerSection()
    engine: EngineSection = EngineSection()

    @property
    def in_a_lake(self) -> tuple[str, ...]:
        """Which tables about people only Spark reads, by what they are for."""
        return tuple(role for role, table in self.data.tables.items() if isinstance(table, LakeTable))

    @model_validator(mode="after")
    def _read_by_its_engine(self) -> TrainingConfig:
        if self.in_a_lake and self.engine.name != "spark":
            raise ValueError(f'`{self.in_a_lake[0]}` is a table that Spark reads; set `name = "spark"` under [engine]')
        return self

    @model_validator(mode="after")
    def _attributes_are_not_features(self) -> TrainingConfig:
        attributes = self.data.attributes
        if isinstance(attributes, Path) and self.data.items.resolve() == attributes.resolve():
            raise ValueError("`items` and `attributes` name the same file; people's attributes are never item features")
        if (self.fairness.mitigation or self.fairness.exposure) and self.model.method == "dpals":
            raise ValueError("[fairness.mitigation] and [fairness.exposure] work with method tactful alone")
        if self.fairness.attributes and self.data.attributes is None and self.data.interactions is not None:
            raise ValueError("[fairness.attributes] needs the file `attributes` under [data]")
        return self

    @classmethod
    def load(cls, path: str | Path) -> TrainingConfig:
        """The configuration in a TOML file.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        TrainingConfig
            With paths of tables as they stand in the file: from the working folder.

        Raises
        ------
        NotFoundError
            If there is no such file.
        ConfigError
            If it is not TOML, or a key is missing, unknown or out of range; the message names the valid keys.

        Examples
        --------
        >>> from tactful.config import TrainingConfig
        >>> TrainingConfig.load("configs/shop.toml").model.name
        'shop'
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise NotFoundError(
                "the configuration must be a readable file", given=f"{path}: {error.strerror}", do="Correct the path"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                "the configuration must be TOML", given=f"{path}: {error}", do="Correct the file"
            ) from error
        return cls.of(text, Path(path))

    @classmethod
    def of(cls, text: str, path: Path) -> TrainingConfig:
        """The configuration in a text, which errors call by this path; raises `ConfigError` as `load` does."""
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(
                "the configuration must be TOML", given=f"{path}: {error}", do="Correct the file"
            ) from error
        except ValidationError as error:
            problem = _explained(error, path)
        raise problem  # here, where it has no context: pydantic's error holds what was given


def _explained(error: ValidationError, path: Path) -> ConfigError:
    """The first problem of a configuration, unknown keys before others, with the keys that would be valid there."""
    problem = min(error.errors(), key=lambda p: p["type"] != "extra_forbidden")
    where = [str(part) for part in problem["loc"] if part not in _WAYS.values()]
    key, section = ".".join(where), _section(where[:-1])
    if (kind := {"missing": "is missing", "extra_forbidden": "is not a key"}.get(problem["type"])) is None:
        said = problem["msg"].removeprefix("Value error, ")
        example = "grocery-spark" if where[:1] == ["engine"] else "grocery"
        return ConfigError(
            f"{path} must be a configuration whose values are allowed",
            given=f"`{key}`: {said}" if key else said,
            do=f"Correct it; see configs/{example}.toml for an example",
            key=key,
        )
    valid = (
        f"Valid keys there: {', '.join(section.model_fields)}" if section else "See configs/grocery.toml for an example"
    )
    return ConfigError(
        f"{path} must be a complete configuration without unknown keys", given=f"`{key}` {kind}", do=valid, key=key
    )


def _section(where: list[str]) -> type[BaseModel] | None:
    """The section that a path of keys leads to, if it is one."""
    section: Any = TrainingConfig
    for part in where:
        if part.isdigit():
            continue
        if isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
            section = _inner(section.model_fields[part].annotation)
        elif not (isinstance(section, type) and issubclass(section, BaseModel)):
            return None
    return section if isinstance(section, type) and issubclass(section, BaseModel) else None


def _inner(annotation: Any) -> Any:
    """The section inside ``X``, ``tuple[X, ...]``, ``dict[str, X]``, ``X | None`` or what is annotated."""
    inside = [_inner(argument) for argument in getattr(annotation, "__args__", ())]
    sections = [a for a in inside if isinstance(a, type) and issubclass(a, BaseModel)]
    return sections[-1] if sections else annotation

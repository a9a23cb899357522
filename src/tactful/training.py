"""One training run, end to end: gate, bound, pay, release, fit, judge, register.

Reads like the pipeline in the README. Everything about people stays in the values between `ConsentGate.admit` and
`PrivateRelease`; what is fitted, written, logged and registered afterwards is made from released values alone.

The file is longer than most: one run is told from its first step to its last, and in parts it would not read as one.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from math import inf, sqrt
from pathlib import Path

import numpy as np

from tactful import __version__
from tactful.actors import Actors, Signature, actor_key
from tactful.alternating import fit_dpals
from tactful.assurance import evidence
from tactful.assurance.attacks import AuditFacts, MembershipFacts
from tactful.assurance.candidates import KINDS, Candidate, replay
from tactful.assurance.registry import Registry
from tactful.assurance.submission import submit
from tactful.assurance.summary import Curator, PolicyFacts, ReleaseFacts, RunSummary
from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.errors import (
    BudgetExceededError,
    DeltaTooLargeError,
    RefusedError,
    TooFewPeopleError,
    counted,
)
from tactful.fitting import Fitted
from tactful.judging import Judge, Judged
from tactful.mitigating import ADVICE, Mitigation
from tactful.outcome import TrainingOutcome
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.consent import GateCounts
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.contributions import SCALE
from tactful.personal.engines.base import Engine
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.planning import Planned, noise_cost_told
from tactful.privacy.events import GaussianEvent, Partition
from tactful.privacy.ledger import Assignment, BudgetLedger, BudgetLimit
from tactful.privacy.noise import NoiseSource, SeededNoise, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import PeopleCount
from tactful.privacy.sums import ConsentCounts, Measured
from tactful.records.interrupts import uninterrupted
from tactful.records.store import Records
from tactful.released.model import ReleasedModel
from tactful.scoring.artifact import Artifact, read_artifact
from tactful.scoring.signing import public_text
from tactful.sources import Sources, check_files, check_tables, left_open, policy_of, running
from tactful.training_record import note_training

Progress = Callable[[str], None]
_READINGS = 3
"""How often the tables are read because somebody changed their mind meanwhile, before a run is refused."""
_PARTITIONS: tuple[Partition, ...] = ("training", "evaluation")
_STEPS = (
    "reading interactions through the consent gate",
    "bounding what each person adds",
    "releasing counts of people through noise",
    "releasing what the model is fitted to, and fitting it",
    "judging it on people it has not seen",
    "registering the candidate",
)
_NO_GUARANTEE = (
    "The noise of this run came from a seed. Whoever has the seed can take it away again: the run protects nobody, is "
    "meant for public or synthetic data only, and can never be approved."
)
_UNATTRIBUTED = "Nobody's key answers for this run, so it can never be approved; give --key, or set TACTFUL_ACTOR_KEY."


def train(
    config: str | Path,
    *,
    key: str | Path | None = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> TrainingOutcome:
    """Train a candidate from consented interactions and register it, or say why not.

    Parameters
    ----------
    config : str or Path
        A TOML file; see `tactful.config.TrainingConfig` and configs/grocery.toml.
    key : str or Path, optional
        Private key file of whoever answers for the run; else the file that ``TACTFUL_ACTOR_KEY`` names. A run without
        one can be looked at, never approved.
    as_of : datetime, optional
        Train on what was consented at this past time and still is. Now if not given.
    dry_run : bool, default=False
        Price the run and stop: reads no row, debits nothing, starts no Spark.
    progress : callable, optional
        Told what is being done, in a few words.

    Returns
    -------
    TrainingOutcome
        With ``status`` "candidate", "refused" (and why) or "dry run". A refusal is a result, not an exception.

    Raises
    ------
    UsageError
        If the configuration, a table, a key or a store is wrong. Where it shows before the first release nothing was
        spent; if MLflow stops answering at the end, see `tactful budget`.
    KeyboardInterrupt
        If somebody pressed Ctrl-C; its text says what was spent, and is empty if nothing was.

    See Also
    --------
    tactful.gate : Which rows would count, for nothing.
    tactful.plan : What to expect, before anything is spent.

    Notes
    -----
    **Privacy.** *Reads* the tables named by the configuration. *Returns* exact row counts, for the operator, and
    released values. *Costs* the run's (ε, δ), debited to the ledger of the records store. *Assumes* what
    `tactful.privacy.release` says, and that one ``user_id`` is one person.

    **Stores.** Records, secrets and MLflow are where ``TACTFUL_RECORDS``, ``TACTFUL_SECRET_FILE`` and
    ``MLFLOW_TRACKING_URI`` say, else under models/ in the working folder. Report, card, statement, notice of the main
    parameters and the artifact lie with the run in MLflow.

    **Interrupted.** Ctrl-C leaves no candidate; what was not opened is given back to the budget, and the exception says
    what was spent.

    Examples
    --------
    >>> outcome = tactful.train("configs/shop.toml", key="models/trainer.key")
    >>> outcome.status
    'candidate'
    >>> sorted(outcome.metrics)
    ['lift@20', 'ndcg@10', 'popularity_recall@20', 'recall@10']
    >>> low, high = outcome.intervals["lift@20"]  # above 0: personal lists are better than popular items
    """
    settings = TrainingConfig.load(config)
    actor = key or os.environ.get("TACTFUL_ACTOR_KEY")
    with running(settings.engine) as engine:
        check_tables(settings.data, engine)
        run = _Run(
            settings,
            config=Path(config),
            key=actor,
            as_of=as_of,
            engine=engine,
            say=progress,
        )
        try:
            if dry_run and settings.in_a_lake:
                check_files(settings.data)  # to open a lake starts Spark
            else:
                run.open()
            run.price()
            return run.outcome("dry run") if dry_run else run.train()
        except RefusedError as refusal:
            return run.outcome("refused", reason=str(refusal))


class _Run:
    """One run: its settings, what it opened, and what it has found out so far.

    Opening spends nothing: whatever is wrong with a file or a store shows before the first debit.
    """

    def __init__(
        self,
        settings: TrainingConfig,
        *,
        config: Path,
        key: str | Path | None,
        as_of: datetime | None,
        engine: Engine,
        say: Progress,
    ) -> None:
        self.settings, self.config, self.key, self.as_of, self.say = settings, config, key, as_of, say
        self.engine = engine
        self.actor = actor_key(key)
        self.text = config.read_text(encoding="utf-8")
        self.id, self.created = uuid.uuid4().hex, datetime.now(UTC)
        self.counts: GateCounts | None = None
        self.prices: dict[str, float] = {}
        self.pays, self.spent = False, 0.0
        privacy, self.planned = settings.privacy, Planned.of(settings)
        self.budget, self.plan = self.planned.budget, self.planned.plan
        seed = privacy.reproducible_seed
        self.noise: NoiseSource = SystemNoise() if seed is None else SeededNoise(seed)
        self.catalogue = Catalogue.open(settings.data.items)
        self.policy = policy_of(settings.policy)
        records, self.keys = Records.open(), Keys.load()
        self.records = records.signing(Signature(self.actor)) if self.actor else records
        self.assignment = Assignment(
            fingerprint=self.keys.assignment_fingerprint(), evaluation_share=privacy.evaluation_share
        )
        self.mitigation = Mitigation.of(settings.fairness)
        self.mitigation.check(self.catalogue)
        self.ledger = BudgetLedger(self.records)
        self.registry = Registry()

    def open(self) -> None:
        """The tables are opened as they are now, and what people have said by now counts."""
        settings = self.settings
        self.sources = Sources.open(settings.data, records=self.records, keys=self.keys, engine=self.engine)
        self.gate = self.sources.gate(
            catalogue=self.catalogue,
            policy=self.policy,
            keys=self.keys,
            evaluation_share=settings.privacy.evaluation_share,
            engine=self.engine,
        )
        self.log = InteractionLog.open(self.sources.interactions)
        self.judge = Judge(
            settings,
            self.planned,
            catalogue=self.catalogue,
            gate=self.gate,
            keys=self.keys,
            attributes=self.sources.attributes,
        )

    def price(self) -> None:
        """Raise unless whoever runs it may, it fits the budget, δ fits the declared population and MLflow answers.

        Reads no row.
        """
        Actors.load().check("trainer", self.key)
        self._check_delta(self.settings.privacy.population_at_most, "declared")
        replay(self.records.entries(KINDS))  # a journal that does not hold is no place to put a candidate
        price = self.ledger.price(
            self.plan.events, limit=self._limit(), assignment=self.assignment, noise=self.noise.kind
        )
        self.prices = {"requested": price.requested, "spent": price.spent, "remaining": price.remaining}
        if not price.fits:
            raise BudgetExceededError(**self.prices, limit=price.limit, delta=price.delta)
        self.registry.models()  # a store that is away shows now, not after paying

    def train(self) -> TrainingOutcome:
        """The whole run."""
        try:
            consented, bounded = self._read()
            self.pays = True
            return self._release(self._pay(), consented, bounded)
        except KeyboardInterrupt:
            with uninterrupted(later=False):
                told = self._stopped()
            raise KeyboardInterrupt(told) from None
        except BaseException:
            with uninterrupted():
                self._settle()
            raise

    def _step(self, number: int) -> None:
        """Say what begins, and how many steps there are."""
        self.say(f"{number} of {len(_STEPS)}: {_STEPS[number - 1]}")

    def _settle(self) -> None:
        """What was never opened is given back to the budget; what was opened has been spent, as ε at the run's δ.

        The ledger knows it by the run, wherever the run was stopped.
        """
        if self.pays:
            self.spent = max(loss.epsilon(self.budget.delta) for loss in self.ledger.settle(self.id).values())

    def _stopped(self) -> str:
        """What a run that somebody stops leaves, by the journal."""
        self._settle()
        made = any(each.run == self.id for each in replay(self.records.entries(KINDS)).candidates)
        spent = f"epsilon = {self.spent:.3g} of {self.budget.epsilon:g} had been opened and stays spent"
        return f"{spent if self.spent else 'nothing was spent'}, and {'a' if made else 'no'} candidate was registered"

    def _read(self) -> tuple[ConsentedInteractions, BoundedInteractions]:
        """What people agree to at the moment at which the journal says that it was read, admitted and bounded."""
        for again in range(_READINGS):
            if again:
                self.say("somebody withdrew or was erased meanwhile: opening the tables again")
                self.open()
            consented, bounded = self._admit()
            if self._note(consented):
                return consented, bounded
        raise RefusedError(
            "nobody may withdraw or be erased between the reading of a training and its entry in the journal",
            given=f"people change their minds faster than the tables are read, {_READINGS} times in a row",
            do="Run it again at a quieter hour; nothing was spent",
        )

    def _admit(self) -> tuple[ConsentedInteractions, BoundedInteractions]:
        """The rows that pass the gate, and what of them counts."""
        self._step(1)
        consented = self.gate.admit(self.log, self.settings.model.purpose, self.as_of)
        self.counts = consented.counts
        self._step(2)
        self.judge.check()  # what cannot be read shows now, not after paying
        bounded = self.mitigation.bound(
            consented,
            max_items=self.settings.privacy.max_items,
            gate=self.gate,
            demographics=self.judge.demographics,
            as_of=self.as_of,
            say=self.say,
        )
        return consented, bounded

    def outcome(
        self, status: str, *, reason: str = "", candidate: Candidate | None = None, judged: Judged | None = None
    ) -> TrainingOutcome:
        """What the run has come to so far."""
        return TrainingOutcome(
            model=self.settings.model.name,
            status=status,
            reason=reason,
            epsilon=self.budget.epsilon,
            delta=self.budget.delta,
            noise=self.noise.kind,
            counts=self.counts,
            price=self.prices,
            spent=self.spent,
            warnings=(*left_open(self.settings.data), *([] if self.actor else [_UNATTRIBUTED])),
            records=self.records.address,
            attributed=self.actor is not None,
            engine=self.settings.engine.name,
            version=candidate.version if candidate else None,
            run_id=candidate.run_id if candidate else None,
            metrics=judged.metrics if judged else {},
            intervals=judged.intervals if judged else {},
            verdicts=judged.verdicts if judged else {},
            explanations=judged.explanations if judged else {},
        )

    def _note(self, consented: ConsentedInteractions) -> bool:
        """What is read stands in the journal; or not, because somebody has changed their mind since it was read."""
        entry = note_training(
            self.records,
            consented,
            run=self.id,
            settings=self.settings,
            config=self.config,
            sources=self.sources,
            assignment=self.assignment,
            keys=self.keys,
            actor=public_text(self.actor) if self.actor else None,
        )
        return entry is not None

    def _pay(self) -> PrivateRelease:
        """The whole run debited at once, before anything of it is released."""
        self.ledger.declare(self._limit())
        return PrivateRelease(
            ledger=self.ledger, run=self.id, plan=self.plan, noise=self.noise, assignment=self.assignment
        )

    def _release(
        self, door: PrivateRelease, consented: ConsentedInteractions, bounded: BoundedInteractions
    ) -> TrainingOutcome:
        """Everything after the debit."""
        self._step(3)
        people = door.people(bounded)
        self._check_people(people)
        consent = door.consent(consented)
        self._step(4)
        fitted = self._fit(door, bounded, people)
        with tempfile.TemporaryDirectory(prefix="tactful-") as folder:
            artifact = Path(folder) / self.settings.model.name
            digest = self._write(fitted.model, artifact)
            self._step(5)
            noisier = self._noisier(fitted, Path(folder) / "noisier")
            judged = self.judge.judge(door, consented, read_artifact(artifact), noisier=noisier, as_of=self.as_of)
            self._settle()  # what released values left unasked
            summary = self._summary(fitted, people, consent, judged)
            self._step(6)
            candidate = self._register(summary, judged, artifact, digest)
        return self.outcome("candidate", candidate=candidate, judged=judged)

    def _fit(self, door: PrivateRelease, bounded: BoundedInteractions, people: PeopleCount) -> Fitted:
        """By the method that the configuration names."""
        if self.settings.model.method == "dpals":
            return fit_dpals(door, bounded, self.plan, people)
        told, rng = noise_cost_told(self.settings), np.random.default_rng(self.settings.privacy.reproducible_seed)
        return self.mitigation.fit(door, bounded, self.planned, people, noisier=rng if told else None)

    def _write(self, model: ReleasedModel, folder: Path) -> str:
        """The artifact, and the digest of its manifest."""
        meta = {
            "model": self.settings.model.name,
            "tactful": __version__,
            "epsilon": self.budget.epsilon,
            "delta": self.budget.delta,
            "created": self.created.isoformat(timespec="seconds"),
            "trainer": public_text(self.actor) if self.actor else None,
        }
        return model.write(folder, catalogue=self.catalogue, sensitive=self.policy.bundles(self.catalogue), meta=meta)

    def _noisier(self, fitted: Fitted, folder: Path) -> list[Artifact]:
        """What the same releases would have made with more noise, for measuring alone; it is never registered."""
        folders = [folder / str(draw) for draw in range(len(fitted.noisier))]
        for worse, place in zip(fitted.noisier, folders, strict=True):
            self._write(worse, place)
        return [read_artifact(place) for place in folders]

    def _register(self, summary: RunSummary, judged: Judged, artifact: Path, digest: str) -> Candidate:
        """The candidate, shown in MLflow and then written into the journal."""
        done = self.mitigation.told
        return submit(
            self.records,
            self.registry,
            summary=summary,
            assessment=judged.assessment,
            artifact=artifact,
            manifest_digest=digest,
            trainer=self.actor,
            run=self.id,
            mitigation=() if done else ADVICE,
            mitigated=done,
        )

    def _summary(self, fitted: Fitted, people: PeopleCount, consent: ConsentCounts, judged: Judged) -> RunSummary:
        """The run as the documents may tell it.

        Losses are those of the whole plan, which was fixed and paid for beforehand: what released values then left
        unasked was given back to the budget, but a guarantee does not rest on what turned out.
        """
        told, policy, unasked = self.settings.model, self.settings.policy, self.ledger.given_back(self.id)
        since_first = self.ledger.status().since_first
        losses = {part: self.plan.loss(part) for part in _PARTITIONS}
        return RunSummary(
            model=told.name,
            created=self.created,
            tactful=__version__,
            unit=told.unit,
            purpose=told.purpose,
            notes=(
                *told.notes,
                *left_open(self.settings.data),
                *([_NO_GUARANTEE] if self.noise.kind == "reproducible" else []),
            ),
            intended_use=told.intended_use,
            not_covered=told.not_covered,
            budget=self.budget,
            limit=self._limit(),
            period_days=self.settings.budget.period_days,
            losses=tuple(_facts(event, unasked) for event in self.plan.events),
            scale=SCALE,
            partition_loss={p: (sqrt(x.mu_squared), x.epsilon(self.plan.budget.delta)) for p, x in losses.items()},
            since_first_epsilon=inf if since_first is None or since_first.epsilon is None else since_first.epsilon,
            noise=self.noise.kind,
            max_items=self.settings.privacy.max_items,
            head_size=len(fitted.head),
            rank=fitted.model.rank,
            catalogue_size=len(self.catalogue),
            features=fitted.features,
            people=Measured(value=people.value, sigma=people.sigma),
            consent=consent.by_outcome(),
            policy=PolicyFacts(retention_days=policy.retention_days, sensitive_categories=tuple(policy.sensitive)),
            metrics=judged.metrics,
            metric_intervals=judged.intervals,
            config_text=self.text,
            tuning=self.settings.privacy.tuning,
            evaluation_share=self.settings.privacy.evaluation_share,
            audit=AuditFacts.about(self.plan, evidence.find("audit", self.plan.events)),
            membership=MembershipFacts.about(self.plan, evidence.find("membership", self.plan.events)),
            curator=Curator(name=told.curator, kind=told.curator_type, region=told.region, sector=told.sector),
            actor=public_text(self.actor) if self.actor else None,
        )

    def _limit(self) -> BudgetLimit:
        """The population's budget as configured."""
        limit = self.settings.budget
        return BudgetLimit(epsilon=limit.epsilon, delta=limit.delta, period_days=limit.period_days)

    def _check_people(self, people: PeopleCount) -> None:
        """Raise unless there are enough people, by the released count, for a model and for δ.

        A log in which nobody consented comes here, too, and pays for it like any other: neither the journal nor the
        budget of a later run tells it from a log with one person.
        """
        minimum = self.settings.privacy.minimum_people
        if people.value < minimum:
            raise TooFewPeopleError(
                f"a model needs at least {counted(minimum, 'training person', 'training people')}",
                given=f"about {people.value:.0f} were counted (released, ± {2 * people.sigma:.0f})",
                do="See which rows count, and why others do not: tactful gate CONFIG. Or lower `minimum_people` and "
                "accept a model of noise",
                minimum=minimum,
                people=people.value,
            )
        share = 1 - self.settings.privacy.evaluation_share
        self._check_delta(round(people.value / share), "released, evaluation people included")

    def _check_delta(self, population: int | None, source: str) -> None:
        """Raise unless δ is below one over the number of people."""
        if population is not None and self.budget.delta * population >= 1:
            raise DeltaTooLargeError(
                "delta must be below 1 / people: it bounds the chance that a person's data leak outright",
                given=f"delta = {self.budget.delta:g} for {population:,} people ({source})",
                do=f"Set delta below {1 / population:.1g}, better a tenth of that",
                delta=self.budget.delta,
                population=population,
            )


def _facts(event: GaussianEvent, unasked: Collection[str]) -> ReleaseFacts:
    """One release as the documents tell it, and whether it was asked at all."""
    return ReleaseFacts(
        name=event.name,
        partitions=event.partitions,
        noise_multiplier=event.noise_multiplier,
        sigma=f"{event.noise_multiplier:.6g} (independent, on every entry)",
        sensitivity="1 (L2 norm of what one person adds, exact in integers of 2^-30)",
        slack_epsilon=event.slack.epsilon,
        tail=event.slack.tail,
        given_back=event.name in unasked,
    )

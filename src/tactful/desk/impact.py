"""Which models were trained while a person's rows were admissible: recomputed from the journal and the two clocks.

Notes
-----
Nobody keeps a list of who was in which model; it would be one more thing to lose. What a training read, as of when and
at what time, is in the journal, and the person's own rows and consents are judged again as they were judged then:

- of the consent store, by what was stored by then; of a file, by what says it was recorded by then;
- of interactions, by what the tables hold now. Rows that were added later and dated back are counted. Rows that were
  purged, deleted, or left without an item since are not, so that no row today says nothing of then: **a model is told
  as not used only where what the person had said kept out every row they could have had**, or they had been erased
  before, and as not known otherwise. A record of consent that was deleted from a file since is not seen: they are to
  be kept, as proof;
- the half that a person is in, by the assignment key. Where that was another one, or cannot be told, the half is not
  known, and the larger of both losses is told;
- a minor flag has no date, so it is left out here and told; an erasure counts if it was before the training.

Wherever something cannot be known, a model is listed rather than left out. After an erasure nothing in tactful's own
stores can tell, so the answer is made, and handed over, before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tactful.desk.judged_again import Admissible, admissible
from tactful.desk.person import Desk, Person, Reader
from tactful.desk.trainings import Training, composed, trainings
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.events import Partition
from tactful.privacy.plain_risk import in_words, to_you, yours

Part = Literal["trained on", "used to judge", "not used", "not known"]
"""What a training did with the person's rows."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelImpact:
    """What one training means to one person.

    Attributes
    ----------
    training : Training
    role : Part
    rows : int or None
        How many of their rows were admissible; None where that is not known. Fewer may have counted.
    epsilon : float or None
        What the training cost this person; 0 if nothing, None if no finite one holds.
    means : str
        What that means for them, in words.
    to_you : str
        The same, said to them.
    notes : tuple of str
        What could not be known.
    """

    training: Training
    role: Part
    rows: int | None
    epsilon: float | None
    means: str
    to_you: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ModelImpact({self.training.name}, one person)"

    @property
    def involved(self) -> bool:
        """Whether the person's rows were used, or may have been."""
        return self.role != "not used"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        told = self.training
        return {
            "model": told.model,
            "version": told.version,
            "run_id": told.run_id,
            "trained_at": told.time.isoformat(),
            "role": self.role,
            "rows": self.rows,
            "epsilon": self.epsilon,
            "delta": told.delta,
            "status": told.status,
            "champion": told.champion,
            "approved_until": told.ends_at.isoformat() if told.ends_at else None,
            "means": self.means,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Impact:
    """What all trainings mean to one person.

    Attributes
    ----------
    models : tuple of ModelImpact
        Those that used rows of theirs, or may have; the earliest first.
    others : tuple of ModelImpact
        Those that did not.
    since_first : tuple of (float or None, float)
        ε and δ of all of them together.
    together, together_to_you : str
        What that means, in words, and said to the person; empty unless there are several.
    next : tuple of str
        What happens next, and when; a sentence each.
    """

    models: tuple[ModelImpact, ...]
    others: tuple[ModelImpact, ...]
    since_first: tuple[float | None, float]
    next: tuple[str, ...]
    together: str = ""
    together_to_you: str = ""

    def __repr__(self) -> str:
        return "Impact(one person)"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "models": [each.as_json() for each in self.models],
            "not_used_by": [each.as_json() for each in self.others],
            "since_first": {"epsilon": self.since_first[0], "delta": self.since_first[1]},
            "together": self.together,
            "next": " ".join(self.next),
        }


def impact(desk: Desk, person: Person, *, leaving: bool = False, reader: Reader | None = None) -> Impact:
    """The models that were trained while the person's rows were admissible, and what that means for them.

    Parameters
    ----------
    desk : Desk
    person : Person
    leaving : bool, default=False
        Whether they are about to be erased, so that no later training uses their rows.
    reader : Reader, optional
        One that has read tables of theirs already.

    Raises
    ------
    JournalBrokenError
        What the journal says about models does not hold.

    Notes
    -----
    **Privacy.** *Reads* the person's rows and consents, in the tables of each training. *Returns* what happened to
    them, for them or whoever answers to them. *Costs* nothing. *Assumes* the reading was journalled before; one id is
    one person.
    """
    reader = reader or Reader(desk, person)
    found = [_impact(desk, person, reader, each) for each in trainings(desk.records)]
    models = tuple(each for each in found if each.involved)
    losses = [_loss(each.training, _partition(desk, person, each.training)) for each in models]
    real = all(each.training.protects for each in models)
    delta = max((each.training.delta for each in models), default=1e-6)
    together = 0.0 if not models else composed(losses, delta) if real else None
    total, several = PrivacyLoss.total(losses), real and len(models) > 1
    return Impact(
        models=models,
        others=tuple(each for each in found if not each.involved),
        since_first=(together, delta),
        next=tuple(_next(models, gone=leaving or person.erased_at is not None)),
        together=in_words(total, delta=delta, several=True) if several else "",
        together_to_you=to_you(total, several=True) if several else "",
    )


def _impact(desk: Desk, person: Person, reader: Reader, training: Training) -> ModelImpact:
    """What one training means to the person."""
    partition = _partition(desk, person, training)
    found = admissible(desk, person, reader, training)
    role = _role(found, partition)
    loss = _loss(training, partition)
    epsilon = 0.0 if role == "not used" else composed([loss], training.delta) if training.protects else None
    return ModelImpact(
        training=training,
        role=role,
        rows=found.rows or (0 if role == "not used" else None),
        epsilon=epsilon,
        means=_means(role, training, in_words(loss, delta=training.delta)),
        to_you=yours(_means(role, training, to_you(loss))),
        notes=(*found.notes, *_unsure(found, partition, role)),
    )


def _role(found: Admissible, partition: Partition | None) -> Part:
    """What the training did with the person's rows: their absence now is no evidence, their consents then are."""
    if found.agreed is False and not found.rows:
        return "not used"
    return _ROLE[partition] if found.rows and partition else "not known"


_ROLE: Mapping[Partition, Part] = {"training": "trained on", "evaluation": "used to judge"}


def _unsure(found: Admissible, partition: Partition | None, role: Part) -> Iterable[str]:
    """Why it is not known what a training did with them."""
    if role == "not known" and found.rows == 0:
        yield "No row of theirs that is there now could have entered it; whether others were there then is not known."
    if role == "not known" and partition is None:
        yield "How people were divided then cannot be told, so neither can whether it learned from their rows."


def _means(role: Part, training: Training, risk: str) -> str:
    """What a training means for the person, in words; with what its loss means."""
    if role == "not used":
        return (
            "No row of theirs could enter this training: consent for it was not in force, or they were erased before."
        )
    if not training.protects:
        return "Its noise came from a seed, for tests: it protects nobody, and the model can never be approved."
    unsure = {"not known": "If their rows were in it: "}.get(role, "")
    kept = {"used to judge": "Their rows measured the model and taught it nothing. "}.get(role, "")
    return f"{unsure}{kept}{risk}"


def _loss(training: Training, partition: Partition | None) -> PrivacyLoss:
    """What a training cost one half of the people; the worse of both where it is not known which."""
    if partition is not None:
        return training.losses.get(partition, PrivacyLoss())
    return max(training.losses.values(), key=lambda loss: loss.epsilon(training.delta), default=PrivacyLoss())


def _partition(desk: Desk, person: Person, training: Training) -> Partition | None:
    """The half that the person was in; None where people were divided by another key, or it is not known how."""
    share = training.evaluation_share
    if share is None or training.assignment != desk.keys.assignment_fingerprint():
        return None
    return "evaluation" if desk.keys.places([person.user_id])[0] < int(share * 2**64) else "training"


def _next(models: Sequence[ModelImpact], *, gone: bool) -> Iterable[str]:
    """What happens next, and when."""
    if gone:
        yield "From now on every training leaves this person out."
    else:
        yield "Each later training asks anew whether consent is in force; it uses the rows only while it is."
    serving = [each.training for each in models if each.training.champion]
    for each in serving:
        until = f"{each.ends_at:%Y-%m-%d}" if each.ends_at else "its approval ends"
        yield (
            f"{each.name} serves until {until} at the latest, when its approval ends, or until another version is "
            f"approved; `tactful retire {each.model} {each.version}` ends it now."
        )
    if models and not serving:
        yield "None of these models serves anybody now."
    if models:
        yield (
            "What was learned cannot be taken out of a model again; how little a model can tell about any one person "
            "is what its epsilon bounds, and that bound stays as it is."
        )

"""Where two must approve, two keys have: no lone reviewer, borrowed signature or changed number makes a champion."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assurance_folder_registry import FolderRegistry
from assurance_registry_world import PASSES, World
from scoring_world import NOW, checkerboard, meta, payload
from tactful.assurance import approval_showing
from tactful.assurance.approval import history
from tactful.errors import ApprovalRefusedError, JournalBrokenError, ModelRefusedError
from tactful.scoring import Recommender, recommender
from tactful.scoring.approval import as_approval, read_statement
from tactful.scoring.artifact import write_artifact
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, load_private, new_key, public_text, write_private
from tactful.scoring.trust import Reviewers


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test starts as a process that has seen no decision."""
    memory = SeenSequences()
    for module in (approval_showing, recommender):
        monkeypatch.setattr(module, "PROCESS", memory)
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "seen.json"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two of three reviewers must approve; the third is the trainer."""
    made = World.make(tmp_path, FolderRegistry(folder=tmp_path / "store"))  # type: ignore[arg-type]
    made.reviewers = replace(made.reviewers, approvals_needed=2)
    return made


def served(world: World, **options: Any) -> str:
    """The version that a service loads, by the alias and the reviewers' file."""
    version = world.registry.champion(world.model)
    assert version is not None
    folder = world.registry.artifact_folder(world.model, version)
    return Recommender.load(folder, trusted_keys=world.reviewers_file(), **options).version


def test_two_reviewers_make_a_champion_and_one_does_not(world: World) -> None:
    """The alias moves with the second signature; before it the tag and the history say what is missing."""
    world.train()
    first = world.approve(by="Ada", reason="read the report")
    assert (first.missing, first.as_json()["status"]) == (1, "half approved")
    assert world.registry.champion(world.model) is None
    assert world.published() == ""
    assert world.registry.version(world.model, "1").status == "half approved"
    told = history(world.records, world.registry)[0]
    assert (told["versions"][0]["status"], told["versions"][0]["missing"]) == ("half approved", 1)
    assert (told["champion"]["now"], told["champions"]) == (None, [])
    second = world.approve(by="Grace", reason="read it too")
    assert (second.missing, second.as_json()["status"], second.sequence) == (0, "approved", first.sequence + 1)
    assert world.registry.version(world.model, "1").status == "approved"
    assert served(world) == "1"
    published = SignedDocument.from_json(world.published())
    assert [each.public_key for each in (*published.beside, published)] == list(second.signers)
    assert json.loads(world.published())["with"][0]["payload"]["reason"] == "read the report"
    turn = history(world.records)[0]["champions"][0]
    assert (turn["by"], turn["approval_id"]) == (["Ada", "Grace"], second.id)
    assert turn["why"] == "Ada: read the report; Grace: read it too"


def test_the_second_signs_what_the_first_overrode(world: World) -> None:
    """Overrides are written once and signed twice; no second reviewer puts other words in the first one's place."""
    world.train(verdicts=PASSES | {"ndcg_by_age": "fail", "recall_by_age": "insufficient evidence"})
    with pytest.raises(ApprovalRefusedError, match="override"):
        world.approve(by="Ada")
    words = {"ndcg_by_age": "known, and watched", "recall_by_age": "too few people"}
    world.approve(by="Ada", overrides=words)
    with pytest.raises(ApprovalRefusedError, match="other words for recall_by_age"):
        world.approve(by="Grace", overrides={"recall_by_age": "measured again in spring"})
    second = world.approve(by="Grace", overrides={"recall_by_age": words["recall_by_age"]})
    assert second.document.payload["overrides"] == words
    assert served(world) == "1"


def test_one_key_signs_once(world: World) -> None:
    """The same reviewer again, even under another name in the file, is one reviewer."""
    world.train()
    world.approve(by="Ada")
    with pytest.raises(ApprovalRefusedError, match="this key did, and 1 more"):
        world.approve(by="Ada")
    renamed = {key: name.replace("Ada", "Ada the Second") for key, name in world.reviewers.names.items()}
    with pytest.raises(ApprovalRefusedError, match="this key did"):
        world.approve(by="Ada", reviewers=replace(world.reviewers, names=renamed))
    assert world.kinds() == ["model.candidate", "model.approved"]


def test_the_trainer_is_neither_of_the_two(world: World) -> None:
    """Not first and not second."""
    world.train()
    for _ in range(2):
        with pytest.raises(ApprovalRefusedError, match="trained it"):
            world.approve(by="Trainer")
        if "model.approved" not in world.kinds():
            world.approve(by="Ada")
    assert world.registry.champion(world.model) is None


@pytest.mark.parametrize("between", ["approve 2", "reject 2", "retire 1", "expire", "remove Ada", "take Ada's role"])
def test_an_approval_waits_only_while_nothing_happens(world: World, between: str) -> None:
    """Another decision about the model, its end, or its signer's: then the second reviewer begins anew."""
    world.train()
    world.train()
    world.approve("1", by="Ada")
    options: dict[str, Any] = {}
    ada = next(key for key, name in world.reviewers.names.items() if name == "Ada")
    if between == "expire":
        options["now"] = world.records.now() + timedelta(days=181)
    elif between == "remove Ada":
        names = {key: name for key, name in world.reviewers.names.items() if key != ada}
        options["reviewers"] = replace(world.reviewers, names=names)
    elif between == "take Ada's role":
        options["reviewers"] = replace(world.reviewers, roles={ada: frozenset({"reject"})})
    else:
        verb, version = between.split()
        getattr(world, verb)(version, by="Grace")
    again = world.approve("1", by="Grace", **options)
    assert (again.missing, again.joined) == (1, ())
    assert world.registry.champion(world.model) is None


def test_what_two_needed_when_signed_is_not_lowered_later(world: World) -> None:
    """The second signer's file says one is enough: the first was told two, and so it stays, also for loading."""
    world.train()
    world.approve(by="Ada")
    alone = replace(world.reviewers, approvals_needed=1)
    assert world.approve(by="Grace", reviewers=alone).needed == 2
    world.reviewers = alone
    assert served(world) == "1"
    folder = world.registry.artifact_folder(world.model, "1")
    one = replace(SignedDocument.from_json(world.published()), beside=())
    (folder / "approval.json").write_text(one.to_json())
    with pytest.raises(ModelRefusedError, match="what lies beside it is something else"):
        served(world)


def test_a_file_that_asks_for_two_is_not_met_by_one_from_before(world: World) -> None:
    """A champion that one had approved does not load once two are needed, until two have approved it anew."""
    world.reviewers = replace(world.reviewers, approvals_needed=1)
    world.train()
    world.approve(by="Ada")
    assert served(world) == "1"
    world.reviewers = replace(world.reviewers, needed_for={world.model: 2})
    with pytest.raises(ModelRefusedError, match="2 reviewers approved it; 1 who may"):
        served(world)
    assert world.approve(by="Grace").missing == 1
    assert history(world.records)[0]["versions"][0]["status"] == "approved"
    assert world.approve(by="Ada").missing == 0
    assert served(world) == "1"


def forge(world: World, decision: str, by: Path, *, version: str = "1") -> None:
    """Whoever can write to the records ends a version past the checks, under Ada's name."""
    facts = next(e.body["payload"] for e in world.records.entries("model.candidate") if _is(e.body, version))
    stated = {name: facts[name] for name in ("model", "version", "run_id", "manifest_digest", "documents", "verdicts")}
    number = 1 + len(world.kinds()) - world.kinds().count("model.candidate")
    moment = world.records.now().isoformat()
    payload_of = {"schema": 1, **stated, "sequence": number, "decision": decision, "reason": "forged"}
    payload_of |= {"approved_at": "", "expires_at": moment, "overrides": {}}
    world.write(f"model.{decision}", payload_of, load_private(by), name="Ada")


def _is(body: Mapping[str, Any], version: str) -> bool:
    return bool(body["payload"]["version"] == version)


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A key that is on no list."""
    write_private(new_key(), tmp_path / "stranger.pem")
    return tmp_path / "stranger.pem"


def test_a_rejection_that_nobody_had_a_right_to_make_binds_nobody(world: World, stranger: Path) -> None:
    """A stranger's, or one by a reviewer who may not reject: approved all the same, and the approval says so."""
    grace = next(key for key, name in world.reviewers.names.items() if name == "Grace")
    world.reviewers = replace(world.reviewers, approvals_needed=2, roles={grace: frozenset({"approve"})})
    world.train()
    forge(world, "rejected", stranger)
    forge(world, "rejected", world.key("Grace"))
    assert history(world.records)[0]["versions"][0]["status"] == "rejected"
    first = world.approve(by="Ada")
    forged = [SignedDocument(**_signed(e.body)).digest for e in world.records.entries("model.rejected")]
    assert list(first.not_counted) == forged
    assert world.approve(by="Grace").not_counted == ()
    assert served(world) == "1"


def _signed(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("payload", "public_key", "signature")}


def test_a_rejection_by_one_who_may_stays(world: World, stranger: Path) -> None:
    """Also after a stranger's, and also where a stranger's approval says that it does not count."""
    world.train()
    forge(world, "rejected", stranger)
    world.reject(by="Ada")
    with pytest.raises(ApprovalRefusedError, match="stays rejected; it was, by Ada"):
        world.approve(by="Grace")
    rejections = [SignedDocument(**_signed(e.body)).digest for e in world.records.entries("model.rejected")]
    body, key = entry_of_candidate(world, sequence=3, not_counted=rejections), load_private(stranger)
    world.write("model.approved", body, key, name="Ada")
    with pytest.raises(ApprovalRefusedError, match="stays rejected; it was, by Ada"):
        world.approve(by="Grace")


def entry_of_candidate(world: World, **changes: Any) -> dict[str, Any]:
    """What an approval of the world's candidate would state."""
    facts = world.records.entries("model.candidate")[0].body["payload"]
    stated = {name: facts[name] for name in ("model", "version", "run_id", "manifest_digest", "documents", "verdicts")}
    now = world.records.now()
    times = {"approved_at": now.isoformat(), "expires_at": (now + timedelta(days=1)).isoformat()}
    return {"schema": 1, **stated, "decision": "approved", "reason": "x", "overrides": {}, **times, **changes}


@pytest.mark.parametrize("named", ["none", "one of two", "twice", "another"])
def test_the_journal_believes_no_approval_that_passes_over_a_rejection_in_silence(world: World, named: str) -> None:
    """It names every rejection that it does not count, each once, and nothing else."""
    world.train()
    world.reject(by="Ada")
    forge(world, "rejected", world.key("Grace"))
    ids = [SignedDocument(**_signed(e.body)).digest for e in world.records.entries("model.rejected")]
    told = {"none": [], "one of two": ids[:1], "twice": [*ids, ids[0]], "another": [*ids, "0" * 64]}[named]
    body = entry_of_candidate(world, sequence=3, not_counted=told)
    world.write("model.approved", body, load_private(world.key("Grace")), name="Grace")
    with pytest.raises(JournalBrokenError, match="rules of approval"):
        history(world.records)


def test_a_forged_rejection_bars_no_way_back(world: World, stranger: Path) -> None:
    """The champion before is the one to go back to, whatever a stranger wrote of it."""
    world.reviewers = replace(world.reviewers, approvals_needed=1)
    for version in ("1", "2"):
        world.train()
        world.approve(version)
    forge(world, "rejected", stranger, version="1")
    assert world.rollback().version == "1"
    assert served(world) == "1"


@pytest.mark.parametrize("change", ["removed", "no role", "another model"])
@pytest.mark.parametrize("who", ["Ada", "Grace"])
def test_who_may_not_approve_any_more_does_not_count_at_load(world: World, who: str, change: str) -> None:
    """First or second, by key, role or model: what the file says when a service loads decides."""
    world.train()
    world.approve(by="Ada")
    world.approve(by="Grace")
    key = next(key for key, name in world.reviewers.names.items() if name == who)
    if change == "removed":
        names = {each: name for each, name in world.reviewers.names.items() if each != key}
        world.reviewers = replace(world.reviewers, names=names)
    elif change == "no role":
        world.reviewers = replace(world.reviewers, roles={key: frozenset({"reject", "retire"})})
    else:
        world.reviewers = replace(world.reviewers, models={key: frozenset({"another"})})
    with pytest.raises(ModelRefusedError):
        served(world)


def test_roles_and_models_say_who_decides_what(world: World) -> None:
    """Each verb needs its role, and the model must be the reviewer's; nothing is written otherwise."""
    ada, grace = (next(k for k, n in world.reviewers.names.items() if n == name) for name in ("Ada", "Grace"))
    world.reviewers = replace(
        world.reviewers,
        approvals_needed=1,
        roles={ada: frozenset({"approve"})},
        models={grace: frozenset({"another"})},
    )
    world.train()
    for attempt in (world.reject, world.retire):
        with pytest.raises(ApprovalRefusedError, match="not Ada's"):
            attempt(by="Ada")
    for attempt in (world.approve, world.reject, world.retire):
        with pytest.raises(ApprovalRefusedError, match="not Grace's to"):
            attempt(by="Grace")
    assert world.kinds() == ["model.candidate"]
    world.approve(by="Ada")
    assert served(world) == "1"


def test_a_rejection_that_was_not_the_signers_to_make_is_not_remembered(world: World) -> None:
    """It is no approval, so nothing loads; and once the approval is back, the model does."""
    ada, grace = (next(k for k, n in world.reviewers.names.items() if n == name) for name in ("Ada", "Grace"))
    world.reviewers = replace(world.reviewers, approvals_needed=1, roles={grace: frozenset({"approve"})})
    world.train()
    world.approve(by="Ada")
    path = world.registry.artifact_folder(world.model, "1") / "approval.json"
    before, facts = path.read_text(), dict(SignedDocument.from_json(path.read_text()).payload)
    for decision in ("rejected", "retired"):
        document = SignedDocument.sign(facts | {"decision": decision, "sequence": 9}, load_private(world.key("Grace")))
        path.write_text(document.to_json())
        with pytest.raises(ModelRefusedError, match="the decision was"):
            served(world)
    path.write_text(before)
    assert served(world) == "1"
    assert ada in world.reviewers.keys


class Signers:
    """An artifact, and approvals of it that are signed and put beside it by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tiny"
        self.keys = {name: new_key() for name in ("Ada", "Grace", "Stranger", "Trainer")}
        facts = meta(trainer=public_text(self.keys["Trainer"]))
        self.digest = write_artifact(self.folder, checkerboard(), meta=facts)
        names = {public_text(key): name for name, key in self.keys.items() if name != "Stranger"}
        self.reviewers = Reviewers(names=names, approvals_needed=2)

    def sign(self, who: str, sequence: int, **changes: Any) -> SignedDocument:
        """An approval by one reviewer; `joins` are documents."""
        given = {"sequence": sequence, "approvals_needed": 2, "reason": f"said {who}"} | changes
        given["joins"] = [each.digest for each in given.get("joins", ())]
        return SignedDocument.sign(payload(self.digest, **given), self.keys[who])

    def load(self, last: SignedDocument, *beside: SignedDocument, reviewers: Reviewers | None = None) -> Recommender:
        """What a service makes of it."""
        (self.folder / "approval.json").write_text(replace(last, beside=beside).to_json())
        found = reviewers or self.reviewers
        listing = "".join(f'[[reviewer]]\nname = "{name}"\npublic_key = "{key}"\n' for key, name in found.names.items())
        path = self.folder.parent / "reviewers.toml"
        path.write_text(f"approvals_needed = {found.approvals_needed}\n{listing}")
        return Recommender.load(self.folder, trusted_keys=path, now=lambda: NOW)


@pytest.fixture
def signers(tmp_path: Path) -> Signers:
    return Signers(tmp_path)


def test_two_honest_signatures_load(signers: Signers) -> None:
    """What the attacks below start from; and it ends when the first of the two does."""
    first = signers.sign("Ada", 4, expires_at=(NOW + timedelta(days=3)).isoformat())
    second = signers.sign("Grace", 5, joins=(first,))
    assert signers.load(second, first).expires_at == NOW + timedelta(days=3)
    late = signers.sign("Ada", 4, expires_at=NOW.isoformat())
    with pytest.raises(ModelRefusedError, match="expired"):
        signers.load(signers.sign("Grace", 5, joins=(late,)), late)


def test_half_an_approval_is_none_whatever_the_file_asks_for(signers: Signers) -> None:
    """Who signed was told that two must: a file that asks for one, and bare keys, do not make it enough."""
    lone = signers.sign("Ada", 4)
    with pytest.raises(ModelRefusedError, match="2 reviewers approved it; 1"):
        signers.load(lone, reviewers=replace(signers.reviewers, approvals_needed=1))
    with pytest.raises(ModelRefusedError, match="2 reviewers approved it; 1"):
        Recommender.load(signers.folder, trusted_keys=list(signers.reviewers.names), now=lambda: NOW)


def test_the_last_signer_must_be_one_who_may_approve(signers: Signers) -> None:
    """Even where one is enough, and an earlier approval by somebody who may lies beside it."""
    first = signers.sign("Ada", 4, approvals_needed=1)
    last = signers.sign("Grace", 5, approvals_needed=1, joins=(first,))
    one = replace(signers.reviewers, approvals_needed=1)
    assert signers.load(last, first, reviewers=one).version == "3"
    statement = read_statement(signers.folder, trusted=one.keys)
    may_not = replace(one, roles={last.public_key: frozenset({"reject"})})
    with pytest.raises(ModelRefusedError, match="no reviewer of this model"):
        as_approval(statement, now=NOW, valid_days=180, reviewers=may_not)


def attack(name: str, s: Signers) -> tuple[SignedDocument, tuple[SignedDocument, ...]]:
    """What lies beside the model, put there by one reviewer, Grace, who has her own key and old signatures of Ada's."""
    ada: Mapping[str, Callable[[], SignedDocument]] = {
        "another version": lambda: s.sign("Ada", 4, version="2"),
        "another model": lambda: s.sign("Ada", 4, model="other"),
        "another manifest": lambda: _of(s, "Ada", "0" * 64),
        "an older sequence": lambda: s.sign("Ada", 2),
        "a later sequence": lambda: s.sign("Ada", 7),
        "a rejection": lambda: s.sign("Ada", 4, decision="rejected"),
        "a stranger": lambda: s.sign("Stranger", 4),
        "the trainer": lambda: s.sign("Trainer", 4),
        "herself": lambda: s.sign("Grace", 4),
    }
    if name in ada:
        first = ada[name]()
        return s.sign("Grace", 5, joins=(first,)), (first,)
    first = s.sign("Ada", 4)
    if name == "the same document":
        alone = s.sign("Grace", 5)
        return alone, (alone,)
    if name == "nobody beside it":
        return s.sign("Grace", 5, joins=(first,)), ()
    if name == "not named":
        return s.sign("Grace", 5), (first,)
    if name == "another is named":
        return s.sign("Grace", 5, joins=(s.sign("Ada", 3),)), (first,)
    if name == "fillers of a stranger's":
        old = s.sign("Ada", 2)
        fill = [s.sign("Stranger", number) for number in (3, 4)]
        return s.sign("Grace", 5, joins=(old, *fill)), (old, *fill)
    if name == "fillers of her own":
        old = s.sign("Ada", 3)
        fill = s.sign("Grace", 4)
        return s.sign("Grace", 5, joins=(old, fill)), (old, fill)
    if name == "fewer needed":
        return s.sign("Grace", 5, approvals_needed=1), ()
    if name == "fewer than none":
        return s.sign("Grace", 5, approvals_needed=0), ()
    if name == "needed in words":
        return s.sign("Grace", 5, approvals_needed="one"), ()
    if name == "signature of another text":
        return s.sign("Grace", 5, joins=(first,)), (replace(first, signature=s.sign("Ada", 3).signature),)
    raise AssertionError(name)


def _of(signers: Signers, who: str, digest: str) -> SignedDocument:
    return SignedDocument.sign(payload(digest, sequence=4, approvals_needed=2, joins=[]), signers.keys[who])


ATTACKS = {
    "another version": "same model and version",
    "another model": "same model and version",
    "another manifest": "same model and version",
    "an older sequence": "do not follow",
    "a later sequence": "do not follow",
    "a rejection": "same model and version",
    "a stranger": "2 reviewers approved it; 1",
    "the trainer": "the same key did both",
    "herself": "each by another key",
    "the same document": "something else",
    "nobody beside it": "something else",
    "not named": "something else",
    "another is named": "something else",
    "fillers of a stranger's": "do not follow",
    "fillers of her own": "each by another key",
    "fewer needed": "2 reviewers approved it; 1",
    "fewer than none": "of a kind",
    "needed in words": "of a kind",
    "signature of another text": "signature must fit",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_one_reviewer_alone_gets_nothing_served(signers: Signers, name: str) -> None:
    """Whoever can write to MLflow, has one reviewer's key, and old signatures of the other, is refused."""
    last, beside = attack(name, signers)
    with pytest.raises(ModelRefusedError, match=ATTACKS[name]):
        signers.load(last, *beside)


@pytest.mark.parametrize("text", ["{}", "[]", '"x"', "null", "[[]]", '[{"payload": {}}]'])
def test_with_is_a_list_of_signed_documents(signers: Signers, text: str) -> None:
    """Any other form is refused, and so is one document that carries others of its own."""
    first = signers.sign("Ada", 4)
    whole = json.loads(signers.sign("Grace", 5, joins=(first,)).to_json())
    nested = json.loads(first.to_json()) | {"with": [json.loads(first.to_json())]}
    for beside in (json.loads(text), [nested]):
        if beside is not None:
            with pytest.raises(ModelRefusedError, match="signed document"):
                SignedDocument.from_json(json.dumps(whole | {"with": beside}))


def test_a_retirement_that_was_seen_ends_borrowed_signatures_too(signers: Signers, tmp_path: Path) -> None:
    """Of three, two connive: the third one's signature from before a retirement that was seen is worth nothing."""
    reviewers = replace(signers.reviewers, approvals_needed=3)
    signers.keys["Eve"] = new_key()
    reviewers = replace(reviewers, names={**reviewers.names, public_text(signers.keys["Eve"]): "Eve"})
    old = signers.sign("Ada", 3)
    eve = signers.sign("Eve", 4, joins=(old,))
    last = signers.sign("Grace", 5, joins=(old, eve))
    ended = signers.sign("Ada", 3, decision="retired")
    with pytest.raises(ModelRefusedError, match="the decision was"):
        signers.load(ended, reviewers=reviewers)
    with pytest.raises(ModelRefusedError, match="later approval"):
        signers.load(last, old, eve, reviewers=reviewers)
    recommender.PROCESS._seen.clear()
    (tmp_path / "seen.json").unlink()
    assert signers.load(last, old, eve, reviewers=reviewers).version == "3"


def entry_of(world: World, who: str, **changes: Any) -> tuple[dict[str, Any], Ed25519PrivateKey]:
    """What a second approval of the world's candidate would state, and the key for it."""
    first = world.records.entries("model.approved")[0].body["payload"]
    return first | {"sequence": 2, "joins": []} | changes, load_private(world.key(who))


@pytest.mark.parametrize(
    "change",
    [
        {"joins": ["0" * 64]},
        {"joins": "first", "sequence": 3},
        {"joins": "first twice"},
        {"joins": "none", "approvals_needed": 0},
        {"joins": 7},
        {"joins": "first", "documents": {}},
        {"joins": "first", "verdicts": {"ndcg_by_age": "fail"}},
        {"joins": "first", "run_id": "another"},
    ],
)
def test_the_journal_believes_no_second_signature_that_does_not_join(world: World, change: dict[str, Any]) -> None:
    """Written past the checks by a reviewer who can write to the database, it stops everything."""
    world.train()
    first = world.approve(by="Ada")
    words = {"first": [first.id], "first twice": [first.id, first.id], "none": []}
    joins = change["joins"]
    body, key = entry_of(
        world, "Grace", **change | {"joins": words.get(joins, joins) if isinstance(joins, str) else joins}
    )
    world.write("model.approved", body, key, name="Grace")
    with pytest.raises(JournalBrokenError):
        history(world.records)


def test_the_journal_counts_keys_and_not_entries(world: World) -> None:
    """Ada's second entry, under another name, joins her first: refused; beside it, she is alone: half approved."""
    world.train()
    first = world.approve(by="Ada")
    body, key = entry_of(world, "Ada", joins=[])
    world.write("model.approved", body, key, name="Ada the Second")
    assert history(world.records)[0]["versions"][0]["missing"] == 1
    body, key = entry_of(world, "Ada", joins=[first.id], sequence=3)
    world.write("model.approved", body, key, name="Ada the Third")
    with pytest.raises(JournalBrokenError, match="joins others"):
        history(world.records)


@pytest.mark.parametrize("who", ["oneself", "enough"])
def test_nobody_joins_oneself_or_those_who_are_enough(world: World, who: str) -> None:
    """An approval that names the signer's own before it, or a round that two closed, is none."""
    world.train()
    joins = [world.approve(by="Ada").id]
    key = load_private(world.key("Ada"))
    if who == "enough":
        joins.append(world.approve(by="Grace").id)
        key = new_key()
    body, _ = entry_of(world, "Ada", joins=joins, sequence=len(joins) + 1)
    world.write("model.approved", body, key, name="Ada")
    with pytest.raises(JournalBrokenError, match="joins others"):
        history(world.records)


def test_the_second_of_three_lowers_nothing(world: World) -> None:
    """Signed past the checks with a smaller number: the journal and services take the largest of the round."""
    world.reviewers = replace(world.reviewers, approvals_needed=3)
    world.train()
    first = world.approve(by="Ada")
    body, key = entry_of(world, "Grace", joins=[first.id], approvals_needed=1)
    world.write("model.approved", body, key, name="Grace")
    told = history(world.records)[0]
    assert (told["champion"]["now"], told["versions"][0]["missing"]) == (None, 1)
    folder = world.registry.artifact_folder(world.model, "1")
    whole = replace(SignedDocument.sign(body, key), beside=(first.document,))
    (folder / "approval.json").write_text(whole.to_json())
    with pytest.raises(ModelRefusedError, match="3 reviewers approved it; 2"):
        Recommender.load(folder, trusted_keys=list(world.reviewers.names))


def test_a_decision_counts_keys(world: World) -> None:
    """One key twice is one key, wherever the round came from."""
    world.train()
    first = world.approve(by="Ada")
    assert replace(first, joined=(first,)).missing == 1


def test_an_approval_of_another_version_joins_nothing(world: World) -> None:
    """Grace approves version 2 and names Ada's approval of version 1: the journal does not take that for two."""
    world.train()
    world.train()
    first = world.approve("1", by="Ada")
    stated = world.records.entries("model.candidate")[1].body["payload"]
    same = {name: stated[name] for name in ("version", "run_id", "manifest_digest", "documents", "verdicts")}
    body, key = entry_of(world, "Grace", joins=[first.id], **same)
    world.write("model.approved", body, key, name="Grace")
    with pytest.raises(JournalBrokenError, match="joins others"):
        history(world.records)

"""Who is put on a suppression list: whom the gate would let through until the list ends, by brute force too."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful.personal.objections as objections
from personal_reference import STATES, gate, moment, texts, world
from personal_reference import day as as_day
from personal_reference import event as any_event
from personal_rules import NEVER, broken, in_hand, lapse
from tactful.cli import main
from tactful.errors import SchemaError, SecretError, TactfulError, UsageError
from tactful.personal.keys import Keys
from tactful.personal.objections import Standings, standings
from tactful.records.store import Records
from tactful.scoring.signing import new_key, public_text, write_private
from tactful.scoring.suppression_list import PURPOSE, write_list
from tactful.scoring.suppressions import Suppressions
from world import settings as world_settings
from world import write_world

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=b"k" * 32)
NODES = ("personalization", PURPOSE, PURPOSE, f"{PURPOSE}.email", "personalization.training", "fairness")
STRANGE = ("personalization.*", "all", "fairness.", "personalization.recommendations\t")
USERS = ("ann", "bob", "cem", "dee")
NOW, END = 6, 8
CANARY = "CANARY-9c2d"


def event(user: str, state: str, at: float, purpose: str = PURPOSE, *ends: Any, **more: Any) -> dict[str, Any]:
    """A consent event about recommendations unless said otherwise."""
    return any_event(user, state, at, purpose, *ends, **more)


days = st.integers(0, 18).map(lambda halves: halves / 2)
events = st.builds(
    event,
    st.sampled_from(USERS),
    st.sampled_from(STATES),
    days,
    st.sampled_from(NODES * 3 + STRANGE),
    st.none() | days,
    st.none() | days,
)
subjects = st.dictionaries(
    st.sampled_from((*USERS, "eve")),
    st.fixed_dictionaries({"minor": st.sampled_from([False, False, True]), "erased_at": st.none() | days}),
    max_size=2,
)


def reference(made: dict[str, Any], user: str) -> str:
    """What holds of a person, found by trying every instant from now until the list ends."""
    subject = made["subjects"].get(user, {})
    if subject.get("erased_at") is not None:
        return "erased"
    if subject.get("minor"):
        return "minor"
    theirs = [e for e in made["consents"] if e["user_id"] == user]
    why = lapse([e for e in theirs if in_hand(e, NOW, NEVER)], PURPOSE, NOW, NOW)
    if why:
        return why
    return "expired" if broken([e for e in theirs if in_hand(e, END, NEVER)], PURPOSE, NOW, END) else "allowed"


def tables(made: dict[str, Any]) -> dict[str, Any]:
    """The world as the two tables."""
    names = {"event": "event_time", "recorded": "recorded_time", "until": "valid_until"}
    consents = [
        {names.get(name, name): as_day(value) if name in names else value for name, value in e.items()}
        for e in made["consents"]
    ]
    flags = [
        {"user_id": user, "minor": str(s.get("minor", "")), "erased_at": as_day(s.get("erased_at"))}
        for user, s in made["subjects"].items()
    ]
    return {
        "consents": texts(consents, "user_id purpose state event_time recorded_time valid_until"),
        "subjects": texts(flags, "user_id minor erased_at"),
    }


def judged(made: dict[str, Any], **options: Any) -> Standings:
    """The standings of a world at day `NOW`, for a list that ends on day `END` unless said otherwise."""
    described = {"valid_for": timedelta(days=END - NOW), "now": lambda: moment(NOW)} | options
    return standings(**{"keys": KEYS, **tables(made), **described})


def listed(found: Standings, users: Any) -> set[str]:
    """Those of the users who are on the list."""
    marks = {found.marks[at : at + 16] for at in range(0, len(found.marks), 16)}
    assert b"".join(sorted(marks)) == found.marks
    return {user for user, mark in zip(users, KEYS.marks(users), strict=True) if mark in marks}


def named(made: dict[str, Any]) -> list[str]:
    """Everybody whom the tables name."""
    return sorted({e["user_id"] for e in made["consents"]} | set(made["subjects"]))


def check(made: dict[str, Any], told: dict[str, str] | None = None) -> Counter[str]:
    """Both lists and the counts are those of brute force, or of what was told; returns the counts."""
    told = told or {user: reference(made, user) for user in named(made)}
    allowed, objecting = judged(made), judged(made, basis="objection")
    assert listed(allowed, list(told)) == {user for user, state in told.items() if state == "allowed"}
    assert listed(objecting, list(told)) == {u for u, state in told.items() if state not in ("allowed", "no_record")}
    assert allowed.counts == objecting.counts == Counter(told.values())
    return Counter(told.values())


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(events, max_size=12), subjects)
def test_everybody_is_listed_as_brute_force_lists_them(consents: list[dict[str, Any]], flags: dict[str, Any]) -> None:
    """On any small world."""
    check(world([*consents, event("zoe", "given", 1)], flags))


def crowd(seed: int, people: int) -> dict[str, Any]:
    """Many people with short histories around the moment at which they are judged."""
    draw = random.Random(seed)  # noqa: S311
    consents, flags = [], {}
    for number in range(people):
        user = f"user-{number}"
        for _ in range(draw.randint(0, 5)):
            at = draw.randint(0, 18) / 2
            until = draw.choice([None, None, at + draw.randint(0, 12) / 2])
            recorded = draw.choice([None, None, None, draw.randint(0, 18) / 2])
            state = draw.choice(["given", "given", "given", "refused", "withdrawn"])
            node = draw.choice(NODES if draw.random() < 0.95 else STRANGE)
            consents.append(event(user, state, at, node, until, recorded))
        if draw.random() < 0.15:
            flags[user] = {"minor": draw.random() < 0.5, "erased_at": draw.choice([None, draw.randint(0, 9)])}
    return world(consents, flags)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crowd_is_listed_as_one_by_one(seed: int) -> None:
    """Six hundred people at once, among whom everything that can hold of somebody does."""
    assert set(check(crowd(seed, 600))) == {
        "allowed",
        "erased",
        "minor",
        "no_record",
        "refused",
        "withdrawn",
        "expired",
    }


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_thousand_people_are_listed_as_brute_force_lists_them(seed: int) -> None:
    """The same on twenty crowds of five hundred."""
    check(crowd(seed, 500))


MUTANTS = {
    "forgets consent that ends before the list": ("s.reason_now IS NOT NULL OR", ""),
    "forgets a gap in between": ("OR s.since_now > m.instant", ""),
    "looks at the end alone": ("WHEN s.reason_then IS NOT NULL THEN s.reason_then", ""),
    "forgets erasures": ("s.erased_at <= m.known_until", "FALSE"),
    "forgets minors": ("s.minor = 1", "FALSE"),
    "lets a grant outvote a refusal": ("gives > 0 AND blocks = 0", "gives > 0"),
    "waits until a refusal should have been recorded": ("ELSE m.known_until", "ELSE m.instant"),
    "forgets that grants end": ("OR valid_until IS NULL", "OR TRUE"),
}


@cache
def mutants_world() -> tuple[dict[str, Any], dict[str, str]]:
    """A crowd and what holds of each of them, found once."""
    made = crowd(1, 600)
    return made, {user: reference(made, user) for user in named(made)}


def test_the_statement_as_it_is_agrees_on_the_world_of_the_mutants() -> None:
    """So a difference below is the mutant's."""
    check(*mutants_world())


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_statement_is_noticed(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to break the statement lists somebody else."""
    part, broken = MUTANTS[mutant]
    assert part in objections._STANDING
    made, told = mutants_world()
    monkeypatch.setattr(objections, "_STANDING", objections._STANDING.replace(part, broken))
    with pytest.raises(AssertionError):
        check(made, told)


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_a_list_of_the_wrong_people_is_noticed(basis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the states are right and the choice among them is not."""
    broken = {"consent": "state <> 'refused'", "objection": "state IN ('refused', 'withdrawn')"}[basis]
    made, told = mutants_world()
    statement = f"SELECT mark FROM standings WHERE {broken} ORDER BY mark"  # noqa: S608  (two constants)
    monkeypatch.setitem(objections._LISTED, basis, statement)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        check(made, told)


def test_for_an_instant_it_is_the_gates_own_answer() -> None:
    """A list that ends at once holds exactly those whom the gate calls willing."""
    made = crowd(3, 500)
    users = named(made)
    names = dict(zip(users, KEYS.pseudonyms(users), strict=True))
    willing = gate(made, NOW, keys=KEYS).willing(list(names.values()), PURPOSE)
    found = judged(made, valid_for=timedelta(microseconds=1))
    assert 20 < len(willing) < 480
    assert listed(found, users) == {user for user in users if names[user] in willing}


STORIES = [  # what somebody said, whether a list of consent and one of objections let them through
    ([], False, True),
    ([event("ann", "given", 1)], True, True),
    ([event("ann", "given", 1, "personalization")], True, True),
    ([event("ann", "given", 1, "personalization.training")], False, True),
    ([event("ann", "given", 1, f"{PURPOSE}.email")], False, True),
    ([event("ann", "refused", 1)], False, False),
    ([event("ann", "refused", 1, "personalization"), event("ann", "given", 2)], False, False),
    ([event("ann", "given", 1), event("ann", "withdrawn", 2)], False, False),
    ([event("ann", "given", 1), event("ann", "withdrawn", 2), event("ann", "given", 3)], True, True),
    ([event("ann", "given", 1), event("ann", "withdrawn", 9, recorded=9)], False, False),
    ([event("ann", "given", 1, until=5)], False, False),
    ([event("ann", "given", 1, until=7)], False, False),
    ([event("ann", "given", 1, until=8)], False, False),
    ([event("ann", "given", 1, until=9)], True, True),
    ([event("ann", "given", 1, until=7), event("ann", "given", 5, until=9)], True, True),
    ([event("ann", "given", 7)], False, True),
    ([event("ann", "given", 1), event("ann", "refused", 2, "all")], False, False),
    ([event("ann", "given", 1), event("ann", "nonsense", 2)], False, False),
]


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_what_was_said_decides_by_either_basis(basis: Any, tmp_path: Path) -> None:
    """A table of stories, one a person, through the whole way: from the events to the service's question."""
    told = [e | {"user_id": f"ann-{number}"} for number, (said, *_) in enumerate(STORIES) for e in said]
    found = served(world(told), tmp_path, basis=basis)
    for number, (_, consenting, not_objecting) in enumerate(STORIES):
        assert found.allows(f"ann-{number}") == (consenting if basis == "consent" else not_objecting), number


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_minors_and_the_erased_are_never_profiled(basis: Any, tmp_path: Path) -> None:
    """Whatever they said, and also where no consent event names them."""
    flags: dict[str, Any] = {"minor": {"minor": True}, "gone": {"erased_at": 3}, "going": {"erased_at": 30}}
    agreed = [event(f"{user}-agreed", "given", 1) for user in (*flags, "zoe")]
    flagged = {f"{user}-{said}": flag for user, flag in flags.items() for said in ("agreed", "silent")}
    found = served(world(agreed, flagged), tmp_path, basis=basis)
    assert [user for user in (*flagged, "zoe-agreed") if found.allows(user)] == ["zoe-agreed"]


def served(made: dict[str, Any], folder: Path, *, basis: Any = "consent", now: float = NOW) -> Suppressions:
    """The service's view of a world: its list is written, and read with the one key."""
    found, signer = judged(made, basis=basis, now=lambda: moment(now)), new_key()
    write_list(
        folder / "list",
        found.marks,
        basis=basis,
        made_at=found.made_at,
        expires_at=found.expires_at,
        key=KEYS.for_lists(),
        signer=signer,
    )
    trusted = public_text(signer)
    return Suppressions(
        folder / "list", key=KEYS.suppression, trusted_keys=trusted, basis=basis, now=lambda: moment(now)
    )


def test_who_withdraws_is_refused_after_the_next_list(tmp_path: Path) -> None:
    """A running service sees it by itself; who comes back is allowed again after the one after."""
    signer, clock = new_key(), [moment(3)]
    said = [event("ann", "given", 1), event("bob", "given", 1)]
    suppressions = None
    for now, more, allowed in (
        (3, [], {"ann", "bob"}),
        (4, [event("ann", "withdrawn", 3.5)], {"bob"}),
        (5, [event("bob", "refused", 4.5, "personalization")], set()),
        (6, [event("ann", "given", 5.5)], {"ann"}),
    ):
        said, clock[0] = said + more, moment(now)
        found = judged(world(said), now=lambda: clock[0])
        times = {"made_at": found.made_at, "expires_at": found.expires_at}
        write_list(tmp_path / "list", found.marks, basis="consent", key=KEYS.for_lists(), signer=signer, **times)
        suppressions = suppressions or Suppressions(
            tmp_path / "list", key=KEYS.suppression, trusted_keys=public_text(signer), now=lambda: clock[0]
        )
        suppressions.check()
        assert {user for user in ("ann", "bob", "eve") if suppressions.allows(user)} == allowed


def test_integers_and_text_are_one_id_in_every_table() -> None:
    """The consents have numbers, the subjects text; a service asks in either."""
    consents = pa.table(
        {"user_id": [7, 8], "purpose": [PURPOSE] * 2, "state": ["given"] * 2, "event_time": ["2026-01-02"] * 2}
    )
    subjects = pa.table({"user_id": ["8"], "minor": ["yes"]})
    found = standings(consents=consents, subjects=subjects, keys=KEYS, now=lambda: moment(NOW))
    assert found.marks == KEYS.marks(["7"])[0]
    assert found.counts == {"allowed": 1, "minor": 1}


def test_nobody_at_all_is_a_list_too() -> None:
    """Of length nothing: whoever asks is not on it."""
    found = standings(consents=texts([], "user_id purpose state event_time"), keys=KEYS)
    assert (found.marks, found.counts) == (b"", {})


def test_what_cannot_be_judged_stops_the_list() -> None:
    """A key that is not there, a basis or a time that is none, a record that names nobody; and nobody is named."""
    fine = tables(world([event(f"{CANARY}-1", "given", 1)]))
    older = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
    nameless = texts(
        [{"user_id": f" {CANARY}-2", "state": "given", "event_time": "2026-01-02"}], "user_id purpose state event_time"
    )
    calls: list[tuple[type[TactfulError], dict[str, Any]]] = [
        (SecretError, {"keys": older}),
        (UsageError, {"basis": "whim"}),
        (UsageError, {"purpose": "Everything!"}),
        (UsageError, {"valid_for": timedelta(0)}),
        (UsageError, {"valid_for": timedelta(days=32)}),
        (SchemaError, {"consents": nameless}),
    ]
    for expected, wrong in calls:
        with pytest.raises(expected) as refused:
            standings(**({"keys": KEYS} | fine | wrong))
        assert CANARY not in str(refused.value)


def test_a_repr_tells_nobody_and_no_number() -> None:
    """Neither ids nor marks nor how many there are."""
    found = judged(world([event(f"{CANARY}-{number}", "given", 1) for number in range(777)]))
    assert found.counts == {"allowed": 777}
    assert CANARY not in repr(found)
    assert "777" not in repr(found)
    assert found.marks.hex()[:8] not in repr(found)


def test_older_secrets_get_the_key_when_asked_and_keep_the_others(tmp_path: Path) -> None:
    """It is added once, whatever else the file holds; without it a list cannot be made, and the error says how."""
    path = tmp_path / "secrets.toml"
    path.write_text(
        "".join(f'{name} = "{number * 32}"\n' for name, number in OLDER.items()) + "\n[notes]\nby = 'ada'\n"
    )
    path.chmod(0o600)
    before = Keys.load(path)
    assert before.suppression is None
    with pytest.raises(SecretError, match="tactful keys secrets"):
        before.marks(["ann"])
    after = Keys.complete(path)
    assert after == Keys.load(path) == Keys.complete(path)
    assert after.suppression is not None
    others = (after.pseudonym, after.storage, after.assignment)
    assert others == (before.pseudonym, before.storage, before.assignment)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["secrets.toml"]


OLDER = {"pseudonym": "11", "storage": "22", "assignment": "33"}


def test_new_secrets_hold_the_key_and_it_differs_from_the_others(tmp_path: Path) -> None:
    """A key used twice would let a service that reads lists undo pseudonyms."""
    made = Keys.create(tmp_path / "secrets.toml")
    assert made.suppression is not None
    assert Keys.complete(tmp_path / "secrets.toml") == made
    with pytest.raises(SecretError, match="differ"):
        Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=b"p" * 32)
    assert KEYS.marks(["ann"])[0].hex() != KEYS.pseudonyms(["ann"])[0]


def test_the_environment_may_give_the_key_beside_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service on the officer's own machine; alone it is no set of secrets."""
    monkeypatch.chdir(tmp_path)
    for name in ("SECRET_FILE", *(f"{name.upper()}_KEY" for name in (*OLDER, "suppression"))):
        monkeypatch.delenv(f"TACTFUL_{name}", raising=False)
    monkeypatch.setenv("TACTFUL_SUPPRESSION_KEY", "44" * 32)
    with pytest.raises(SecretError, match="three keys"):
        Keys.load()
    made = Keys.create(tmp_path / "secrets.toml")
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(tmp_path / "secrets.toml"))
    assert Keys.load().suppression == bytes.fromhex("44" * 32)
    assert Keys.load().pseudonym == made.pseudonym
    assert Keys.load(tmp_path / "secrets.toml") == made


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty people of the known world, asked about recommendations as they were about training; no store of models."""
    write_world(tmp_path, people=60)
    consents = tmp_path / "consents.csv"
    consents.write_text(consents.read_text().replace("personalization.training", PURPOSE))
    for name in ("PSEUDONYM", "STORAGE", "ASSIGNMENT", "SUPPRESSION"):
        monkeypatch.delenv(f"TACTFUL_{name}_KEY", raising=False)
    for name, value in world_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tactful(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line inside the known world; the exit code and both streams."""
    write_private(new_key(), workspace / "officer.key")
    Records.open().close()

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tactful", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


def test_from_the_command_line_to_the_service(tactful: Command, workspace: Path) -> None:
    """The commands of the README: a list, the key for the service, and the question; exact counts on the terminal."""
    code, out, err = tactful("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key", "--json")
    assert code == 0, err
    found = json.loads(out.strip().splitlines()[-1])
    assert {"file", "basis", "purpose", "made_at", "expires_at", "signer", "people"} == set(found)
    assert tactful("keys", "suppression", "--out", "suppression.key")[0] == 0
    suppressions = Suppressions("may.list", key="suppression.key", trusted_keys=found["signer"])
    assert suppressions.fresh
    lines = (workspace / "consents.csv").read_text().splitlines()
    users = sorted({line.partition(",")[0] for line in lines[1:]})
    allowed = [user for user in users if suppressions.allows(user)]
    assert 0 < len(allowed) == found["people"]["allowed"] < len(users)
    assert not any(user in out + err for user in users)
    assert tactful("keys", "suppression", "--out", "suppression.key")[0] == 2


def test_the_command_says_what_is_wrong(tactful: Command, workspace: Path) -> None:
    """Each with exit code 2: a basis that is none, hours that are none, a signer's key that is not there."""
    command = ("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key")
    for wrong in (["--basis", "whim"], ["--valid-hours", "0"], ["--valid-hours", "nan"], ["--key", "none.key"]):
        code, _, err = tactful(*command, *wrong)
        assert code == 2, err
        assert len(err.strip().splitlines()[-1]) > 20
    assert not (workspace / "may.list").exists()


def test_no_list_is_made_where_no_records_are(tactful: Command, workspace: Path) -> None:
    """In another folder nobody has withdrawn: a list from there would let people be profiled who have."""
    (workspace / "records.db").unlink()
    code, _, err = tactful("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key")
    assert code == 2
    assert "TACTFUL_RECORDS" in err
    assert not (workspace / "may.list").exists()
    assert not (workspace / "records.db").exists()


def test_older_secrets_are_completed_by_the_command(tactful: Command, workspace: Path) -> None:
    """`keys secrets` on the file adds the key; before, the list cannot be made and says so."""
    lines = (workspace / "secrets.toml").read_text().splitlines(keepends=True)
    (workspace / "secrets.toml").write_text("".join(line for line in lines if "suppression" not in line))
    command = ("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key")
    code, _, err = tactful(*command)
    assert code == 2
    assert "tactful keys secrets" in err
    assert tactful("keys", "secrets", "--out", "secrets.toml")[0] == 0
    assert tactful(*command)[0] == 0

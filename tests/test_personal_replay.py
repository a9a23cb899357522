"""A past run can be retraced: the same rows, told by a keyed digest, whatever came to be known since."""

from __future__ import annotations

import dataclasses
import random

import pytest

import tactful.personal.replay
from personal_reference import KEYS, PURPOSE, event, gate, log, moment, world
from tactful.errors import UsageError
from tactful.personal.replay import fingerprint

USERS = [f"user-{number}" for number in range(40)]
ITEMS = {"bread": (), "milk": (), "test": ("family",)}


def history(seed: int, until: float, recorded_from: float = 0.0) -> list[dict]:
    """Events of many people over a few days, recorded when they happened or later."""
    draw = random.Random(seed)  # noqa: S311
    made = []
    for _ in range(120):
        recorded = draw.uniform(recorded_from, until)
        state = draw.choice(["given", "given", "refused", "withdrawn"])
        node = draw.choice([PURPOSE, PURPOSE, "personalization", "personalization.sensitive.family"])
        happened = draw.uniform(0, recorded) if draw.random() < 0.5 else recorded
        made.append(event(draw.choice(USERS), state, happened, node, recorded=recorded))
    return made


def rows(seed: int, until: float) -> list[tuple]:
    """Interactions of everybody."""
    draw = random.Random(seed)  # noqa: S311
    return [(draw.choice(USERS), draw.choice(list(ITEMS)), draw.uniform(0, until)) for _ in range(600)]


EARLY = [event(user, "given", 0.5, "personalization") for user in USERS] + history(1, 6)
LATE = history(2, 9, recorded_from=6.0001)
LOG = rows(3, 6)


def of_rows(interactions: list[tuple], consents: list[dict] = EARLY, keys=KEYS) -> str:
    """The digest of what a gate admits at day 6."""
    return gate(world(consents, items=ITEMS), 6, keys=keys).retrace(log(interactions), PURPOSE, moment(6)).digest


def test_later_withdrawals_and_late_records_change_no_past_run():
    """Retraced as of day 6, with everything that was recorded since in the same table: the same rows, bit for bit."""
    then = gate(world(EARLY, items=ITEMS), 6).retrace(log(LOG), PURPOSE, moment(6))
    later = gate(world([*LATE, *EARLY], items=ITEMS), 9).retrace(log(LOG), PURPOSE, moment(6))
    assert later == then
    assert 0 < then.counts.admitted < len(LOG)
    now = gate(world(EARLY + LATE, items=ITEMS), 9).retrace(log(LOG), PURPOSE, moment(9))
    assert now.digest != then.digest


def test_a_training_is_retraced_by_both_its_clocks():
    """What `admit` let through as of day 4, on day 6, is found again on day 9; neither clock alone finds it."""
    trained = gate(world(EARLY, items=ITEMS), 6).admit(log(LOG), PURPOSE, moment(4))
    assert (trained.as_of, trained.now) == (moment(4), moment(6))
    judge = gate(world(EARLY + LATE, items=ITEMS), 9)
    again = judge.retrace(log(LOG), PURPOSE, trained.as_of, now=trained.now)
    assert (again.digest, again.counts) == (trained.fingerprint(KEYS), trained.counts)
    assert judge.retrace(log(LOG), PURPOSE, moment(4)).digest != again.digest
    assert judge.retrace(log(LOG), PURPOSE, moment(6)).digest != again.digest


def test_a_training_as_of_a_past_time_leaves_out_who_has_gone_since():
    """A replay of day 6 holds them, a training as of day 6 does not: withdrawn, refused a parent, erased either way."""
    consents = [event(user, "given", 1) for user in ("stays", "withdrew", "refused", "erased", "erased here")]
    consents += [event("withdrew", "withdrawn", 7), event("refused", "refused", 8, "personalization")]
    made = world(consents, {"erased": {"erased_at": 7}}, erased={"erased here": 8})
    interactions = [(user, "bread", 2) for user in dict.fromkeys(e["user_id"] for e in consents)]
    judge = gate(made, 9)
    assert judge.retrace(log(interactions), PURPOSE, moment(6)).counts.admitted == 5
    trained = judge.admit(log(interactions), PURPOSE, moment(6))
    assert (trained.counts.admitted, trained.counts.excluded["erased"]) == (1, 2)
    stays = gate(made, 9).admit(log([("stays", "bread", 2)]), PURPOSE, moment(6))
    assert trained.fingerprint(KEYS) == stays.fingerprint(KEYS)


def test_the_order_and_the_company_of_rows_do_not_matter():
    """The same admitted rows have one digest, in any order, beside people and rows that are not admitted."""
    shuffled = random.Random(4).sample(LOG, len(LOG))  # noqa: S311
    strangers = [("nobody", "bread", 2), ("aaa", "milk", 3), ("user-1", "lost", 3), (None, "milk", 3)]
    assert of_rows(shuffled) == of_rows(LOG) == of_rows([*strangers, *LOG])


CHANGES = {
    "a row less": lambda log: log[1:],
    "a row twice": lambda log: [log[0], *log],
    "a row thrice": lambda log: [log[0], log[0], *log],
    "another time, by a microsecond": lambda log: [(*log[0][:2], log[0][2] + 1 / 86_400_000_000), *log[1:]],
    "another item": lambda log: [(log[0][0], "milk", log[0][2]), *log[1:]],
    "another person": lambda log: [("b", *log[0][1:]), *log[1:]],
    "two people's items exchanged": lambda log: [("a", "milk", 2), ("b", "bread", 2), *log[2:]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_one_row_changes_the_digest(change):
    """A row less, more, again, of another person, item or time, or exchanged."""
    rows = [("a", "bread", 2), ("b", "milk", 2), ("a", "bread", 3)]
    consents = [event(user, "given", 1) for user in "ab"]
    assert of_rows(rows, consents) != of_rows(CHANGES[change](rows), consents)


def test_an_items_place_in_the_catalogue_does_not_matter():
    """Its id does: a catalogue that has grown since lets the same rows be retraced."""
    before, after = {"bread": (), "milk": ()}, {"ale": (), "milk": (), "bread": (), "zest": ()}
    digests = [
        gate(world([event("a", "given", 1)], items=items), 6)
        .retrace(log([("a", "milk", 2)]), PURPOSE, moment(6))
        .digest
        for items in (before, after)
    ]
    assert digests[0] == digests[1]


def test_the_digest_is_keyed():
    """Another key of pseudonyms gives another digest; the other keys do not matter, so that they may be changed."""
    assert of_rows(LOG, keys=dataclasses.replace(KEYS, pseudonym=b"q" * 32)) != of_rows(LOG)
    others = dataclasses.replace(KEYS, storage=b"t" * 32, assignment=b"b" * 32)
    assert of_rows(LOG, keys=others) == of_rows(LOG)


def test_nothing_admitted_has_a_digest_too():
    """And it is not that of some row."""
    given = [event("a", "given", 1)]
    nothing = of_rows([("nobody", "bread", 2)], given)
    assert len(nothing) == 32
    assert nothing != of_rows([("a", "bread", 2)], given)


def test_a_log_of_many_parts_is_the_sum_of_all(monkeypatch):
    """However many rows are coded at once."""
    whole = of_rows(LOG)
    monkeypatch.setattr(tactful.personal.replay, "_AT_ONCE", 7)
    assert of_rows(LOG) == whole


def test_the_digest_is_what_a_row_by_row_computation_gives():
    """CBC-MAC of each row and sums modulo 2^64, block by block in plain Python."""
    from hashlib import sha256
    from hmac import digest as mac

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    made = gate(world([event(user, "given", 1) for user in "ab"]), 6)
    admitted = made.admit(log([("a", "milk", 2), ("b", "bread", 3), ("b", "bread", 3)]), PURPOSE)
    key = mac(KEYS.pseudonym, b"\x00tactful admitted row", sha256)

    def code(blocks: list[bytes]) -> bytes:
        encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
        return encryptor.update(b"".join(blocks))[-16:]

    sums = [0, 0]
    for user, item, day in (("a", "milk", 2), ("b", "bread", 3), ("b", "bread", 3)):
        item_block = mac(KEYS.pseudonym, b"\x00tactful admitted row item " + item.encode(), sha256)[:16]
        instant = int(moment(day).timestamp()) * 10**6
        found = code([bytes.fromhex(KEYS.pseudonyms([user])[0]), item_block, instant.to_bytes(16, "little")])
        sums = [(a + int.from_bytes(found[n : n + 8], "little")) % 2**64 for a, n in zip(sums, (0, 8), strict=True)]
    told = (3).to_bytes(8, "big") + b"".join(each.to_bytes(8, "big") for each in sums)
    outer = mac(KEYS.pseudonym, b"\x00tactful admitted rows", sha256)
    assert admitted.fingerprint(KEYS) == mac(outer, told, sha256)[:16].hex()


def test_a_digest_that_forgets_a_part_of_the_row_is_noticed(monkeypatch):
    """Were instants left out, two different logs would agree."""
    real = tactful.personal.replay.fingerprint
    assert real is fingerprint

    class Blind:
        def __init__(self, session):
            self.session = session

        def query(self, statement):
            return self.session.query(statement)

        def total(self, statement, sums):
            return self.session.total(statement.replace("a.instant", "CAST(0 AS BIGINT) AS instant"), sums)

    logs = [log([("a", "milk", day)]) for day in (2, 3)]
    judge = gate(world([event("a", "given", 1)]), 6)
    sessions = [judge.admit(each, PURPOSE)._session for each in logs]
    assert real(sessions[0], KEYS) != real(sessions[1], KEYS)
    assert real(Blind(sessions[0]), KEYS) == real(Blind(sessions[1]), KEYS)


@pytest.mark.parametrize(("as_of", "now"), [(7.5, None), (6, 7.5), (6, 5)])
def test_the_future_cannot_be_retraced(as_of, now):
    """Nor a run that looked from after its own time."""
    made = gate(world(EARLY, items=ITEMS), 7)
    with pytest.raises(UsageError):
        made.retrace(log(LOG), PURPOSE, moment(as_of), now=None if now is None else moment(now))

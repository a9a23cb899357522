"""Attributes open for fairness alone, and for those who agreed to that alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from personal_reference import KEYS, PURPOSE, event, gate, log, moment, world
from tactful.errors import ConfigError, SchemaError, UsageError
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.split import EvaluationPeople, hold_out

FAIR = "fairness.assessment"
AGE = AttributeSpec(name="age", levels=("young", "old"))
HOME = AttributeSpec(name="home", levels=("1",))
CANARY = "canary-4711"
WORDS = {
    "declared": ("young", 0),
    "the second": (" old ", 1),
    "another": ("middle", 2),
    "the word other": ("other", 2),
    "empty": ("", 3),
    "missing": (None, 3),
    "the word undisclosed": ("undisclosed", 3),
}
PEOPLE = [*WORDS, "absent", "silent", "refused", "left", "erased", "minor", "mitigation"]


def setting(now: float = 9):
    """Everybody trains; most agreed to be assessed."""
    consents = [event(user, "given", 0) for user in PEOPLE]
    consents += [event(user, "given", 1, FAIR) for user in [*WORDS, "absent", "left", "erased", "minor"]]
    consents += [event("refused", "refused", 1, FAIR)]
    consents += [event("left", "withdrawn", 8, "fairness")] if now >= 8 else []
    consents += [event("mitigation", "given", 1, "fairness.mitigation")]
    judge = gate(world(consents), now, share=1 - 2**-40)
    rows = [(user, item, 2) for user in PEOPLE for item in ("bread", "milk")]
    people = hold_out(judge.admit(log(rows), PURPOSE), minimum_items=2)
    flags = {"erased": {"erased_at": 3}, "minor": {"minor": True}}
    return people, gate(world(consents, flags), now, share=0.5)


def table(**change: object) -> pa.Table:
    """Ages of all but one person, a canary beside them, and somebody who never did anything."""
    users = [user for user in PEOPLE if user != "absent"] + ["stranger", None]
    ages = [WORDS.get(user, ("young", 0))[0] for user in users]
    return pa.table({"user_id": users, "age": ages, "home": [1] * len(users), "diary": [CANARY] * len(users)} | change)


def codes(people: EvaluationPeople, found: np.ndarray) -> dict[str, int]:
    """The code of each person by id."""
    names = dict(zip(KEYS.pseudonyms(PEOPLE), PEOPLE, strict=True))
    return {names[name]: int(code) for name, code in zip(people._pseudonyms, found, strict=True)}


def test_everybody_has_the_code_of_their_group():
    """Levels, other, undisclosed, and not assessed for whoever did not agree, left, was erased or is a minor."""
    people, judge = setting()
    found = Demographics.open(table(), [AGE, HOME]).groups(people, judge, [AGE, HOME])
    told = codes(people, found["age"])
    assert told == {user: code for user, (_, code) in WORDS.items()} | {"absent": 3} | dict.fromkeys(PEOPLE[8:], -1)
    assert codes(people, found["home"])["declared"] == 0
    assert codes(people, found["home"])["absent"] == 2
    assert AGE.groups == ("young", "old", "other", "undisclosed")
    assert not found["age"].flags.writeable


def test_consent_counts_at_both_moments_and_for_the_purpose_asked():
    """Before leaving one was assessed; looked at from then, but now, one is not. Mitigation is another purpose."""
    people, _ = setting()
    demographics = Demographics.open(table(), [AGE])
    for now, as_of, code in [(7, None, 0), (9, 7, -1)]:
        judge = setting(now)[1]
        found = demographics.groups(people, judge, [AGE], as_of=None if as_of is None else moment(as_of))
        assert codes(people, found["age"])["left"] == code
    mitigated = codes(people, demographics.groups(people, setting()[1], [AGE], purpose="fairness.mitigation")["age"])
    assert {user for user, code in mitigated.items() if code != -1} == {"mitigation"}


def test_people_who_are_only_known_have_a_group_if_they_agreed_to_that():
    """Consent to the assessment and consent to training are two: neither stands for the other."""
    short = [event("short", "given", 0), event("short", "given", 1, FAIR)]
    never = [event("never", "refused", 0), event("never", "given", 1, FAIR)]
    quiet = [event("quiet", "refused", 0)]
    whole = [event("whole", "given", 0), event("whole", "given", 1, FAIR)]
    judge = gate(world([*short, *never, *quiet, *whole]), 9, share=1 - 2**-40)
    rows = [(user, "bread", 2) for user in ("short", "never", "quiet", "whole")] + [("whole", "milk", 2)]
    people = hold_out(judge.admit(log(rows), PURPOSE), minimum_items=2)
    ages = pa.table({"user_id": ["short", "never", "quiet", "whole"], "age": ["young", "old", "old", "young"]})
    found = Demographics.open(ages, [AGE]).groups(people, judge, [AGE])["age"]
    names = dict(
        zip(KEYS.pseudonyms(["short", "never", "quiet", "whole"]), ("short", "never", "quiet", "whole"), strict=True)
    )
    told = {names[name]: int(code) for name, code in zip(people._pseudonyms, found, strict=True)}
    assert told == {"short": 0, "never": 1, "quiet": -1, "whole": 0}
    assert people.folded.shape[0] == 1
    assert names[people._pseudonyms[0]] == "whole"


@pytest.mark.parametrize("purpose", ["personalization.training", "fairness", "fairness.assessment.more", ""])
def test_attributes_open_for_nothing_else(purpose):
    """Not even for a parent of the purpose."""
    people, judge = setting()
    with pytest.raises(UsageError):
        Demographics.open(table(), [AGE]).groups(people, judge, [AGE], purpose=purpose)


def test_only_declared_columns_and_willing_people_are_fetched(monkeypatch):
    """The diary is never in the session, and no query returns a row of somebody who did not agree."""
    people, judge = setting()
    demographics = Demographics.open(table(), [AGE])
    assert demographics.source.table.column_names == ["user_id", "age"]
    fetched = []
    workspace = judge.workspace

    def watched():
        session = workspace()
        query = session.query
        session.query = lambda statement: fetched.append(query(statement)) or fetched[-1]
        return session

    monkeypatch.setattr(judge, "workspace", watched)
    demographics.groups(people, judge, [AGE])
    with_ages = [found for found in fetched if "age" in found]
    assert len(with_ages) == 1
    assert not {"refused", "left", "erased", "minor", "silent", "stranger"} & set(with_ages[0]["user_id"])


def found_in(source: pa.Table) -> dict[str, dict[str, int]]:
    """The codes of everybody by both attributes."""
    people, judge = setting()
    found = Demographics.open(source, [AGE, HOME]).groups(people, judge, [AGE, HOME])
    return {name: codes(people, values) for name, values in found.items()}


def test_rows_of_one_person_that_differ_disclose_nothing():
    """Of what they differ in, of that person, whatever their order; a repeated row is no contradiction."""
    alone = found_in(table())
    assert found_in(pa.concat_tables([table(), table()])) == alone
    for age in ("old", "middle", "", None):
        other = table().slice(0, 1).set_column(1, "age", pa.array([age], pa.string()))
        told = found_in(pa.concat_tables([table(), other, table().slice(0, 1)]))
        assert told == alone | {"age": alone["age"] | {"declared": 3}}
        assert found_in(pa.concat_tables([other, table()])) == told


def test_a_row_of_somebody_else_changes_nothing():
    """Not of a person who did not agree, nor of an id that only looks like one."""
    rows = {
        "user_id": ["silent", "declared ", "\u200bdeclared"],
        "age": ["old"] * 3,
        "home": [1] * 3,
        "diary": ["x"] * 3,
    }
    assert found_in(pa.concat_tables([table(), pa.table(rows), pa.table(rows)])) == found_in(table())
    only = pa.table({name: values[1:] for name, values in rows.items()})
    assert found_in(only)["age"]["declared"] == 3


@pytest.mark.parametrize("form", ["arrow", "pandas", "parquet"])
def test_a_wrong_type_is_found_before_anything_is_read(form, tmp_path):
    """Opening the table names the column; so does a declared one that is not there."""
    wrong = table(age=[1.5] * len(table()))
    path = tmp_path / "people.parquet"
    pyarrow.parquet.write_table(wrong, path)
    with pytest.raises(SchemaError, match="age"):
        Demographics.open({"arrow": wrong, "pandas": wrong.to_pandas(), "parquet": path}[form], [AGE])
    with pytest.raises(SchemaError, match="income"):
        Demographics.open(table(), [AttributeSpec(name="income", levels=("low",))])


@pytest.mark.parametrize("line", [b"absent,young,1,more\n", b'absent,"young,1\n', b"absent,\xff\xfe,1\n"])
def test_a_table_that_cannot_be_read_to_its_end_is_found_by_a_check(line, tmp_path):
    """Before a run pays: a row too long, an open quote, bytes that are no text."""
    people, judge = setting()
    path = tmp_path / "people.csv"
    lines = b"user_id,age,home\ndeclared,young,1\n" + b"stranger,old,1\n" * 1000
    path.write_bytes(lines + line)
    demographics = Demographics.open(path, [AGE, HOME])
    with pytest.raises(SchemaError, match="to its end"):
        demographics.check(judge)
    path.write_bytes(lines)
    demographics.check(judge)
    assert codes(people, demographics.groups(people, judge, [AGE])["age"])["declared"] == 0


@pytest.mark.parametrize(
    ("name", "levels"), [("age", ()), ("age", ("a", "a")), ("age", ("a", "other")), ("user_id", ("a",))]
)
def test_levels_are_declared_once_and_apart_from_the_two_of_ours(name, levels):
    """Otherwise two groups would share a name."""
    with pytest.raises(ConfigError):
        AttributeSpec(name=name, levels=levels)

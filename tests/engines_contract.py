"""What every engine must add up: random worlds through the real gate, against Python's own integers, person by person.

A test class inherits `SumsContract` and says which engine it is about.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import md5
from math import isqrt

import numpy as np
from numpy.typing import NDArray

import gram_reference as reference
from personal_reference import KEYS, PURPOSE, event, gate, log, world
from privacy_worlds import bounded as held
from tactful.personal.bounding import WHOLE, BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.contributions import SCALE, item_popularity, item_popularity_and_leaning
from tactful.personal.engines.base import Engine
from tactful.personal.grams import item_gram
from tactful.personal.people_solves import solved_gram, solved_item_grams, solved_right_hand_sides
from tactful.privacy.statistics import GramQuery, SolveQuery

N_ITEMS = reference.N_ITEMS
SHARE = 0.3
SOLVED = (solved_right_hand_sides, solved_gram, solved_item_grams)


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsWorld:
    """Who used what, how much they count, and how many items each may add.

    Some are in nobody's head, use an item many times, have more items than the bound, or said no.
    """

    used: dict[str, list[str]]
    refused: frozenset[str]
    units: list[int]
    leanings: list[int]
    max_items: int

    @classmethod
    def of(cls, seed: int) -> SumsWorld:
        """A world; seed 0 is one without anybody."""
        draw = random.Random(seed)  # noqa: S311 (a world, not a secret)
        users = [f"user-{number}" for number in range(draw.randint(10, 40) if seed else 0)]
        lengths = (0, 1, 2, 5, 12, 30)
        used = {user: draw.choices(list(items()), k=draw.choice(lengths)) for user in users}
        return cls(
            used=used,
            refused=frozenset(user for user in users if draw.random() < 0.1),
            units=[draw.choice((1, 64, 200, WHOLE)) for _ in users],
            leanings=[draw.choice((-WHOLE, -7, 0, 100, WHOLE)) for _ in users],
            max_items=draw.choice((1, 3, 7, N_ITEMS)),
        )

    def consented(self, engine: Engine, order: int = 0) -> ConsentedInteractions:
        """What the engine's gate admits of the world; its rows in another order for another number."""
        rows = [(user, item, 1 + place / 100) for user, used in self.used.items() for place, item in enumerate(used)]
        random.Random(order).shuffle(rows)  # noqa: S311
        said = [event(user, "refused" if user in self.refused else "given", 0) for user in self.used]
        return gate(world(said, items=items()), 10, share=SHARE, engine=engine).admit(log(rows), PURPOSE)

    def bounded(self, consented: ConsentedInteractions, *, counted: bool = False) -> BoundedInteractions:
        """What may be added up of that, people weighed or not."""
        if not counted:
            return bound(consented, max_items=self.max_items)
        known = names([user for user, used in self.used.items() if used]).values()
        units, leanings = (np.array([self._counts(user)[place] for user in known], dtype=np.int64) for place in (0, 1))
        return bound(consented, max_items=self.max_items, weights=units, leanings=leanings)

    def people(self) -> list[tuple[list[int], int, int]]:
        """Of each training person the items that may count, and what they count for: the rule in plain words."""
        found = []
        for name, user in names(list(self.used)).items():
            mine = sorted(set(self.used[user]))
            mine.sort(key={item: md5(f"{name}:{item}".encode()).hexdigest() for item in mine}.__getitem__)  # noqa: S324
            if mine and user not in self.refused and trains(user):
                kept = mine[: self.max_items]
                found.append((sorted(list(items()).index(item) for item in kept), *self._counts(user)))
        return found

    def _counts(self, user: str) -> tuple[int, int]:
        place = list(self.used).index(user)
        return self.units[place], self.leanings[place]


def items() -> dict[str, tuple[str, ...]]:
    """The catalogue: items without tags, their names not in the order of their places."""
    return {f"item-{7 * number % N_ITEMS}": () for number in range(N_ITEMS)}


def names(users: list[str]) -> dict[str, str]:
    """Whose a pseudonym is, in the order of pseudonyms."""
    return dict(sorted(zip(KEYS.pseudonyms(users), users, strict=True)))


def trains(user: str) -> bool:
    """Whether the keyed hash puts this person among training people."""
    return next(iter(KEYS.places([user]))) >= int(SHARE * 2**64)


def popularity(people: list[tuple[list[int], int, int]], *, tenths: int = 10, leaning: bool = False) -> list[int]:
    """⌊⌊S√(tenths/10l)⌋·u/255⌋ for each item of each person; turned and cut down by their leaning."""
    total = [0] * N_ITEMS
    for mine, unit, toward in people:
        own = isqrt(SCALE * SCALE * tenths // (10 * len(mine))) * unit // WHOLE
        for item in mine:
            sign = (toward > 0) - (toward < 0)
            total[item] += sign * (own * abs(toward) // WHOLE) if leaning else own
    return total


def gram(people: list[tuple[list[int], int, int]], asked: GramQuery) -> list[int]:
    """Everybody's triangle by the rule, added up in Python's integers."""
    total = [0] * (len(asked.head) * (len(asked.head) + 1) // 2)
    for mine, unit, _ in people:
        norm = SCALE * unit // WHOLE
        own = reference.triangle(reference.vector(mine, asked, *reference.shares(mine, asked, norm=norm)))
        total = [one + other for one, other in zip(total, own, strict=True)]
    return total


def solve_query(seed: int) -> SolveQuery:
    """A head that leaves items out, and factors of any sign."""
    rng = np.random.default_rng(seed)
    head, factors = rng.permutation(N_ITEMS)[:8], rng.normal(size=(8, 3))
    prior = factors.T @ factors / 8 + np.eye(3)
    return SolveQuery(step=1, head=head, factors=factors, prior=prior, weights=rng.random(8) + 0.1)


def everything(people: BoundedInteractions, seed: int) -> list[NDArray[np.int64]]:
    """Every sum that a run may ask for."""
    asked = reference.random_query(seed, 9)
    found = [item_popularity(people), item_popularity_and_leaning(people), item_gram(people, asked)]
    return found + ([] if people.weighted else [sums(people, solve_query(seed)) for sums in SOLVED])


@lru_cache(maxsize=4)
def admitted(engine: Engine, seed: int, order: int = 0) -> ConsentedInteractions:
    """What the engine's gate admits of a world."""
    return SumsWorld.of(seed).consented(engine, order)


class SumsContract:
    """Sums of an engine are those of the written rule, to the last bit."""

    engine: Engine
    """Which engine it is."""
    seeds: Sequence[int] = (1,)
    """Which worlds are made; 0 is one without anybody."""

    @classmethod
    def teardown_class(cls) -> None:
        """No session outlives its tests."""
        admitted.cache_clear()

    def test_sums_are_those_of_the_rule(self) -> None:
        """Popularity, leaning and Gram, of people who count whole and of people who count less."""
        for seed in self.seeds:
            made, asked = SumsWorld.of(seed), reference.random_query(seed, 9)
            for counted in (False, True):
                people = made.people() if counted else [(mine, WHOLE, 0) for mine, *_ in made.people()]
                found = made.bounded(admitted(self.engine, seed), counted=counted)
                assert found.n_people == len(people)
                assert item_popularity(found).tolist() == popularity(people)
                halves = popularity(people, tenths=9) + popularity(people, tenths=1, leaning=True)
                assert item_popularity_and_leaning(found).tolist() == halves
                assert item_gram(found, asked).tolist() == gram(people, asked)

    def test_solved_sums_are_those_of_people_alone(self) -> None:
        """People are solved one by one: the sum of everybody is the sum of what each adds alone."""
        for seed in self.seeds:
            made, asked = SumsWorld.of(seed), solve_query(seed)
            found = made.bounded(admitted(self.engine, seed))
            alone = [held([mine], N_ITEMS) for mine, *_ in made.people()]
            for sums in SOLVED:
                nothing = sums(held([], N_ITEMS), asked)
                assert np.array_equal(sums(found, asked), sum((sums(person, asked) for person in alone), nothing))

    def test_the_order_of_rows_changes_no_bit(self) -> None:
        """Nor does asking again."""
        seed = self.seeds[-1]
        for counted in (False, True):
            one, other = (SumsWorld.of(seed).bounded(admitted(self.engine, seed, n), counted=counted) for n in (0, 1))
            assert all(map(np.array_equal, everything(one, seed), everything(other, seed)))
            assert np.array_equal(item_popularity(one), item_popularity(one))

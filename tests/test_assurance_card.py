"""The model card: markdown that says what the other documents say and that no name can break."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from assurance_attacks import AUDIT, MEMBERSHIP
from assurance_report_worlds import rich_assessment
from assurance_worlds import planted, summary
from tactful.assurance.attacks import AuditFacts, MembershipFacts
from tactful.assurance.card import model_card, unknowns
from tactful.assurance.champion import read_champion
from tactful.assurance.champion_record import ChampionRecord
from tactful.assurance.fairness import FairnessRule, assess
from tactful.assurance.fairness_record import fairness_document
from tactful.assurance.figures import Figures, figures_document
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.report import fairness_report
from tactful.privacy.sums import Measured

CANARY = "<b>can|ary</b> [x](y) `z`\n# head"
RULE = FairnessRule(name="age_ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)
ASSESSED = assess(
    planted({"age": {"young": (9000, 0.3), CANARY: (9000, 0.3), "tiny": (4, 0.1)}}),
    [RULE],
    levels={"age": ("young", CANARY)},
    minimum_people=50,
)


def test_it_says_what_a_card_says() -> None:
    """Use, consent, privacy, quality, every verdict, every group, what is not known, and the configuration."""
    card = model_card(summary(), ASSESSED)
    for said in (
        "# Model card: grocery",
        "Suggest product types",
        "The consent events are simulated",
        "personalization.training",
        "about 1,213 (1,198 to 1,229)",
        "ε = 8, δ = 1e-06",
        "ε = 11.31",
        "Lift over popularity",
        "| age\\_ratio | insufficient evidence | ratio at least 0.8 |",
        "| tiny | about 4 (2 to 6) | too small |",
        "How age groups with too few people are served: “tiny”.",
        "epsilon = 8.0",
        "a linear item-to-item recommender",
        "Evaluated on 20% of people",
        "- age: “young”",
        "tactful verify grocery",
        "Items of family\\_planning, diet\\_aids can tell something intimate",
    ):
        assert said in card, said


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((0.012, 0.071), "Personal lists find more than the list of popular items does"),
        ((-0.01, 0.071), "Not shown to find more than the list of popular items does"),
        ((-0.05, -0.01), "Personal lists find LESS than the list of popular items does"),
    ],
)
def test_card_and_report_conclude_about_popular_items(interval: tuple[float, float], said: str) -> None:
    """In the words of the command that trained it; nothing where no lift was measured."""
    run = summary(metric_intervals={"lift@20": interval})
    assert said in model_card(run, ASSESSED)
    assert fairness_report(run, ASSESSED).count(said) == 2
    none = summary(metric_intervals={})
    for document in (model_card(none, ASSESSED), fairness_report(none, ASSESSED)):
        assert "the list of popular items does" not in document


def test_a_group_of_which_nothing_can_be_told_is_not_called_measured() -> None:
    """Where no figure stands in its line, the status says that there are too few people."""
    base = rich_assessment()
    age = base.attributes["age"]
    open_ = Estimate(value=0.5, interval=Interval(low=0.0, high=1.0))
    groups = {**age.by_group, "45-54": replace(age.by_group["45-54"], metrics={"ndcg@10": open_})}
    card = model_card(summary(), replace(base, attributes={"age": replace(age, by_group=groups)}, verdicts={}))
    (line,) = [line for line in card.splitlines() if line.startswith("| 45-54 |")]
    assert "| too few people to tell | cannot tell (0.000 to 1.000)" in line
    assert "| measured |" in card


def test_groups_are_told_by_the_metrics_of_rules_alone() -> None:
    """The card stays readable: by age it has the two metrics that rules are about, and it says where the rest is."""
    card = model_card(summary(), rich_assessment())
    tables = {
        name: card.split(f"### By {name}\n\n")[1].splitlines()[0] for name in ("age", "income", "age × household")
    }
    assert tables["age"] == "| age | people | status | nDCG@10 | Miscalibration@10 |"
    assert tables["income"] == "| income | people | status | nDCG@10 |"
    assert tables["age × household"] == "| age × household | people | status | nDCG@10 |"
    assert "The report has “nDCG@10”" not in card
    assert "“Cost of noise, nDCG@10” too, with every interval." in card
    assert len(card.splitlines()) < 180


@pytest.mark.parametrize(
    ("releases", "said"), [((), "tactful: taste learned from one release"), ((7,), "dpals: taste")]
)
def test_it_names_the_method_that_learned_taste(releases: tuple[int, ...], said: str) -> None:
    """By the name that configurations and benchmarks have for it."""
    run = summary()
    asked = tuple(replace(run.losses[-1], name=f"rhs-{i}") for i in releases)
    assert f"Method {said}" in model_card(replace(run, losses=(*run.losses, *asked)), ASSESSED)


def test_what_was_looked_at_is_not_said_to_be_unknown() -> None:
    """Causes and intersections are unknown only where they were not measured."""
    rich, plain = unknowns(rich_assessment()), unknowns(ASSESSED)
    assert "How people who belong to two groups at once are served." in plain
    assert "How people who belong to two groups at once are served." not in rich
    assert any("only whether it goes with how long a history is was looked at" in line for line in rich)
    assert sum("did not agree to be assessed" in line for line in rich) == 1


def test_people_whom_no_rule_compares_are_said_to_be_unknown() -> None:
    """Other at any number, undisclosed where it is too small, and neither where nobody is in it."""
    world = {"young": (3000, 0.4), "old": (3000, 0.4), "other": (6000, 0.02), "undisclosed": (30, 0.02)}
    for groups, said in (
        (world, "“other”, about 6,000 (5,998 to 6,002) people, “undisclosed”, about 30 (28 to 32) people."),
        ({**world, "other": (0, 0.0)}, "“undisclosed”, about 30 (28 to 32) people."),
    ):
        found = assess(planted({"age": groups}), [RULE], levels={"age": ("young", "old")}, minimum_people=50)
        line = f"How groups compare with people whom no rule about age compares: {said}"
        assert line in unknowns(found)
        assert said.split(",")[0] in model_card(summary(), found).split("## What is not known")[1]
    everybody = assess(
        planted({"age": {**world, "other": (0, 0.0), "undisclosed": (3000, 0.4)}}),
        [RULE],
        levels={"age": ("young", "old")},
        minimum_people=50,
    )
    assert not any("no rule about" in line for line in unknowns(everybody))


def test_every_table_row_has_as_many_cells_as_its_header() -> None:
    """Also where a name holds a bar."""
    for table in re.findall(r"(?:^\|.*\n)+", model_card(summary(), ASSESSED), re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_no_name_becomes_markup() -> None:
    """Neither HTML nor markdown: headings, links and code of a name are text."""
    card = model_card(summary(model=CANARY, notes=(CANARY,), intended_use=CANARY, features=(CANARY,)), ASSESSED)
    assert "<b>" not in card
    assert "\n# head" not in card
    assert "[x](y)" not in card
    assert not re.search(r"(?<!\\)`z", card)


def test_a_configuration_cannot_end_its_code_block() -> None:
    """The fence is longer than any run of backticks inside."""
    card = model_card(summary(config_text='x = "````"\n```\n# not a heading'), ASSESSED)
    assert card.rstrip().endswith("# not a heading\n`````")


def test_an_unattributed_run_and_reproducible_noise_are_said() -> None:
    """Both keep a model from being approved."""
    card = model_card(summary(actor=None, noise="reproducible"), ASSESSED)
    assert "by nobody who gave a key" in card
    assert "It protects nobody" in card
    assert "nothing is guaranteed" in card
    assert "is differentially private" not in card


def test_a_loss_without_bound_is_said_in_words() -> None:
    """Where the ledger has no finite ε, none is made up."""
    assert "ε = more than any number" in model_card(summary(since_first_epsilon=float("inf")), ASSESSED)


def test_a_count_that_was_not_released_is_said_in_words() -> None:
    """Not a number is no number of people."""
    card = model_card(summary(people=Measured(value=float("nan"), sigma=1.0)), ASSESSED)
    assert "Training people: not released" in card


def test_without_rules_it_says_that_nothing_was_judged() -> None:
    """Silence would read like a pass."""
    assert "nothing was judged" in model_card(summary(), assess(planted({}), [], levels={}, minimum_people=50))


class TestChampion:
    """The candidate beside the champion, with no difference told that intervals do not allow."""

    @staticmethod
    def record(**changes: Any) -> ChampionRecord:
        """A champion whose figures are those of `summary()`, but for Recall@20 and those who were admitted."""
        run = summary()
        text = figures_document(
            params={"epsilon": 4.0, "delta": 1e-6, "method": "tactful"},
            metrics=run.metrics,
            tags={},
            intervals={**run.metric_intervals, "recall@20": (0.01, 0.02)},
            consent={**run.consent, "admitted": Measured(value=900.0, sigma=4.0)},
        )
        given: dict[str, Any] = {
            "version": "7",
            "trained": datetime(2026, 10, 1, tzinfo=UTC),
            "figures": Figures.parse(text.encode()),
            "groups": read_champion("7", fairness_document(ASSESSED, created="2026-10-01T08:00:00+00:00")),
            "config": run.config_text.replace("epsilon = 8.0", "epsilon = 4.0"),
        }
        return ChampionRecord(**{**given, **changes})

    def test_without_a_champion_there_is_no_comparison(self) -> None:
        """The first model of a name replaces none."""
        assert "champion" not in model_card(summary(), ASSESSED)

    def test_it_tells_what_intervals_allow(self) -> None:
        """Recall is higher, everything that is the same cannot be told apart, and more people agreed."""
        card = model_card(summary(), ASSESSED, champion=self.record())
        section = card.split("## Against the champion")[1].split("\n## ")[0]
        assert "Version 7, trained on 1 October 2026, is the champion." in section
        rows = {line.split(" | ")[0].removeprefix("| "): line for line in section.splitlines() if line[:2] == "| "}
        assert rows["Recall@20"].endswith("| higher |")
        others = [line for name, line in rows.items() if name in ("Lift over popularity", "ratio of nDCG@10 by age")]
        assert others
        assert all(line.endswith("| cannot tell |") for line in others)
        assert rows["ε of the run"] == "| ε of the run | 4 | 8 |"
        assert "about 900 (892 to 908)" in rows["used: at least one row was consented to"]
        assert rows["used: at least one row was consented to"].endswith("| higher |")
        assert "-epsilon = 4.0\n+epsilon = 8.0" in section
        assert "```diff" in section

    def test_what_was_changed_since_is_not_believed(self) -> None:
        """Documents that are not the journalled ones are named, and nothing is compared with them."""
        changed = {"figures": None, "groups": None, "changed": ("figures.json", "fairness.json")}
        card = model_card(summary(), ASSESSED, champion=self.record(**changed))
        assert "are not used: figures.json, fairness.json.**" in card
        assert "this candidate |" not in card

    def test_the_same_settings_are_said_to_be_the_same(self) -> None:
        """No empty block."""
        card = model_card(summary(), ASSESSED, champion=self.record(config=summary().config_text))
        assert "The configuration is the same." in card

    def test_no_configuration_becomes_markup(self) -> None:
        """A difference stays in its block, and names in their cells."""
        odd = self.record(config="x = 1\n```\n# head\n", version=CANARY)
        card = model_card(summary(config_text="````"), ASSESSED, champion=odd)
        assert "`````diff" in card
        assert "\n# head" not in card
        assert "Version <b>" not in card


class TestAttacks:
    """What was measured by attacks, with figures, or that it was not."""

    def test_a_run_that_was_not_attacked_claims_nothing(self) -> None:
        """Both say what would measure them."""
        card = model_card(summary(), ASSESSED)
        assert "not audited: \\`tactful audit CONFIG\\` was not run with this code before the training." in card
        assert "not measured for these settings: run \\`tactful benchmark membership CONFIG\\`." in card
        assert "could show" not in card
        assert "shadow" not in card

    def test_the_world_of_the_membership_attack_is_cited_with_its_parameters(self) -> None:
        """Parameters, every model's figures with intervals, and what ε allows, side by side."""
        card = model_card(summary(membership=MembershipFacts.of_json(MEMBERSHIP)), ASSESSED)
        for said in (
            "people 612, items 143, unusual 0.37",
            "233 shadow models",
            "| private | 0.5312 (0.5123 to 0.5498) | 0.0187 (0.0099 to 0.0311) |",
            "| without noise | 0.9213 (0.9012 to 0.9402) | 0.4567 (0.4001 to 0.5123) |",
            "| the most that any attack can reach at this ε | 0.8479 | 0.1921 |",
        ):
            assert said in card, said
        assert "does not work" not in card

    def test_an_attack_that_is_blind_is_no_evidence(self) -> None:
        """Where members of models without privacy are not told either, the card says that nothing was shown."""
        blind = MembershipFacts.of_json({**MEMBERSHIP, "attack_works": False})
        assert "shows nothing about this model" in model_card(summary(membership=blind), ASSESSED)

    def test_the_audit_is_cited_with_its_figures(self) -> None:
        """Bound, claim, confidence, trials, the worst person, and the controls."""
        card = model_card(summary(audit=AuditFacts.of_json(AUDIT)), ASSESSED)
        for said in (
            "at least ε = 6.543 of the claimed 8",
            "0.95",
            "4,321 releases",
            "the longest history",
            "4,321 with them",
            "Of 1 releases broken on purpose the audit caught 1",
            "so far: 13, of which 0 contradicted",
        ):
            assert said in card, said
        assert "contradicts" not in card

    def test_an_audit_above_the_claim_is_said_first(self) -> None:
        """A bound above the claim is not softened, and one at the claim contradicts nothing."""
        for bound, said in ((8.01, True), (8.0, False)):
            people = [{"person": "somebody", "epsilon_lower_bound": bound, "present": 9}]
            audit = AuditFacts.of_json({**AUDIT, "epsilon_lower_bound": bound, "people": people})
            card = model_card(summary(audit=audit), ASSESSED)
            assert ("**The audit contradicts the claim.** Audit of" in card) is said

    def test_noise_that_is_not_as_stated_is_said_first(self) -> None:
        """What is wrong is named, although no attack exceeded the claim."""
        wrong = {"noise_as_stated": False, "not_as_stated": ["gram diagonal: another variance"]}
        card = model_card(summary(audit=AuditFacts.of_json({**AUDIT, **wrong})), ASSESSED)
        assert "**The audit contradicts the claim.** Audit of" in card
        assert "found gram diagonal: another variance" in card

    def test_an_audit_that_missed_a_control_says_so(self) -> None:
        """It saw too little for its silence to count."""
        (control,) = AUDIT["controls"]
        told = {"caught": False, "outcome": "too few trials", "caught_by": [], "epsilon_lower_bound": 1.0}
        missed = AuditFacts.of_json({**AUDIT, "controls": [{**control, **told}]})
        card = model_card(summary(audit=missed), ASSESSED)
        assert "the audit caught 0." in card
        assert "**It did not catch all of them" in card
        assert "It did not catch" not in model_card(summary(audit=AuditFacts.of_json(AUDIT)), ASSESSED)

    def test_no_name_in_evidence_becomes_markup(self) -> None:
        """Evidence is a file that somebody may have written."""
        facts = {"world": {CANARY: CANARY}, "rows": [{**MEMBERSHIP["rows"][0], "model": CANARY}]}
        people = [{"person": CANARY, "epsilon_lower_bound": 1.0, "present": 9}]
        words = {"created": CANARY, "noise_as_stated": False, "not_as_stated": [CANARY]}
        audit = AuditFacts.of_json({**AUDIT, "epsilon_lower_bound": 1.0, "people": people, **words})
        assert isinstance(audit, AuditFacts)
        card = model_card(summary(membership=MembershipFacts.of_json({**MEMBERSHIP, **facts}), audit=audit), ASSESSED)
        assert "<b>" not in card
        assert "\n# head" not in card

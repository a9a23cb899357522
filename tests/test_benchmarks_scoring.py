"""The benchmark of scoring times an approved model through its public calls, beside a peer that does the same work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info
from typer.testing import CliRunner

from tactful.benchmarks import scoring
from tactful.benchmarks.approved import approved_model, ids_of
from tactful.cli import scoring_benchmark  # noqa: F401  (it adds the command)
from tactful.cli.application import app
from tactful.errors import UsageError
from tactful.scoring import Answer, Recommender


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few repetitions, and books that nobody may touch."""
    for name, value in {"_IMPORTS": 1, "_LOADS": 1, "_BATCHES": 1, "_PEOPLE": 20, "_IN_A_ROW": 2}.items():
        monkeypatch.setattr(scoring, name, value)
    for name in ("TACTFUL_SEEN_FILE", "TACTFUL_RECORDS", "MLFLOW_TRACKING_URI", "TACTFUL_TRUSTED_KEYS"):
        monkeypatch.setenv(name, str(tmp_path / "untouched"))


def test_what_it_prints(tmp_path: Path) -> None:
    """The fields of the contract, all above 0, ratios of the times beside them; no store is made or read."""
    result = CliRunner().invoke(
        app, ["benchmark", "scoring", "--items", "300", "--factors", "3", "--calls", "5", "--json"]
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout.splitlines()[-1])
    single, batch = facts["single"], facts["batch"]
    assert {"p50_us", "p99_us", "ratio_to_implicit", "ratio_to_product"} <= single.keys()
    assert {"us_per_person", "ratio_to_implicit"} <= batch.keys()
    assert single["ratio_to_implicit"] == pytest.approx(single["p50_us"] / single["implicit"]["p50_us"])
    assert single["ratio_to_product"] == pytest.approx(single["p50_us"] / single["product"]["p50_us"])
    assert batch["ratio_to_implicit"] == pytest.approx(batch["us_per_person"] / batch["implicit_us_per_person"])
    assert 0 < single["p50_us"] <= single["p99_us"]
    assert facts["load_ms"] > 0
    assert 0 < facts["import_alone_ms"] < facts["import_ms"]
    assert (facts["items"], facts["factors"], facts["history"], facts["n"], facts["calls"]) == (300, 3, 50, 10, 5)
    assert list(tmp_path.iterdir()) == []


def test_the_work_is_what_the_contract_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public calls with histories of 50 text ids, profiling, no reasons, one thread."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    answers: list[Answer] = []

    def recommend(self: Recommender, *args: Any, **kwargs: Any) -> Answer:
        asked.append((args, kwargs))
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
        answers.append(honest(self, *args, **kwargs))
        return answers[-1]

    honest = Recommender.recommend
    monkeypatch.setattr(Recommender, "recommend", recommend)
    found = scoring.measure_scoring(300, 3, calls=5)
    assert found.calls == 5
    assert len(asked) == 2 + 5, "two to warm up"
    for (history, n), options in asked:
        assert len(set(history)) == 50
        assert {type(item) for item in history} == {str}
        assert (n, options) == (10, {"profiling": True})
    for answer in answers:
        assert (answer.personalised, len(answer.items), answer.unknown) == (True, 10, 0)
        assert answer.approval_id is not None


def test_the_peer_is_asked_about_the_same_items() -> None:
    """With its factors the peer recommends none of a history and ten others, one by one as well as together."""
    with approved_model(300, 3) as (load, decoder):
        contenders = scoring._Contenders(load(), decoder)
        assert load()._items.decoder.shape == (300, 3) == decoder.shape
        assert len(load()._items.tail) == 0, "all items are in the head"
        histories = contenders._histories(4)
        rows = scoring._rows(histories, 300)
        together, _ = contenders._peer.recommend(np.arange(4), rows, N=10, recalculate_user=True)
        for person, history in enumerate(histories):
            assert len(set(history)) == 50
            alone, _ = contenders._peer.recommend(0, scoring._rows(history[None], 300), N=10, recalculate_user=True)
            assert not set(alone) & set(history)
            assert set(alone) == set(together[person])
        assert ids_of(np.array([0, 299])) == ["100000", "100299"]


@pytest.mark.parametrize("size", [(199, 3, 5), (300, 0, 5), (300, 3, 0)])
def test_too_small(size: tuple[int, int, int]) -> None:
    items, factors, calls = size
    with pytest.raises(UsageError, match="at least 200 items"):
        scoring.measure_scoring(items, factors, calls=calls)

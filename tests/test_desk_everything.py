"""One person through everything: trained on, served, shown, looked up, erased; then a search of every byte."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tactful
from desk_world import TABLES, DeskWorld, consent, write_list_of
from repository_search import mentions, written
from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.desk.erasure import erase
from tactful.desk.handing_out import export, look_up
from tactful.scoring.recommender import Recommender
from tactful.scoring.trust import Reviewers
from test_assurance_browser import browse, complaints, pixels, served
from world import user_id

pytestmark = pytest.mark.prove


@pytest.fixture
def world(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> DeskWorld:
    """Everybody's rows in the vault, a model trained on it and approved, and a list of who may be profiled."""
    made = DeskWorld.at(workspace)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.say(*(consent(user_id(number), days_ago=340) for number in range(5, 60)))
    made.ingest()
    text = made.config.read_text()
    made.config.write_text(text.replace(f'interactions = "{workspace}/interactions.parquet"\n', ""))
    made = DeskWorld.at(workspace)
    assert made.settings.data.interactions is None
    found = tactful.train(made.config, key=workspace / "trainer.key")
    assert found.status == "candidate"
    overrides = {rule: "only a test" for rule, verdict in found.verdicts.items() if verdict != "pass"}
    approval.approve(
        made.records(),
        Registry(),
        "shop",
        "1",
        key=workspace / "reviewer.key",
        reason="a test",
        overrides=overrides,
        reviewers=Reviewers.load(),
    )
    write_list_of(made, [user_id(number) for number in range(5, 60)])
    return made


def somebody(world: DeskWorld, half: str) -> str:
    """Somebody who agreed to all and told their age, in one half."""
    people = (user_id(n) for n in range(8, 60) if n % 20 > 4 and n % 3 < 2)
    return next(user for user in people if world.half(user) == half)


def test_everything_is_shown_and_then_nothing_is_left(
    world: DeskWorld, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The dossier recommends what a service would; the impact names the champion; and after the erasure a search of
    every file that the product wrote, MLflow's included, finds the pseudonym in the record of erased people alone."""
    user = somebody(world, "training")
    found = export(world.desk(), user, world.folder / "handed.json")
    rows = next(each["rows"] for each in found.facts["interactions"] if each["place"] == "vault")
    history = sorted({row["item_id"] for row in rows if row["recommending"] == "admitted"})
    answer = Recommender.load("models:/shop@champion").recommend(history, 10, profiling=True)
    [told] = found.facts["recommended"]
    assert told["personalised"]
    assert [each["item_id"] for each in told["items"]] == [each.item_id for each in answer.items]
    assert all(each["because"] for each in told["items"][:1])
    [said] = found.facts["suppression_lists"]
    assert said["may_be_profiled"]
    [model] = look_up(world.desk(), user).models
    assert (model.role, model.training.champion, model.rows) == ("trained on", True, len(rows))

    done = erase(world.desk(), user)
    assert done.removed["interactions"] == len(rows)
    places = [task.place for task in done.told.work_order]
    assert str(world.folder / "handed.json") in places
    words = [user, *world.keys.pseudonyms([user])]
    raw = bytes.fromhex(words[1]).decode("latin-1")
    files = len([path for path in world.folder.rglob("*") if path.is_file()])
    ours = [each for each in written(world.folder) if not any(name in each[0] for name in (*TABLES, "handed.json"))]
    left = {*mentions(ours, words), *(place for place, text in ours if raw in text)}
    assert {place.split(" of ")[-1] for place in left} == {"records.db, table erased", "records.db"}
    assert (world.folder / "records.db").read_bytes().count(words[1].encode()) == 1
    record_property("evidence", f"after an erasure {files} files hold neither id nor pseudonym, but once in the record")

    later = export(world.desk(), user, tmp_path / "later.html")
    assert [row for table in later.facts["interactions"] if table["place"] == "vault" for row in table["rows"]] == []
    assert not later.facts["recommended"][0]["personalised"]
    assert not later.facts["suppression_lists"][0]["may_be_profiled"]
    assert tactful.train(world.config, key=world.folder / "trainer.key").status in ("candidate", "refused")
    again = look_up(world.desk(), user)  # what would tell of the first is gone, and it is not denied
    assert [(each.training.version, each.role) for each in again.models] == [("1", "not known")]
    assert all(each.role == "not used" for each in again.others)


def test_the_page_in_a_browser(world: DeskWorld, tmp_path: Path) -> None:
    """Somebody of the evaluation half reads that their history measured the model and taught it nothing. The page is
    painted in full, asks nobody for anything, complains of nothing, and fits a phone without scrolling aside."""
    user = somebody(world, "evaluation")
    [model] = look_up(world.desk(), user).models
    assert model.role == "used to judge"
    out = tmp_path / "dossier.html"
    export(world.desk(), user, out)
    assert "It taught the model nothing" in out.read_text()
    with served(out.read_text()) as (address, asked):
        done = browse(address, tmp_path, f"--screenshot={tmp_path / 'page.png'}")
    assert set(asked) <= {"/", "/favicon.ico"}
    assert complaints(done) == [] or asked.count("/favicon.ico")
    image = pixels(tmp_path / "page.png")
    assert all(np.ptp(part) > 100 for part in np.array_split(image, 4))
    wide = _width(out, tmp_path / "phone", "--window-size=500,900")
    assert wide <= 500


def _width(page: Path, folder: Path, *flags: str) -> int:
    """How wide the page is laid out, in pixels, as a script put beside it says; the page itself has none."""
    probe = folder.with_suffix(".html")
    probe.write_text(
        page.read_text().replace("</body>", "<script>document.title=document.documentElement.scrollWidth</script>")
    )
    done: subprocess.CompletedProcess[str] = browse(probe.as_uri(), folder, *flags, "--dump-dom")
    return int(done.stdout.partition("<title>")[2].partition("</title>")[0])

"""The vault: what enters, what is held, what leaves, and what of it can be seen without the keys."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from personal_vault_world import (
    ASSESSMENT,
    HEALTH,
    ITEMS,
    KEYS,
    NOW,
    POLICY,
    TRAINING,
    Shop,
    ago,
    catalogue,
    consents,
    log_rows,
    log_table,
    user_id,
)
from repository_search import mentions, written
from tactful.errors import NotFoundError, SchemaError, SecretError, TactfulError, UsageError
from tactful.personal import vault_folder
from tactful.personal.consent import REASONS
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.vault import Vault
from tactful.personal.vault_cipher import Cipher
from tactful.personal.vault_purge import Rules
from tactful.personal.vault_store import VaultStore

CANARIES = ("CANARY-", "ancient", "person.training")


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with what twenty people agreed to, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    Shop(folder, people=20).ingest()
    return folder


@pytest.fixture
def shop(_filled: Path, tmp_path: Path) -> Shop:
    """Twenty people, and what they agreed to in the vault."""
    shutil.copytree(_filled, tmp_path / "shop")
    return Shop(tmp_path / "shop", people=20)


@pytest.fixture
def empty(tmp_path: Path) -> Shop:
    """Twenty people, nothing in the vault."""
    return Shop(tmp_path, people=20)


def rules(shop: Shop, **more: object) -> Rules:
    """A purge now, by what was said."""
    return Rules(**{"as_of": NOW, "judge": shop.gate, **more})  # type: ignore[arg-type]


def files(shop: Shop) -> set[str]:
    """The names of the vault's tables."""
    return {path.name for path in (shop.folder / "vault").glob("*.parquet")}


def test_what_the_gate_admits_is_held_and_nothing_else(empty: Shop) -> None:
    """By the rules in plain Python; each excluded row has one reason, and admitted + excluded = read."""
    found = empty.ingest()
    assert empty.rows() == empty.expected()
    assert found.added == len(empty.expected())
    assert found.read == len(log_rows(20)) == found.admitted + sum(found.excluded.values())
    assert set(found.excluded) == set(REASONS)
    assert found.people == len({row[0] for row in empty.expected()})


@pytest.mark.prove
def test_a_log_may_come_again_longer_and_in_parts(empty: Shop, tmp_path: Path) -> None:
    """Two halves, then everything twice: the same vault; what is held already writes no file."""
    rows = log_rows(20)
    first, second = empty.ingest(rows[: len(rows) // 2]), empty.ingest(rows[len(rows) // 3 :])
    assert first.added + second.added == len(empty.expected())
    before = files(empty)
    again = empty.ingest()
    assert (again.added, again.files, files(empty)) == (0, 0, before)
    assert empty.rows() == empty.expected()


def test_only_declared_attributes_of_people_who_agreed_are_held(shop: Shop) -> None:
    """A level is itself, another value `other`, a missing one nothing; columns that are not declared never enter."""
    table = shop.vault().attributes()
    assert table is not None
    assert table.column_names == ["user_id", "age"]
    levels = {0: "young", 1: "old", 2: "other"}
    wanted = {user_id(n): levels[n % 4] for n in range(20) if n % 10 > 5 and n % 4 != 3}
    assert dict(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True)) == wanted


def test_who_was_erased_never_enters_again(shop: Shop) -> None:
    """Also where the gate was made before the erasure."""
    gate, name = shop.gate(), KEYS.pseudonyms([user_id(5)])[0]
    with shop.records.transaction() as transaction:
        shop.subjects.mark_erased(transaction, name)
    gone = shop.vault().forget(name)
    assert gone.rows == len([row for row in shop.expected() if row[0] == user_id(5)])
    with shop.records.transaction() as transaction:
        shop.subjects.destroy(transaction, name)
    for each in (gate, shop.gate()):
        found = shop.vault().ingest(InteractionLog.open(log_table(log_rows(20))), each, policy=POLICY)
        assert (found.added, found.excluded["erased"] > 0) == (0, True)
        assert found.read == found.admitted + sum(found.excluded.values())
    assert shop.rows() == {row for row in shop.expected() if row[0] != user_id(5)}


def test_of_some_people_only_theirs_is_read(shop: Shop) -> None:
    """For one person's dossier; nobody's for nobody."""
    names = KEYS.pseudonyms([user_id(4), user_id(17), "nobody"])
    table = shop.vault().interactions(pseudonyms=names)
    assert set(table.column("user_id").to_pylist()) == {user_id(4), user_id(17)}
    assert shop.vault().interactions(pseudonyms=[]).num_rows == 0
    told = shop.vault().attributes(pseudonyms=names)
    assert told is not None
    assert told.column("user_id").to_pylist() == [user_id(17)]


def test_the_gate_reads_the_vault_like_the_log(shop: Shop) -> None:
    """Training from the vault admits the same people's same items as training from the log does."""

    def admitted(table: pa.Table) -> set[tuple[str, int, int]]:
        """The rows behind the door."""
        session = shop.gate().admit(InteractionLog.open(table), TRAINING)._session
        rows = session.query(
            "SELECT DISTINCT p.pseudonym, a.item, a.instant FROM admitted a JOIN people p ON p.person = a.person"
        )
        return {tuple(row) for row in zip(*(rows[n] for n in ("pseudonym", "item", "instant")), strict=True)}

    assert admitted(shop.vault().interactions()) == admitted(log_table(log_rows(20)))


WHO = user_id(16)
CASES = [
    ("withdrawn", [(WHO, TRAINING, "withdrawn", ago(1), None)]),
    pytest.param(
        "before_grant",
        [(WHO, TRAINING, "withdrawn", ago(3), None), (WHO, TRAINING, "given", ago(2), None)],
        marks=pytest.mark.prove,
    ),
    pytest.param("refused", [(WHO, "personalization", "refused", ago(1), None)], marks=pytest.mark.prove),
    pytest.param("expired", [(WHO, TRAINING, "given", ago(9), ago(1))], marks=pytest.mark.prove),
]


@pytest.mark.parametrize(("reason", "events"), CASES)
def test_what_nobody_may_use_any_more_is_purged(shop: Shop, reason: str, events: list[tuple]) -> None:  # type: ignore[type-arg]
    """Every row of theirs goes with this reason, nobody else's; attributes go where no row is left."""
    shop.said += events
    found = shop.vault().purge(rules(shop))
    assert shop.rows() == {row for row in shop.expected() if row[0] != WHO}
    assert found.read == found.kept + sum(found.deleted.values()) == len(shop.expected())
    assert found.verified
    assert set(found.deleted) == {reason}
    told = shop.vault().attributes()
    assert told is not None
    assert WHO not in told.column("user_id").to_pylist()
    entry = shop.records.entries("vault.purged")[-1].body
    assert entry["deleted"] == found.deleted
    assert "CANARY" not in json.dumps(dict(entry))


def test_retention_is_that_of_the_time_given_and_of_the_category(shop: Shop) -> None:
    """A past time deletes less; a sensitive category goes sooner; a dry run deletes nothing."""
    shop.now = NOW + timedelta(days=70)
    held = shop.rows()
    young = {row for row in held if row[2] >= ago(30 if row[1] == ITEMS[-1] else 230)}
    assert {row for row in held if row[1] == ITEMS[-1]}
    assert shop.vault().purge(rules(shop, judge=None, as_of=NOW - timedelta(days=100))).deleted == {}
    dry = shop.vault().purge(rules(shop, judge=None, as_of=shop.now), dry_run=True)
    assert (dry.dry_run, dry.kept) == (True, len(young))
    assert shop.rows() == held
    found = shop.vault().purge(rules(shop, as_of=shop.now))
    assert found.deleted == {"retention_expired": len(held) - len(young)}
    assert shop.rows() == young
    assert not {row for row in young if row[1] == ITEMS[-1]}
    with pytest.raises(UsageError, match="future"):
        shop.vault().purge(rules(shop, as_of=shop.now + timedelta(seconds=1)))


@pytest.mark.prove
def test_a_config_may_shorten_retention_and_declare_what_is_sensitive(shop: Shop) -> None:
    """From then on the vault goes by it; without any consents known only retention is looked at."""
    held = shop.rows()
    policy = Policy(retention_days=200, sensitive={"bread": {"kind": ("FOOD",)}}, retention={"bread": 60})
    found = shop.vault().purge(rules(shop, judge=None, policy=policy, catalogue=catalogue()))
    assert not found.consents
    assert shop.rows() == {row for row in held if row[2] >= ago(200 if row[1] == ITEMS[-1] else 60)}
    found = shop.vault().purge(rules(shop, policy=policy, catalogue=catalogue()))
    assert set(found.deleted) == {"sensitive_category"}
    assert {row[1] for row in shop.rows()} <= {ITEMS[-1]}


def test_an_item_that_is_sold_no_more_keeps_its_rows_and_its_category(shop: Shop) -> None:
    """The vault knows what was sensitive when a row came in: an opt-in that is withdrawn later still counts."""
    some = shop.rows()
    shop.said.append((user_id(13), HEALTH, "withdrawn", ago(1), None))
    found = shop.vault().purge(rules(shop))
    assert found.deleted == {"sensitive_category": sum(row[:2] == (user_id(13), ITEMS[-1]) for row in some)}
    assert any(row[1] == ITEMS[-1] for row in shop.rows())


@pytest.mark.prove
def test_attributes_leave_with_the_consent_to_hold_them(shop: Shop) -> None:
    """Who withdraws the assessment keeps their interactions here, and their attributes do not stay."""
    rows, told = shop.rows(), shop.vault().attributes()
    shop.said.append((user_id(16), ASSESSMENT, "withdrawn", ago(1), None))
    found = shop.vault().purge(rules(shop))
    left = shop.vault().attributes()
    assert told is not None
    assert left is not None
    assert shop.rows() == rows
    assert set(told.column("user_id").to_pylist()) - set(left.column("user_id").to_pylist()) == {user_id(16)}
    assert found.attributes == {"read": told.num_rows, "kept": told.num_rows - 1}


def test_the_empty_vault_can_be_asked(empty: Shop) -> None:
    """It holds nothing; where there is none, that is said."""
    with pytest.raises(NotFoundError, match="ingest"):
        empty.vault(create=False)
    empty.ingest([])
    assert empty.vault().interactions().num_rows == 0
    assert empty.vault().attributes() is None
    assert empty.vault().purge(rules(empty)).read == 0
    assert empty.vault().describe().oldest is None
    assert empty.vault().forget("ab" * 16).files == 0


def test_the_report_names_every_column_and_until_when(shop: Shop) -> None:
    """Each column with its reason, each category with its retention, and the numbers are right."""
    found = shop.vault().describe()
    assert {column.column for column in found.columns} == {"person", "item_id", "instant", "sensitive", "age"}
    assert all(column.what and column.why for column in found.columns)
    assert {each.category: each.retention_days for each in found.categories} == {"other items": 300, "health": 100}
    times = [row[2] for row in shop.expected()]
    assert (found.rows, found.oldest, found.newest) == (len(times), min(times), max(times))
    assert found.people == len({row[0] for row in shop.expected()})
    health = [row[2] for row in shop.expected() if row[1] == ITEMS[-1]]
    assert next(e.until for e in found.categories if e.category == "health") == max(health) + timedelta(days=100)


def test_names_of_files_say_month_digit_and_nothing_else(shop: Shop) -> None:
    """And none of them can be read without the storage key, not even its columns."""
    months = {row[2].strftime("%Y-%m") for row in shop.expected()}
    for name in files(shop):
        found = re.fullmatch(r"(?:interactions-(\d{4}-\d\d)|attributes)-[0-9a-f]-[0-9a-f]{16}\.parquet", name)
        assert found
        assert found[1] is None or found[1] in months
        with pytest.raises(OSError, match=r"encrypted|decryption"):
            pa.parquet.read_schema(shop.folder / "vault" / name)
    assert (shop.folder / "vault").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (shop.folder / "vault").iterdir())


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(False, id="as it is"),
        pytest.param(True, id="a mutant that writes plain Parquet first", marks=pytest.mark.prove),
    ],
)
def test_no_row_is_ever_on_disk_in_plain(
    empty: Shop, plain: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While it is filled, purged, forgotten in and rotated, all that is written is searched for ids and items."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    if plain:
        encrypted = Cipher.encrypted

        def careless(self: Cipher, table: pa.Table) -> bytes:
            """Encrypts by way of a file that is in plain."""
            pa.parquet.write_table(table, tmp_path / "some.tmp", compression="none")
            if not found:
                look()
            (tmp_path / "some.tmp").unlink()
            return encrypted(self, table)

        monkeypatch.setattr(Cipher, "encrypted", careless)
    found: set[str] = set()
    seen: set[tuple[Path, int, int]] = set()
    over = threading.Event()
    forms = [word.encode(code) for word in CANARIES for code in ("utf-8", "utf-16-le", "utf-32-le")]

    def look() -> None:
        """What is in plain right now; files come and go meanwhile."""
        for path in tmp_path.rglob("*"):
            try:
                state = path.stat()
                version = (path, state.st_mtime_ns, state.st_size)
                if path.is_dir() or version in seen:
                    continue
                raw = path.read_bytes()
            except FileNotFoundError:
                continue
            seen.add(version)
            found.update([path.name] if any(form in raw for form in forms) else [])

    def watch() -> None:
        """Look again and again."""
        while not over.wait(0.003):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        empty.ingest(log_rows(9))
        empty.said.append((user_id(7), TRAINING, "withdrawn", ago(1), None))
        empty.vault().purge(rules(empty))
        empty.vault().forget(KEYS.pseudonyms([user_id(4)])[0])
        empty.keys = replace(KEYS, storage=b"n" * 32, storage_older=(KEYS.storage,))
        empty.vault().rotate()
    finally:
        over.set()
        watcher.join()
    assert not mentions(written(empty.folder / "vault"), [*CANARIES, *KEYS.pseudonyms([user_id(5)])])
    assert found == ({"some.tmp"} if plain else set())


def test_reading_goes_on_while_the_vault_changes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that finds a file gone reads the later generation whole: before or after, never between."""
    before, content, changed = shop.rows(), vault_folder.VaultFolder.content, []

    def slow(self: vault_folder.VaultFolder, file: object) -> bytes:
        """After the third file somebody else purges."""
        if len(changed) == 3:
            changed.append(0)
            shop.vault().purge(rules(shop, judge=None, policy=Policy(retention_days=100)))
        changed.append(0)
        return content(self, file)  # type: ignore[arg-type]

    reader = shop.vault()
    monkeypatch.setattr(vault_folder.VaultFolder, "content", slow)
    table = reader.interactions()
    rows = set(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True))
    assert rows in (before, {row for row in before if row[2] >= ago(100)})
    assert table.num_rows == len(rows)


@pytest.mark.prove
def test_several_may_write_at_once(empty: Shop) -> None:
    """Four logs at the same time, and a reader all the while: everything is in it, and each reading was whole."""
    rows, over, seen = log_rows(20), threading.Event(), []
    empty.ingest([])

    def read() -> None:
        """Again and again."""
        while not over.is_set():
            seen.append(empty.vault().interactions().num_rows)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        added = [each.added for each in pool.map(empty.ingest, [rows[part::4] for part in range(4)])]
    over.set()
    reader.join()
    assert empty.rows() == empty.expected()
    assert sum(added) == len(empty.expected())
    assert seen == sorted(seen)
    whole = {sum(some) for n in range(5) for some in combinations(added, n)}
    assert set(seen) <= whole
    assert [entry.body["generation"] for entry in empty.records.entries("vault.ingested")] == [1, 2, 3, 4, 5]


def test_after_a_rotation_the_former_key_opens_nothing(shop: Shop) -> None:
    """Every row is still there under the new key alone; the former one is told by its fingerprint."""
    rows, before = shop.rows(), files(shop)
    both = replace(KEYS, storage=b"n" * 32, storage_older=(KEYS.storage,))

    def under(keys: Keys) -> Shop:
        """The same shop with other keys."""
        return Shop(shop.folder, people=20, keys=keys)

    rotated = under(both)
    assert rotated.rows() == rows
    rotated.subjects.reseal()
    assert rotated.vault().rotate() == len(before)
    assert rotated.vault().rotate() == 0
    assert not files(rotated) & before
    assert under(replace(KEYS, storage=b"n" * 32)).rows() == rows
    with pytest.raises(SecretError, match=both.fingerprints()["storage"]):
        under(KEYS).vault()
    assert rotated.vault().verify().ok
    assert shop.records.entries("vault.rotated")[-1].body["from"] == [KEYS.fingerprints()["storage"]]


def _flip(path: Path) -> None:
    """One bit in the middle is another."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


TAMPERED: list[tuple[str, Callable[[list[Path]], object]]] = [
    ("a bit", lambda found: _flip(found[0])),
    ("a file missing", lambda found: found[0].unlink()),
    ("a file in another's place", lambda found: found[1].write_bytes(found[0].read_bytes())),
    ("a shorter file", lambda found: found[0].write_bytes(found[0].read_bytes()[:-1])),
]


@pytest.mark.parametrize(("what", "do"), TAMPERED, ids=[what for what, _ in TAMPERED])
def test_a_file_that_is_not_as_written_is_noticed(shop: Shop, what: str, do: Callable[[list[Path]], object]) -> None:
    """Reading stops, and `verify` names the file; nothing of it is quoted."""
    assert shop.vault().verify().ok
    do(sorted((shop.folder / "vault").glob("interactions-*")))
    with pytest.raises(SchemaError, match=r"altered|missing"):
        shop.vault().interactions()
    found = shop.vault().verify()
    assert len(found.problems) == 1
    assert "CANARY" not in found.problems[0]


def test_a_manifest_that_is_not_as_written_is_noticed(shop: Shop) -> None:
    """One bit of it, and an older vault put back as a whole."""
    older = {path.name: path.read_bytes() for path in (shop.folder / "vault").iterdir()}
    shop.vault().purge(rules(shop, judge=None, policy=Policy(retention_days=100)))
    for path in (shop.folder / "vault").iterdir():
        path.unlink()
    for name, raw in older.items():
        (shop.folder / "vault" / name).write_bytes(raw)
    assert any("generation 1" in problem for problem in shop.vault().verify().problems)
    _flip(shop.folder / "vault" / "manifest.sealed")
    with pytest.raises(SecretError, match="altered"):
        shop.vault()


def test_the_records_of_another_vault_are_told(shop: Shop, tmp_path: Path) -> None:
    """Its people are not in them: that is no vault of nobody."""
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other", people=20)
    stranger = Vault.open(shop.folder / "vault", subjects=other.subjects, keys=KEYS)
    with pytest.raises(UsageError, match="belong together"):
        stranger.interactions()


def test_a_folder_of_something_else_is_not_made_a_vault(empty: Shop) -> None:
    """And what is in it stays."""
    (empty.folder / "vault").mkdir()
    (empty.folder / "vault" / "letter.txt").write_text("hello")
    with pytest.raises(UsageError, match="of its own"):
        empty.ingest()
    assert [path.name for path in (empty.folder / "vault").iterdir()] == ["letter.txt"]


def test_what_fails_on_the_way_leaves_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle: the vault is as before, and has no files that do not count."""
    rows, before, write = shop.rows(), files(shop), vault_folder._write

    def full(path: Path, content: bytes) -> None:
        """The fifth file does not fit, but for half of it."""
        if len(files(shop)) >= len(before) + 4:
            path.write_bytes(content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        write(path, content)

    shop.keys = replace(KEYS, storage=b"n" * 32, storage_older=(KEYS.storage,))
    monkeypatch.setattr(vault_folder, "_write", full)
    with pytest.raises(OSError, match="No space"):
        shop.vault().rotate()
    shop.keys = KEYS
    assert (shop.rows(), files(shop)) == (rows, before)
    assert not shop.records.entries("vault.rotated")


@pytest.mark.parametrize("committed", [False, True])
def test_the_journal_decides_what_becomes_of_an_interrupted_change(
    shop: Shop, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it tells of is finished by whoever opens the vault next; what it does not is undone, and nothing is left."""
    before, told = shop.rows(), len(shop.records.entries("vault."))

    class PowerFailedError(BaseException):
        """Nothing more happens."""

    stage = vault_folder.VaultFolder.stage

    def fail(*given: object) -> None:
        """The power fails, after the manifest was staged or before it gets its name."""
        if not committed:
            stage(*given)  # type: ignore[arg-type]
        raise PowerFailedError

    with monkeypatch.context() as patch:
        patch.setattr(vault_folder.VaultFolder, "turn" if committed else "stage", fail)
        patch.setattr(VaultStore, "settle", lambda _: None)
        with pytest.raises(PowerFailedError):
            shop.vault().purge(rules(shop, judge=None, as_of=NOW, policy=Policy(retention_days=20)))
    assert (shop.folder / "vault" / "manifest.next").exists()
    after = {row for row in before if row[2] >= ago(20)} if committed else before
    assert shop.rows() == after != set()
    assert len(shop.records.entries("vault.")) == told + committed
    assert shop.vault().verify().ok
    assert len(files(shop)) == len(shop.vault()._store.manifest().files)


def test_nothing_shows_a_person(shop: Shop) -> None:
    """In no repr, and in no entry of the journal."""
    found, vault = shop.ingest([]), shop.vault()
    shown = [repr(value) for value in (found, vault, vault._store, vault.describe(), vault.verify())]
    shown += [json.dumps(dict(entry.body)) for entry in shop.records.entries()]
    names = KEYS.pseudonyms([user_id(number) for number in range(20)])
    assert not mentions([("shown", "\n".join(shown))], ["CANARY", *names, KEYS.storage.hex(), KEYS.pseudonym.hex()])


def test_a_purge_that_leaves_something_behind_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that rewrites nothing does not pass the reading after."""
    shop.said.append((user_id(14), TRAINING, "withdrawn", ago(1), None))
    monkeypatch.setattr("tactful.personal.vault_purge._replace", lambda *_: None)
    with pytest.raises(TactfulError, match="read again"):
        shop.vault().purge(rules(shop))


def test_consents_of_the_world_are_of_every_kind() -> None:
    """The tests above would prove little if everybody agreed."""
    assert {row[2] for row in consents(20)} == {"given", "refused"}

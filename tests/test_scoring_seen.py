"""The file of what was seen: who may only read it obeys it, and nobody who may not write it makes others wait."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tactful.errors import ModelRefusedError
from tactful.scoring import seen_file
from tactful.scoring.seen import SeenSequences, seen_place

DIGEST = "0" * 64
OTHER_USER = 65534


@pytest.fixture
def file() -> Iterator[Path]:
    """In a folder that other users may read, as those of pytest are not."""
    with TemporaryDirectory(prefix="tactful-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "seen.json"


@pytest.fixture
def lock(file: Path) -> Path:
    return file.with_name("seen.json.lock")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_file, "_PATIENCE", 0.05)


@pytest.fixture
def as_other_user() -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in a forked process of a user who owns nothing here, and gives what it returns, as JSON."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    return _as_other_user


def _as_other_user(function: Callable[[], Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        told: Any = "it raised something else"
        try:
            os.setgroups([])
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            told = function()
        except ModelRefusedError as error:
            told = str(error)
        finally:
            os.write(writing, json.dumps(told).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return json.loads(told)


forks = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def admitted(file: Path, number: int = 5, **changes: Any) -> str:
    """A process that has seen nothing itself admits an approval."""
    memory = SeenSequences()
    memory.admit("tiny", number, digest=DIGEST, file=file, **changes)
    with pytest.raises(ModelRefusedError, match="seen was"):
        memory.admit("tiny", number - 1, digest=DIGEST)
    return "admitted, and remembered in the process"


@forks
def test_a_file_that_may_only_be_read_is_obeyed(file: Path, as_other_user: Callable[[Callable[[], Any]], Any]) -> None:
    """Rejections, retirements and higher numbers count; what is new is remembered in the process alone."""
    SeenSequences().admit("tiny", 3, digest=DIGEST, file=file)
    SeenSequences().reject("tiny", 4, digest="1" * 64, file=file)
    before = file.read_bytes()
    store = f"sqlite:///{file.parent}/mlflow.db"
    assert as_other_user(lambda: str(seen_place(store=store))) == str(file)
    assert as_other_user(lambda: seen_file.durable(file)) is False
    assert "was seen" in as_other_user(lambda: SeenSequences().admit("tiny", 9, digest="1" * 64, file=file))
    assert "seen was 3" in as_other_user(lambda: SeenSequences().admit("tiny", 2, digest=DIGEST, file=file))
    assert as_other_user(lambda: admitted(file)).startswith("admitted")
    assert file.read_bytes() == before


def test_a_place_that_may_only_be_read_is_a_place_if_the_file_is_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise nothing is to be read there, nor can anything be remembered."""
    monkeypatch.setattr("os.access", lambda *_: False)
    store = f"sqlite:///{file.parent}/mlflow.db"
    assert seen_place(store=store) is None
    file.write_text("{}")
    assert seen_place(store=store) == file


@forks
def test_a_file_that_may_not_be_read_or_made_refuses(
    file: Path, as_other_user: Callable[[Callable[[], Any]], Any]
) -> None:
    """A rollback cannot be ruled out; who named a place where nothing can be remembered is told."""
    assert "seen approvals" in as_other_user(lambda: admitted(file))
    file.write_text("{}")
    file.chmod(0o600)
    assert "seen approvals" in as_other_user(lambda: admitted(file))


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "large"])
def test_what_is_no_plain_small_file_refuses_at_once(file: Path, kind: str) -> None:
    """No pipe is waited for, no link followed, and no end read into memory."""
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to("/dev/zero")
    elif kind == "folder":
        file.mkdir()
    else:
        file.touch()
        os.truncate(file, 2**40)
    with pytest.raises(ModelRefusedError, match="seen approvals"):
        SeenSequences().admit("tiny", 1, digest=DIGEST, file=file)
    with pytest.raises(ModelRefusedError, match="seen approvals"):
        seen_file.read(file)


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_lock_that_is_no_plain_file_refuses_at_once(file: Path, lock: Path, kind: str) -> None:
    """And what may be served without writing anything still is."""
    SeenSequences().admit("tiny", 1, digest=DIGEST, file=file)
    lock.unlink()
    if kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.symlink_to(file)
    with pytest.raises(ModelRefusedError, match="seen approvals"):
        SeenSequences().admit("tiny", 2, digest=DIGEST, file=file)
    SeenSequences().admit("tiny", 1, digest=DIGEST, file=file)


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_is_held_refuses_what_would_have_to_be_written(file: Path, lock: Path) -> None:
    """Nothing of it is remembered; what the file knows already needs no lock, and let go of, all goes on."""
    SeenSequences().admit("tiny", 1, digest=DIGEST, file=file)
    holder = os.open(lock, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    memory = SeenSequences()
    with pytest.raises(ModelRefusedError, match=r"another process holds .*seen\.json\.lock"):
        memory.admit("tiny", 2, digest=DIGEST, file=file)
    memory.admit("tiny", 1, digest=DIGEST, file=file)
    assert json.loads(file.read_text()) == {"tiny": 1}
    os.close(holder)
    memory.admit("tiny", 2, digest=DIGEST, file=file)
    assert json.loads(file.read_text()) == {"tiny": 2}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["reject", "retire"])
def test_an_end_counts_here_though_the_lock_is_held(file: Path, lock: Path, how: str) -> None:
    lock.touch()
    holder = os.open(lock, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    memory = SeenSequences()
    with pytest.raises(ModelRefusedError, match="another process"):
        getattr(memory, how)("tiny", 4, digest=DIGEST, file=file)
    os.close(holder)
    with pytest.raises(ModelRefusedError, match=r"was seen|retirement seen"):
        memory.admit("tiny", 4, digest=DIGEST, file=file)


@pytest.mark.parametrize(("folder", "wanted"), [(0o755, 0o600), (0o775, 0o660), (0o777, 0o666)])
def test_whoever_may_write_the_folder_may_lock_and_nobody_else(
    file: Path, lock: Path, folder: int, wanted: int
) -> None:
    """Also a lock of before, which everybody could hold, is taken from them."""
    file.parent.chmod(folder)
    for number in (1, 2):
        SeenSequences().admit("tiny", number, digest=DIGEST, file=file)
        assert stat.S_IMODE(lock.stat().st_mode) == wanted
        lock.chmod(0o644)


@forks
@pytest.mark.usefixtures("impatient")
def test_a_reader_cannot_hold_the_lock(
    file: Path, lock: Path, as_other_user: Callable[[Callable[[], Any]], Any]
) -> None:
    SeenSequences().admit("tiny", 1, digest=DIGEST, file=file)

    def hold() -> str:
        try:
            os.open(lock, os.O_RDONLY)
        except PermissionError:
            return "denied"
        return "held"

    assert as_other_user(hold) == "denied"


@forks
def test_a_lock_of_another_user_makes_no_load_impossible(
    file: Path, lock: Path, as_other_user: Callable[[Callable[[], Any]], Any]
) -> None:
    """Who may write the folder and not open the lock reads, obeys, and overwrites nothing."""
    SeenSequences().admit("tiny", 3, digest=DIGEST, file=file)
    file.parent.chmod(0o777)
    lock.chmod(0o600)
    assert as_other_user(lambda: admitted(file)).startswith("admitted")
    assert "seen was 3" in as_other_user(lambda: SeenSequences().admit("tiny", 2, digest=DIGEST, file=file))
    assert as_other_user(lambda: seen_file.durable(file)) is False
    assert json.loads(file.read_text()) == {"tiny": 3}


@forks
def test_a_lock_that_root_made_is_the_folders_owners(
    file: Path, lock: Path, as_other_user: Callable[[Callable[[], Any]], Any]
) -> None:
    """A reviewer who is root does not keep the service that owns the folder from remembering."""
    os.chown(file.parent, OTHER_USER, OTHER_USER)
    SeenSequences().admit("tiny", 3, digest=DIGEST, file=file)
    assert (lock.stat().st_uid, stat.S_IMODE(lock.stat().st_mode)) == (OTHER_USER, 0o600)
    assert as_other_user(lambda: admitted(file)).startswith("admitted")
    assert json.loads(file.read_text()) == {"tiny": 5}


def test_numbers_of_ends_only_rise(file: Path) -> None:
    """An older rejection or retirement that is met again lowers nothing."""
    memory = SeenSequences()
    for number in (6, 4):
        memory.reject("tiny", number, digest=DIGEST, file=file)
        memory.retire("tiny", number, digest=DIGEST, file=file)
    assert json.loads(file.read_text()) == {f"tiny/{DIGEST}": 6, f"tiny/{DIGEST}/retired": 6}

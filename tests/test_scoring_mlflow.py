"""The registry's addresses, and the door through which MLflow serves a model."""

from __future__ import annotations

import builtins
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_world import publish
from tactful.errors import MissingExtraError, ModelRefusedError, NotFoundError, UsageError
from tactful.scoring import Recommender, recommender
from tactful.scoring.address import resolve
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import new_key, public_text

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:The ``noload`` loader strategy:DeprecationWarning"
    ),  # MLflow 3.17 on SQLAlchemy 2.1
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),  # MLflow, of its own types
]

TODAY = {  # these tests load through MLflow, which passes no clock
    "approved_at": datetime.now(UTC).isoformat(),
    "expires_at": "2999-01-01T00:00:00+00:00",
}


@pytest.fixture(autouse=True)
def fresh_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "seen.json"))


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return new_key()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Path:
    """An MLflow store with the model `tiny` in versions 1 (another approval inside) and 2 … 3, champion 3."""
    from mlflow import MlflowClient

    root = tmp_path_factory.mktemp("store")
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db", registry_uri=f"sqlite:///{root}/mlflow.db")
    client.create_registered_model("tiny")
    for version in ("1", "2", "3"):
        saved = root / "saved" / version
        publish(saved / "data" / "tiny", key, version="3" if version == "1" else version, **TODAY)
        (saved / "MLmodel").write_text(
            "flavors:\n  python_function:\n    loader_module: tactful.scoring.pyfunc\n    data: data/tiny\n"
        )
        client.create_model_version("tiny", source=str(saved))
    client.set_registered_model_alias("tiny", "champion", "3")
    return root


@pytest.fixture
def in_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)


@pytest.mark.usefixtures("in_store")
def test_an_alias_and_a_version_load(key: Ed25519PrivateKey, store: Path) -> None:
    """The version that the registry names is the one that answers; reading leaves the store as it was."""
    before = sorted(p for p in store.rglob("*") if "mlflow.db" not in p.name)
    for address, version in (("models:/tiny@champion", "3"), ("models:/tiny/2", "2")):
        model = Recommender.load(address, trusted_keys=[public_text(key)])
        assert (model.model, model.version) == ("tiny", version)
    assert sorted(p for p in store.rglob("*") if "mlflow.db" not in p.name) == before


@pytest.mark.usefixtures("in_store")
def test_the_approval_must_be_of_the_version_asked_for(key: Ed25519PrivateKey) -> None:
    """Whoever can write to the registry cannot serve version 3's approved files as version 1."""
    with pytest.raises(ModelRefusedError, match="signature is of another model: tiny version 3"):
        Recommender.load("models:/tiny/1", trusted_keys=[public_text(key)])


@pytest.mark.usefixtures("in_store")
@pytest.mark.parametrize(
    "address", ["models:/tiny@challenger", "models:/tiny/9", "models:/nobody/1", "models:/nobody@x"]
)
def test_what_is_not_registered_is_not_found(address: str) -> None:
    with pytest.raises(NotFoundError, match="must be registered"), resolve(address):
        pass


@pytest.mark.parametrize(
    "address", ["models:/", "models:/tiny", "models:/tiny/latest", "models:/a@b/c", "models:tiny/1"]
)
def test_an_address_names_one_version(address: str) -> None:
    """`latest` and a bare id are no addresses: what is served is a version that somebody can have approved."""
    with pytest.raises(UsageError, match="models:/name@alias"), resolve(address):
        pass


def test_looking_creates_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store, neither the default nor a named one, the answer is "not found" and no file appears."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(NotFoundError, match=r"models/mlflow\.db is none"), resolve("models:/tiny@champion"):
        pass
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(NotFoundError, match=r"other\.db is none"), resolve("models:/tiny@champion"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("in_store")
def test_without_mlflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fake(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "mlflow":
            raise ModuleNotFoundError("No module named 'mlflow'", name="mlflow")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fake)
    with pytest.raises(MissingExtraError, match=r"tactful\[registry\]"), resolve("models:/tiny@champion"):
        pass


_NARROW = """
import re, sys
from importlib import metadata
from pathlib import Path

def name_of(text):
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", text).group()).lower()

needed, left = set(), ["mlflow-skinny", "sqlalchemy", "alembic", "numpy", "cryptography"]
while left:
    name = left.pop()
    try:
        requires = metadata.requires(name) or [] if name not in needed else []
    except metadata.PackageNotFoundError:
        continue
    needed.add(name)
    left += [name_of(text) for text in requires if "extra ==" not in text]
tops = metadata.packages_distributions().items()
hidden = {top for top, owners in tops if not needed & set(map(name_of, owners))} - {"tactful"}

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
assert {"pandas", "sklearn", "pyarrow", "scipy", "fairlearn"} <= hidden
from tactful.scoring import Recommender
model = Recommender.load("models:/tiny@champion", trusted_keys=sys.argv[1])
print(model.recommend(["100"], n=1, profiling=True).items[0].item_id)
"""


@pytest.mark.usefixtures("in_store")
def test_the_registry_extra_is_enough(key: Ed25519PrivateKey) -> None:
    """A fresh process that sees only what the base install and the extra `registry` bring loads the champion."""
    done = subprocess.run(
        [sys.executable, "-c", _NARROW, public_text(key)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["102"], done.stderr


@pytest.fixture
def trusted(tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reviewers.toml"
    path.write_text(f'[[reviewer]]\nname = "Ada"\npublic_key = "{public_text(key)}"\n')
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(path))


def test_mlflow_loads_and_asks_it(tmp_path: Path, key: Ed25519PrivateKey, trusted: None) -> None:
    """MLflow's own loader gets the model through this door, without pickle, and not once it was altered."""
    import mlflow.pyfunc
    from mlflow.models import Model

    artifact, saved = publish(tmp_path / "tiny", key, **TODAY), tmp_path / "saved"
    mlflow.pyfunc.save_model(
        saved,
        loader_module="tactful.scoring.pyfunc",
        data_path=str(artifact),
        mlflow_model=Model(),
        pip_requirements=["tactful[registry]"],
    )
    assert not [p for p in saved.rglob("*") if p.suffix in (".pkl", ".pickle")]
    shutil.rmtree(artifact)
    loaded = mlflow.pyfunc.load_model(str(saved), suppress_warnings=True)
    assert loaded.predict([{"history": ["100"], "profiling": True, "n": 1}])[0]["items"][0]["item_id"] == "102"
    (saved / "data" / "tiny" / "base.npy").write_bytes(b"")
    with pytest.raises(ModelRefusedError, match="base"):
        mlflow.pyfunc.load_model(str(saved), suppress_warnings=True)

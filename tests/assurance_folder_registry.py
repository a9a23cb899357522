"""A store with the face of `Registry` that is a folder and a few tables: fast, and it can go away at any call."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tactful.assurance.candidates import Candidate
from tactful.assurance.registry_store import RegisteredVersion
from tactful.errors import NotFoundError
from tactful.scoring.signing import SignedDocument


@dataclass(kw_only=True)
class FolderRegistry:
    """What approving needs of MLflow: versions with a tag, an alias for each model, documents, files."""

    folder: Path
    uri: str = "https://mlflow.example"
    shown: dict[tuple[str, str], RegisteredVersion] = field(default_factory=dict)
    texts: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def log_candidate(self, *, model: str, artifact: Path, documents: Mapping[str, str], **_: Any) -> Candidate:
        """The next version of the model."""
        number = str(1 + sum(name == model for name, _ in self.shown))
        made = Candidate(model=model, version=number, run_id=f"run-{model}-{number}", model_id=f"m-{model}-{number}")
        shutil.copytree(artifact, self.artifact_folder(model, number, there=False))
        self.texts[model, number] = dict(documents)
        self.shown[model, number] = RegisteredVersion(
            model=model, version=number, status="candidate", run_id=made.run_id, model_id=made.model_id, champion=False
        )
        return made

    def artifact_folder(self, model: str, version: str, *, there: bool = True) -> Path:
        """The version's artifact."""
        if there:
            self.version(model, version)
        return self.folder / model / version / "data" / model

    def documents(self, model: str, version: str) -> dict[str, str]:
        """The documents of the version's run."""
        return dict(self.texts[model, version])

    def publish_approval(self, model: str, version: str, document: SignedDocument) -> None:
        """The decision lies beside the manifest."""
        (self.artifact_folder(model, version) / "approval.json").write_text(document.to_json())

    def set_champion(self, model: str, version: str) -> None:
        """The alias points at the version."""
        self.aliases[model] = version

    def clear_champion(self, model: str, version: str) -> None:
        """The alias does not point at the version."""
        if self.aliases.get(model) == version:
            del self.aliases[model]

    def champion(self, model: str) -> str | None:
        """The version that the alias points at."""
        return self.aliases.get(model)

    def set_status(self, model: str, version: str, status: str, **_: Any) -> None:
        """The tag reads so."""
        self.shown[model, version] = replace(self.shown[model, version], status=status)

    def version(self, model: str, version: str) -> RegisteredVersion:
        """The version as shown."""
        if (model, version) not in self.shown:
            raise NotFoundError("a version must be there", given="it is not", do="Train")
        return replace(self.shown[model, version], champion=self.aliases.get(model) == version)

    def versions(self, model: str) -> list[RegisteredVersion]:
        """Every version of the model."""
        return [self.version(*each) for each in self.shown if each[0] == model]


@dataclass
class GoingAway:
    """A registry that goes away at one of its calls, before it is done or after, and is back for the next one."""

    registry: Any
    at: int
    when: str
    error: Callable[[], BaseException]
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.registry, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            """The call, unless this is when the registry goes away."""
            self.calls.append(name)
            now = len(self.calls) == self.at
            if now and self.when == "before":
                raise self.error()
            result = found(*args, **kwargs)
            if now:
                raise self.error()
            return result

        return call

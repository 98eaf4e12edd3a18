"""What goes into each step of a run: where that is equal, the step is not done again.

Contents count and never times: digests of rows, files and modules, versions of libraries, and the
part of the pipeline that a step reads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.config.pipeline import PipelineSettings
from serve_app.errors import ServeError
from serve_app.lifecycle.dataset import snapshot_digest
from serve_app.lifecycle.digests import digest_of, digest_of_file
from serve_app.lifecycle.fold_data import SPLIT_FILE
from serve_app.lifecycle.ledger import Step
from serve_app.lifecycle.spec import body_of
from serve_app.lifecycle.split import Split

Output = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepInputs:
    """The inputs of the steps of one run, each from the outputs of steps before it.

    `body` is that of the run, `libraries` are the installed versions.
    """

    body: Mapping[str, Any]
    settings: PipelineSettings
    libraries: Mapping[str, str]

    def snapshot(self) -> dict[str, Any]:
        """Where rows come from; what is read is kept."""
        return {"data": self.body["data"]}

    def profile(self, data: Output) -> dict[str, Any]:
        """The rows, and what their columns are."""
        return {"data": data["fingerprint"], "spec": self._part("data", "task", "validation")}

    def split(self, data: Output) -> dict[str, Any]:
        """The same, and which rows are held out."""
        window = {"window": self.body["window"], "seed": self.settings.search.seed}
        return self.profile(data) | window

    def search(self, parts: Output) -> dict[str, Any]:
        """Rows, folds, candidates, modules that are imported, and libraries."""
        return {
            "split": parts["digest"],
            "data": parts["fingerprint"],
            "spec": self._part("candidates", "estimator", "search", "task"),
            "code": _code(self.settings),
            "libraries": dict(self.libraries),
        }

    def evaluate(self, search: Output, best: Sequence[int]) -> dict[str, Any]:
        """The outcome of the search, and what is looked at; `best` are numbers of trials."""
        return {
            "search": digest_of(dict(search)),
            "best": list(best),
            "spec": self._part("gates", "baseline", "slices", "register"),
        }

    def importance(self, evaluation: Output) -> dict[str, Any]:
        """What the best models say of the hold-out."""
        return {"predictions": evaluation["predictions"], "spec": self._part("importance")}

    def register(self, evaluation: Output) -> dict[str, Any]:
        """The same models, and the name that they are registered by."""
        return {"predictions": evaluation["predictions"], "model": self.settings.model}

    def card(self, versions: Sequence[int], sections: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """The versions, and what people say of them."""
        return {"versions": list(versions), "sections": digest_of(sections)}

    def _part(self, *names: str) -> dict[str, Any]:
        body = body_of(self.settings)
        return {name: body.get(name) for name in names}


def is_intact(folder: Path, step: Step) -> bool:
    """Whether what a step left in the run's folder is what it left there."""
    try:
        if step.name == "snapshot":
            return bool(snapshot_digest(folder) == step.output["fingerprint"])
        if step.name == "split":
            return bool(Split.load(folder / SPLIT_FILE).digest == step.output["digest"])
    except (OSError, ValueError, ServeError):
        return False
    return True


def _code(settings: PipelineSettings) -> dict[str, str | None]:
    """Digests of the modules of the user's own that make estimators, by name."""
    places = [getattr(entry, "import_", None) for entry in settings.entries]
    modules = sorted({place.partition(":")[0] for place in places if place is not None})
    return {module: _digest_of_module(module) for module in modules}


def _digest_of_module(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return None
    return digest_of_file(Path(spec.origin))

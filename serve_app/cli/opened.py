"""A file or directory that somebody registers, with the modules of their own that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """How to read the estimator, the MLflow directory if it is one, and its own modules.

    `folder` is the one that the file or directory lies in.

    `warning` is there when the file is from another version of its library.
    """

    estimator: Callable[[], Any]
    directory: Any
    code: Any
    warning: str | None
    folder: Path


@contextmanager
def opened(
    path: Path, code: Sequence[str], consent: tuple[Sequence[str], bool]
) -> Iterator[Opened]:
    """What there is to read; while it is entered, the model's own modules can be imported.

    `consent` are the types that are trusted, and whether pickles are.

    Raises:
        InvalidInput: `code` cannot be imported; or whatever is done meanwhile fails, with a
            file from another version of scikit-learn.
    """
    # Libraries take seconds to import; who asks for help need not wait for them.
    from serve_app.models.code import read_code
    from serve_app.models.files import kind_of, read_model
    from serve_app.models.mlflow_directory import MlflowDirectory
    from serve_app.models.own_modules import importable
    from serve_app.models.quarantine import Suspect, limits_here, try_out
    from serve_app.models.versions import compared, trained_with, version_named_first

    trust, allow_pickle = consent
    directory = MlflowDirectory(path) if path.is_dir() else None
    own = read_code([Path(one) for one in code])
    if directory is not None and not own:
        own = _consented(directory.code(), trust, allow_pickle=allow_pickle)
    trained = trained_with(path) if directory is None else directory.trained_with()
    trusted = [*trust, *(f"{module}.*" for module in own.modules)]

    def estimator() -> Any:
        kind, file = (kind_of(path), path) if directory is None else directory.artifact()
        if kind is not None and (kind != "pickle" or allow_pickle):
            suspect = Suspect(file, kind, trusted, allow_pickle, own)
            try_out(suspect, limits_here())
        if directory is not None:
            return directory.estimator(trust=trusted, allow_pickle=allow_pickle)
        return read_model(path, trust=trusted, allow_pickle=allow_pickle)

    with importable(own), version_named_first(str(path), trained):
        yield Opened(estimator, directory, own, compared(str(path), trained), path.resolve().parent)


def _consented(code: Any, trust: Sequence[str], *, allow_pickle: bool) -> Any:
    """The modules in an MLflow directory, where somebody said that code may run."""
    from serve_app.models.code import NONE

    named = {name.partition(".")[0] for name in trust} & set(code.modules)
    return code if allow_pickle or named else NONE

"""Modules of a model's own: the files that `--code` and MLflow's `code_paths` name.

They lie in a version under `code/`, are written into a folder that is nobody else's when the
version is loaded, and are found by imports from there (`models/own_modules.py`).
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from serve_app.errors import InvalidInput

FOLDER = "code/"
MOST_FILES = 2000
MOST_BYTES = 64 * 1024 * 1024
_LEFT_OUT = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class Code:
    """Files by their path in the folder that imports look in: `my_module.py`."""

    files: Mapping[str, bytes]

    def __bool__(self) -> bool:
        return bool(self.files)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all paths and bytes."""
        total = hashlib.sha256()
        for path in sorted(self.files):
            total.update(f"{path}\0{len(self.files[path])}\0".encode())
            total.update(self.files[path])
        return total.hexdigest()

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Where imports look: the folder itself, and those in it that are no packages."""
        tops = {path.partition("/")[0] for path in self.files if "/" in path}
        return ("", *sorted(top for top in tops if f"{top}/__init__.py" not in self.files))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """The names that can be imported, without those in packages."""
        entries = set()
        for path in self.files:
            for folder in self.folders:
                if path.endswith(".py") and path.startswith(folder and f"{folder}/"):
                    entries.add(path.removeprefix(folder and f"{folder}/").split("/")[0])
        names = {name.removesuffix(".py") for name in entries}
        return tuple(sorted(name for name in names if _may_be_called(name)))

    def stored(self) -> dict[str, bytes]:
        """The files by their path in a version."""
        return {FOLDER + path: content for path, content in self.files.items()}


NONE = Code({})


def of_version(files: Mapping[str, bytes]) -> Code:
    """The code among the files of a version."""
    by_path = {path.removeprefix(FOLDER): content for path, content in files.items()}
    return Code({path: by_path[path] for path in by_path if FOLDER + path in files})


def read_code(paths: Sequence[Path]) -> Code:
    """The modules that files and folders hold.

    Raises:
        InvalidInput: there is nothing to import in one of them, there is too much, two have
            the same name, or one has the name of a module of Python's or of this program's.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        added = dict(_files(path.resolve()))
        if not any(name.endswith(".py") for name in added):
            raise InvalidInput(f"{path} holds no Python module (a file named .py)")
        twice = sorted(files.keys() & added.keys())
        if twice:
            raise InvalidInput(f"{path} and another --code both hold {twice[0]}; give one of them")
        files.update(added)
    _check_syntax(files)
    code = Code(files)
    for path in paths:
        _require_free(path)
    return code


def _check_syntax(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if name.endswith(".py"):
            try:
                ast.parse(content, name)
            except (SyntaxError, ValueError) as error:
                raise InvalidInput(f"--code: {name} is no Python: {error}") from None


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_file():
        yield path.name, path.read_bytes()
        return
    count, size = 0, 0
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if name[0] != "." and name not in _LEFT_OUT)
        for name in sorted(names):
            file = Path(folder, name)
            if name.startswith(".") or file.suffix == ".pyc" or not file.is_file():
                continue
            count, size = count + 1, size + file.stat().st_size
            if count > MOST_FILES or size > MOST_BYTES:
                msg = (
                    f"{path} holds more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB; name "
                    "the modules that the model needs, and not all that lies beside them"
                )
                raise InvalidInput(msg)
            yield file.relative_to(path.parent).as_posix(), file.read_bytes()


def _require_free(path: Path) -> None:
    name = path.resolve().stem if path.is_file() else path.resolve().name
    if not name.isidentifier():
        msg = f"{path} cannot be imported by its name; give it one of letters, digits and _"
        raise InvalidInput(msg)
    if not _may_be_called(name):
        raise InvalidInput(f"{path} has the name of a module that is in use here; rename it")


def _may_be_called(name: str) -> bool:
    """Whether a module of somebody's own may have a name: none of Python's, nor of libraries'."""
    if name in sys.stdlib_module_names or name == "serve_app" or not name.isidentifier():
        return False
    known = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" not in Path(known).parts

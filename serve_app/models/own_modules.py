"""Imports the modules that a version brought, for that version alone.

In a replica there is one version, and its modules are found like any others. In a process
with several (the gateway computes inline, `models verify` loads all), two may bring other
modules of the same name. The first keeps the name in `sys.modules`; the modules of the others
are there while such a version is loaded, and after that whenever one of its own modules
imports another, which goes by an `__import__` of its own.
"""

from __future__ import annotations

import atexit
import builtins
import importlib
import shutil
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from serve_app.models.code import Code

_lock = threading.RLock()
_homes: dict[str, Path] = {}
_modules: dict[str, dict[str, ModuleType]] = {}
_owners: dict[str, str] = {}


@contextmanager
def importable(code: Code) -> Iterator[None]:
    """Let imports find the modules of a code, and of no other, while this is entered.

    Afterwards they stay where no others of their names were before, else those come back.
    A code without modules finds none, and so nobody else's either.
    """
    with _lock:
        if set(_owners.values()) == ({code.digest} if code else set()):
            yield
            return
        owners = dict(_owners)
        before = _taken({*code.modules, *owners})
        finders = _finders()
        _owners.clear()
        _owners.update(dict.fromkeys(code.modules, code.digest))
        sys.modules.update(_modules.get(code.digest, {}))
        own_finders = [_Finder(code, _home(code))] if code else []
        sys.meta_path[:] = [*own_finders, *_others(finders)]
        try:
            yield
        finally:
            _modules[code.digest] = own = _taken(code.modules)
            named = {name.partition(".")[0] for name in before}
            stays = named.isdisjoint(code.modules)
            mine = [one for one in _finders() if stays]
            sys.meta_path[:] = [*mine, *finders, *_others(_finders())]
            sys.modules.update({**before, **(own if stays else {})})
            if not stays:
                _owners.clear()
            _owners.update(owners)


def _finders() -> list[_Finder]:
    return [one for one in sys.meta_path if isinstance(one, _Finder)]


def _others(finders: list[_Finder]) -> list[Any]:
    return [one for one in sys.meta_path if one not in finders]


class _Finder:
    """Finds the modules of one code, and says so before anybody else is asked."""

    def __init__(self, code: Code, home: Path) -> None:
        self.code = code
        self._folders = [str(home / folder) for folder in code.folders]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if it is one of the code's."""
        if name.partition(".")[0] not in self.code.modules:
            return None
        spec = PathFinder.find_spec(name, self._folders if path is None else path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self.code)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module of a code with an `__import__` that finds its own neighbours."""

    def __init__(self, name: str, path: str, code: Code) -> None:
        super().__init__(name, path)
        self._code = code

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        super().exec_module(module)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as Python calls it
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        whole = str((globals or {}).get("__package__")) if level else name
        top = whole.partition(".")[0]
        if top not in self._code.modules and top not in _owners:
            return builtins.__import__(name, globals, locals, fromlist, level)
        with importable(self._code):
            return builtins.__import__(name, globals, locals, fromlist, level)


def _taken(names: Collection[str]) -> dict[str, ModuleType]:
    """All modules of those names and below, taken out of those that are loaded."""
    loaded = [name for name in list(sys.modules) if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in loaded}


def _home(code: Code) -> Path:
    """The folder that the files of a code were written into, for this process alone."""
    home = _homes.get(code.digest)
    if home is None:
        home = Path(tempfile.mkdtemp(prefix="serve-app-code-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        for path, content in code.files.items():
            file = home / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        importlib.invalidate_caches()
        _homes[code.digest] = home
    return home

"""Modules of this package with all that they import, under another package's name.

Which ones are needed is found by reading their imports, so that a new import is not forgotten.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import serve_app
from serve_app.errors import ConfigError

ROOT = Path(serve_app.__file__).parent
ALLOWED = frozenset({"numpy", "onnxruntime"})
"""What a device may be asked to install."""
RUNTIME = "_runtime"
"""The folder of a wheel's package in which the modules stand."""
_OURS = "serve_app"
_IMPORT = re.compile(rf"^(\s*(?:from|import)\s+){_OURS}\b", re.MULTILINE)


def vendored(modules: Iterable[str], package: str) -> dict[str, bytes]:
    """The sources of modules and of all that they import, by path below the package.

    Raises:
        ConfigError: one needs a library that devices do not have, or has no source here.
    """
    files: dict[str, bytes] = {}
    target = f"{package}.{RUNTIME}"
    for name in sorted(closure(modules)):
        path = _file(name)
        if path.name == "__init__.py":
            continue
        text = _IMPORT.sub(rf"\g<1>{target}", path.read_text(encoding="utf-8"))
        _check(name, text)
        files[f"{RUNTIME}/{path.relative_to(ROOT).as_posix()}"] = text.encode()
    # What the packages themselves import is for servers; devices need the folders alone.
    folders = {parent for file in files for parent in Path(file).parents if parent != Path()}
    version = serve_app.__version__
    for folder in folders:
        words = f'"""Parts of serve-app {version}, under the Apache License, Version 2.0."""\n'
        files[f"{folder.as_posix()}/__init__.py"] = words.encode()
    return files


def closure(modules: Iterable[str]) -> set[str]:
    """The modules with all of ours that they import, and what those import."""
    needed: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(_imports(name))
    return needed


def modules_of(package: str) -> list[str]:
    """All modules that lie in one of our packages."""
    folder = ROOT.joinpath(*package.split(".")[1:])
    return [f"{package}.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"]


@cache
def _imports(name: str) -> tuple[str, ...]:
    path = _file(name)
    if path.name == "__init__.py":
        return ()
    ours: list[str] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [one for one in inner if _source(one) is not None]
            ours.extend(modules if len(modules) == len(inner) else [str(node.module), *modules])
        elif isinstance(node, ast.Import):
            ours.extend(alias.name for alias in node.names if _is_ours(alias.name))
    return tuple(ours)


def _is_ours(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == _OURS


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _check(name: str, text: str) -> None:
    for node in _running(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            imported = [node.module or ""]
        elif isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        else:
            continue
        for module in imported:
            top = module.partition(".")[0]
            if top == _OURS or (
                f".{RUNTIME}" not in module
                and top not in sys.stdlib_module_names
                and top not in ALLOWED
            ):
                msg = f"{name} imports {module}, which devices do not have"
                raise ConfigError(msg)


def _file(name: str) -> Path:
    path = _source(name)
    if path is None:
        msg = f"the source of {name} is not installed; install serve-app from its wheel"
        raise ConfigError(msg)
    return path


def _source(name: str) -> Path | None:
    place = ROOT.joinpath(*name.split(".")[1:])
    module, package = place.with_suffix(".py"), place / "__init__.py"
    return module if module.is_file() else package if package.is_file() else None

"""Modules that a stored model needs and that belong to no installed library."""

from __future__ import annotations

import pickletools
import sys
import sysconfig
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_PYTHON = Path(sysconfig.get_path("stdlib"))


def of_types(names: Sequence[str]) -> tuple[str, ...]:
    """The modules outside of libraries that types are of, by the first part of their names."""
    return _outside({name.partition(".")[0] for name in names})


def of_pickle(content: bytes) -> tuple[str, ...]:
    """The modules outside of libraries that a pickle names."""
    words = {
        str(argument).partition(" ")[0].partition(".")[0]
        for _, argument, _ in pickletools.genops(content)
        if isinstance(argument, str)
    }
    return _outside(words)


def missing(names: Sequence[str], *, who: str = "the version") -> str:
    """What to say of a version whose modules are not here."""
    listed = ", ".join(map(repr, names))
    first = names[0].partition(".")[0]
    return (
        f"{who} needs the module{'s' if len(names) > 1 else ''} {listed}, which cannot be "
        f"imported here: register it again with --code {first}.py (or the folder {first}), "
        "install it on every node, or name the folder that holds it in PYTHONPATH when the "
        "cluster is started"
    )


def are_missing(names: Sequence[str]) -> list[str]:
    """Those of the modules that cannot be found here."""
    return [name for name in names if name not in sys.modules and find_spec(name) is None]


def _outside(tops: set[str]) -> tuple[str, ...]:
    loaded = {top: sys.modules[top] for top in tops if top in sys.modules}
    return tuple(sorted(top for top, module in loaded.items() if not _is_installed(module)))


def _is_installed(module: ModuleType) -> bool:
    if module.__name__ in sys.stdlib_module_names or module.__name__ in ("__main__", "serve_app"):
        return True
    places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
    return any(_is_library(Path(place)) for place in places if place)


def _is_library(place: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(place.parts)) or _PYTHON in place.parents

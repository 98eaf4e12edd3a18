"""Whether a skops file holds nothing but types that are known to be harmless, or trusted.

A type that is not in `models/reviewed.py` needs a person's word: `--trust module.Type`.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
import zipfile
from collections.abc import Sequence

import skops.io

from serve_app.errors import InvalidInput
from serve_app.models import distributions
from serve_app.models.reviewed import TRUSTED as STOCK
from serve_app.models.trusted_extras import BOOSTERS, IMBALANCED

TRUSTED = STOCK | BOOSTERS | IMBALANCED
_LIBRARIES = ("sklearn.", "numpy.", "scipy.", "pandas.", "xgboost.", "lightgbm.", "imblearn.")
PICKLE = (
    "a pickle can hold it (cloudpickle.dump into model.pkl, and --allow-pickle; loading a pickle "
    "can run any code)"
)


def require_trusted(holder: str, content: bytes, trust: Sequence[str]) -> tuple[str, ...]:
    """The types that a skops file asks about, all of which are trusted; `trust` names more.

    `holder` says where they are; `package.*` in `trust` stands for all of a package.

    Raises:
        InvalidInput: there are types that nobody trusts, or that skops cannot load; names them.
    """
    types = set(skops.io.get_untrusted_types(data=content))
    _require_loadable(holder, sorted(types))
    _require_modules(holder, sorted(types))
    unknown = {name for name in types - TRUSTED if not _named(name, trust)}
    if unknown:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            unknown -= distributions.harmless(file, unknown)
    _require_in_libraries(holder, sorted(unknown))
    if unknown:
        listed = " ".join(f"--trust {name}" for name in sorted(unknown))
        msg = (
            f"{holder} holds types that are not known to be harmless: "
            f"{', '.join(sorted(unknown))}; if you trust their code, add {listed} "
            f"(from Python: trust={sorted(unknown)})"
        )
        raise InvalidInput(msg, types=sorted(unknown))
    return tuple(sorted(types))


def _named(name: str, trust: Sequence[str]) -> bool:
    wholes = (one[:-1] for one in trust if one.endswith(".*"))
    return name in trust or any(name.startswith(whole) for whole in wholes)


def _require_loadable(holder: str, names: Sequence[str]) -> None:
    """Refuse what no word of trust would make loadable.

    Raises:
        InvalidInput: a type has no name that can be imported; says what to do.
    """
    script = [name for name in names if name.startswith("__main__.") and "<" not in name]
    if script:
        msg = (
            f"{holder} holds {', '.join(script)}, which was defined in a script or a notebook and "
            f"is nowhere else: move it into a module, store the model again and add "
            f"--code that_module.py; or else {PICKLE}"
        )
        raise InvalidInput(msg, types=list(names))
    local = [name for name in names if "<" in name or name == "builtins.method_descriptor"]
    if local:
        msg = (
            f"{holder} holds {', '.join(local)}, which has no name that can be imported (a lambda, "
            "a function in a function, a method such as str.lower): move it into a module, or "
            f"else {PICKLE}"
        )
        raise InvalidInput(msg, types=list(names))


def _require_in_libraries(holder: str, names: Sequence[str]) -> None:
    """Refuse types that a library here does not have, or has no more.

    Raises:
        InvalidInput: names the types.
    """
    gone = [name for name in names if name.startswith(_LIBRARIES) and not _is_in_library(name)]
    if gone:
        msg = f"{holder} holds types that the libraries here do not have: {', '.join(gone)}"
        raise InvalidInput(msg, types=gone)


def _is_in_library(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ImportError:
        # The method of a class is no module, and is not found here.
        return "." in module and _is_in_library(module)


def _require_modules(holder: str, names: Sequence[str]) -> None:
    """Refuse a file whose modules are not here: no word of trust would bring them.

    Raises:
        InvalidInput: names the modules.
    """
    # The first parts alone: to look for what is inside a package would import it.
    tops = sorted({name.partition(".")[0] for name in names})
    missing = [top for top in tops if not _is_here(top)]
    if missing:
        raise InvalidInput(f"{holder} {needs(missing)}", modules=missing)


def _is_here(module: str) -> bool:
    if module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def needs(modules: Sequence[str]) -> str:
    """What to do where modules are missing, for the end of a sentence about who needs them."""
    if all(_is_here(module.partition(".")[0]) for module in modules):
        return f"needs {', '.join(modules)}, which what is installed here does not have"
    many = len(modules) > 1
    listed = ", ".join(repr(module) for module in modules)
    first = modules[0].partition(".")[0]
    return (
        f"needs the module{'s' if many else ''} {listed}, which {'are' if many else 'is'} not "
        f"here: add --code {first}.py (or the folder {first}), install it, or name the folder "
        "that holds it in PYTHONPATH"
    )

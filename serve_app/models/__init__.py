"""How to compute? One file per flavour; only here are model libraries imported.

To add a flavour: write its module with a class that fits `models.flavour.Flavour`, and
name it here. `tests/contract/test_models.py` shows what it must hold.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models.flavour import Flavour

FLAVOURS = {
    "catboost": "serve_app.models.catboost:CatBoostFlavour",
    "lightgbm": "serve_app.models.lightgbm:LightGBMFlavour",
    "onnx": "serve_app.models.onnx:OnnxFlavour",
    "sklearn": "serve_app.models.sklearn:SklearnFlavour",
    "xgboost": "serve_app.models.xgboost:XGBoostFlavour",
}
OPTIONAL = frozenset({"catboost", "lightgbm"})
"""Flavours whose library is an extra of that name."""


def resolve(flavour: str) -> Flavour:
    """The flavour of that name, imported now.

    Raises:
        ArtifactRejected: there is none, or its library is not installed.
    """
    if flavour not in FLAVOURS:
        msg = f"the flavour {flavour!r} is not known here; flavours: {', '.join(FLAVOURS)}"
        raise ArtifactRejected(msg)
    name = FLAVOURS[flavour].partition(":")[2]
    made: Flavour = getattr(module_of(flavour), name)()
    return made


def module_of(flavour: str) -> Any:
    """The module of a flavour, imported now.

    Raises:
        ArtifactRejected: its library is an extra that is not installed.
    """
    try:
        return import_module(FLAVOURS[flavour].partition(":")[0])
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        msg = f'{error.name} is not installed here: pip install "serve-app[{error.name}]"'
        raise ArtifactRejected(msg) from error


def owner(estimator: Any) -> tuple[str, Flavour]:
    """The flavour that an estimator belongs to, by name.

    Raises:
        InvalidInput: none can serve it.
    """
    owned = owner_if_any(estimator)
    if owned is not None:
        return owned
    msg = (
        f"a {type(estimator).__name__} cannot be served: it has neither predict nor transform; "
        "register a fitted model of scikit-learn, XGBoost, LightGBM or CatBoost, or an ONNX graph"
    )
    raise InvalidInput(msg)


def owner_if_any(estimator: Any) -> tuple[str, Flavour] | None:
    """The flavour that an estimator belongs to, by name; None where none can serve it."""
    library = type(estimator).__module__.partition(".")[0]
    # Who brings an estimator of an optional library has it; nobody else's model needs its import.
    candidates = [name for name in FLAVOURS if name == library or name not in OPTIONAL]
    for name in sorted(candidates, key=lambda name: name != library):
        flavour = resolve(name)
        if flavour.owns(estimator):
            return name, flavour
    return None

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
    "onnx": "serve_app.models.onnx:OnnxFlavour",
    "sklearn": "serve_app.models.sklearn:SklearnFlavour",
    "xgboost": "serve_app.models.xgboost:XGBoostFlavour",
}


def resolve(flavour: str) -> Flavour:
    """The flavour of that name, imported now.

    Raises:
        ArtifactRejected: there is none.
    """
    if flavour not in FLAVOURS:
        msg = f"the flavour {flavour!r} is not known here; flavours: {', '.join(FLAVOURS)}"
        raise ArtifactRejected(msg)
    module, _, name = FLAVOURS[flavour].partition(":")
    made: Flavour = getattr(import_module(module), name)()
    return made


def owner(estimator: Any) -> tuple[str, Flavour]:
    """The flavour that an estimator belongs to, by name.

    Raises:
        InvalidInput: none can serve it.
    """
    library = type(estimator).__module__.partition(".")[0]
    for name in sorted(FLAVOURS, key=lambda name: name != library):
        flavour = resolve(name)
        if flavour.owns(estimator):
            return name, flavour
    msg = (
        f"a {type(estimator).__name__} cannot be served: it has neither predict nor transform; "
        "register a fitted scikit-learn or XGBoost model, or an ONNX graph"
    )
    raise InvalidInput(msg)

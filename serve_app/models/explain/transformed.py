"""From which columns a registered transformer makes the features that models behind it take."""

from __future__ import annotations

from serve_app.core.explanation import Origins
from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.errors import InvalidInput
from serve_app.models.explain.origins import origins_of
from serve_app.models.sklearn import SklearnModel


def origins_in(own: Model | None, signature: Signature) -> Origins:
    """The column of each feature that a transformer gives.

    Raises:
        InvalidInput: it is no transformer that is known here, or makes a feature of several.
    """
    names = signature.names
    if isinstance(own, SklearnModel) and signature.output.kind == "transform":
        places = origins_of(own.estimator, len(names))
        made = [column.name for column in signature.output.columns]
        if places is not None and len(places) == len(made):
            pairs = zip(made, places, strict=True)
            return Origins({feature: names[place] for feature, place in pairs})
    raise InvalidInput("nobody knows of which columns the features of this version are made")

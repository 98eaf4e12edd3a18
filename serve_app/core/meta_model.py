"""The model that answers by what the members of an ensemble said, and the rows that it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.former_snapshots import stated
from serve_app.core.reference import declared_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serve_app.core.columns import Array
    from serve_app.core.messages import Prediction

Part = Literal["column", "probability", "score", "value"]
"""What a column of a meta-model holds: one of the rows, or what a member said of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column of the meta-model comes from, and as which dtype it is handed over.

    `version` is the member, None where it is a column of the rows that members are shown; `place`
    says which of several that it gives. `feature` names it wherever the meta-model has no name.
    """

    name: str
    dtype: str
    part: Part
    feature: str
    version: str | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class MetaModel:
    """The version that answers by what the members of an ensemble said.

    `inline` says whether the gateway computes it; `labels` are its classes in its own order,
    `sources` where each of its columns comes from. `alias` is the one of its model that the
    declaration names it by, if it does.
    """

    version: str
    inline: bool
    labels: tuple[Any, ...] = ()
    sources: tuple[Source, ...] = ()
    alias: str | None = None

    @property
    def declared(self) -> str:
        """The reference as the declaration writes it."""
        return declared_as(self.version, self.alias)

    def scored(self) -> frozenset[str]:
        """The members of which it takes raw scores."""
        return frozenset(
            one.version for one in self.sources if one.part == "score" and one.version is not None
        )

    def to_json(self) -> dict[str, Any]:
        """The meta-model as JSON values."""
        body = {**asdict(self), "labels": list(self.labels)}
        body["sources"] = [asdict(one) for one in self.sources]
        return stated(body)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> MetaModel:
        """Read what `to_json` wrote."""
        return cls(
            body["version"],
            body["inline"],
            tuple(body["labels"]),
            tuple(Source(**one) for one in body["sources"]),
            body.get("alias"),
        )


def meta_rows(
    sources: Sequence[Source], predictions: Mapping[str, Prediction], shown: Columns
) -> Columns:
    """The rows of a meta-model, from what each member said of the rows that were shown to them.

    Raises:
        KeyError: a member or a column is not there.
    """
    names = tuple(source.name for source in sources)
    arrays = [_array(source, predictions, shown) for source in sources]
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) == 1 and dtypes.pop().kind == "f" and all(one.ndim == 1 for one in arrays):
        block = np.empty((shown.rows, len(arrays)), dtype=arrays[0].dtype)
        for place, array in enumerate(arrays):
            block[:, place] = array
        return Columns.from_block(names, block)
    return Columns(names, arrays, None, shown.rows)


def _array(source: Source, predictions: Mapping[str, Prediction], shown: Columns) -> Array:
    if source.version is None:
        return shown[source.feature]
    prediction, place = predictions[source.version], source.place
    part = {
        "probability": prediction.probabilities,
        "score": prediction.scores,
        "value": prediction.values,
    }[source.part]
    if part is None:
        raise KeyError(f"{source.version} gave no {source.part}")
    array: Array = part if place is None else part[:, place]
    if source.dtype == "string":
        return array.astype(object, copy=False)
    # What has one value per row may come as a column.
    return array.reshape(len(array)).astype(source.dtype, copy=False)

"""How the monitor watches for concept drift: a change in how often answers are wrong."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from serve_app.config.base import Frozen

DetectorName = Annotated[str, Field(min_length=1, max_length=50)]


class ConceptArgs(Frozen):
    """Which detectors watch the errors of labelled rows; all of it has defaults.

    `detectors` are chosen by name, those of the documentation where that is None, none where the
    list is empty; `settings` are theirs, by name. Rows are watched in the order of their
    predictions, so that they wait until labels of earlier ones are expected no more:
    `labels_within_s` after the prediction, by how late labels came so far where that is None. A
    change is wrong for `stands_s` seconds.
    """

    detectors: tuple[DetectorName, ...] | None = None
    settings: dict[DetectorName, dict[str, bool | int | float | str]] = Field(default={})
    labels_within_s: PositiveFloat | None = None
    stands_s: PositiveFloat = 86_400.0

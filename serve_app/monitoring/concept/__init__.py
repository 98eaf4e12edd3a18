"""Has the truth come to depend on the inputs in another way? Detectors that watch the errors.

One class per detector, named in `DETECTORS` and imported when chosen: the library behind them,
river, takes seconds to import. To add one: a class that fits `detector.Detector`, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serve_app.core.places import standing_at
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from serve_app.monitoring.concept.detector import Detector

DETECTORS = {
    "adwin": "serve_app.monitoring.concept.river_detectors:Adwin",
    "ddm": "serve_app.monitoring.concept.river_detectors:Ddm",
    "eddm": "serve_app.monitoring.concept.river_detectors:Eddm",
    "hddm_a": "serve_app.monitoring.concept.river_detectors:HddmA",
    "hddm_w": "serve_app.monitoring.concept.river_detectors:HddmW",
    "page_hinkley": "serve_app.monitoring.concept.river_detectors:PageHinkley",
}
"""Detector to the place of its class, `module:Name`."""
DEFAULT_DETECTORS = ("adwin", "page_hinkley")
"""Those that watch where nobody chose others: the others raise false alarms on long streams."""


def detector_named(name: str, settings: Mapping[str, float | int | str | bool]) -> Detector:
    """A new detector of that name.

    Raises:
        ConfigError: there is none, it has no such setting, or its library is not installed.
    """
    place = DETECTORS.get(name)
    if place is None:
        known = ", ".join(DETECTORS)
        raise ConfigError(f"there is no drift detector {name!r}; there are {known}")
    try:
        kind = standing_at(place)
    except ModuleNotFoundError as error:
        if error.name != "river":
            raise
        msg = f"the drift detector {name!r} needs river: pip install 'serve-app[monitor]'"
        raise ConfigError(msg) from error
    detector: Detector = kind(settings)
    return detector

"""What deliveries are like, and which of them are late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Place = Literal["town", "motorway"]
"""Where the warehouse is: vans from the motorway drive further, and faster."""
LATE, ON_TIME = "late", "on time"
_FACTOR = {"town": 1.0, "motorway": 1.8}
_MINUTES_PER_KM = 2.4
_PROMISED_MIN = 45.0
_NOISE_MIN = 6.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: what is known when the van leaves, and how it turned out."""

    row: dict[str, Any]
    outcome: str


class World:
    """Deliveries by their numbers: the same for the same seed, number and place."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def delivery(self, number: int, place: Place) -> Delivery:
        """One delivery.

        A van takes 2.4 minutes a kilometre in town, and so many less as ways are longer from the
        motorway; two for each parcel, up to 15 for rain; the driver's experience saves some. Late
        is what took longer than 45 minutes.
        """
        rng = np.random.default_rng([self._seed, number])
        near_km, parcels = rng.gamma(4.0, 3.5), int(rng.integers(1, 9))
        rain_mm = max(0.0, float(rng.normal(1.0, 2.0)))
        experience_years = float(rng.gamma(2.0, 2.0))
        noise_min = rng.normal(0.0, _NOISE_MIN)
        minutes = (
            _MINUTES_PER_KM * near_km + 2.0 * parcels + min(15.0, 4.0 * rain_mm)
            - min(10.0, 1.5 * experience_years) + noise_min
        )  # fmt: skip
        row = {
            "distance_km": round(float(near_km) * _FACTOR[place], 2),
            "parcels": float(parcels),
            "rain_mm": round(rain_mm, 2),
            "experience_years": round(experience_years, 2),
        }
        return Delivery(row, LATE if minutes > _PROMISED_MIN else ON_TIME)

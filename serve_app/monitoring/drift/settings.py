"""What counts as drift: thresholds, levels and how many rows a verdict needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from serve_app.errors import ConfigError
from serve_app.monitoring.drift.distances import DISTANCES

Kind = Literal["numbers", "categories"]
Test = Literal["chi_square", "psi", "kolmogorov_smirnov"]


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """When a feature drifted, and when that is an alarm.

    A feature drifted in a window if its distance is at least the threshold *and* that is
    significant at `alpha` after Benjamini and Hochberg's adjustment over all features. An
    alarm stands while `alarm_windows` of the last `of_windows` judged windows say so.

    Raises:
        ConfigError: A name or a number that cannot be.
    """

    number_distance: str = "psi"
    """The distance by which numbers are judged."""
    category_distance: str = "jensen_shannon"
    """The distance by which categories are judged: rare ones hardly move it, unlike PSI."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Thresholds in place of the distances' own, by the distance's name."""
    test: Test = "chi_square"
    """The test of significance; categories take chi-square where KS is chosen."""
    alpha: float = 0.01
    """The level of significance."""
    alarm_windows: int = 2
    of_windows: int = 3
    rows_per_bin: int = 20
    """Rows of the reference that a cell holds, and rows that a window needs per cell."""
    minimum_rows: int | None = None
    """Rows that a window needs, in place of `rows_per_bin` per cell and at least 100."""
    minimum_rate_rows: int = 100
    """Rows that a window needs before rates of missing and strange values are judged."""
    missing_threshold: float = 0.05
    """How much the share of missing values may change, in either direction."""
    out_of_range_threshold: float = 0.02
    """How much the share of numbers beyond the reference's range may grow."""
    unseen_threshold: float = 0.02
    """How much the share of categories that the reference has not may grow."""
    floor: float | None = None
    """The smallest share of a bin in PSI; None is Laplace's, which suits all sizes."""

    def __post_init__(self) -> None:
        self._check_names()
        shares = ("alpha", "missing_threshold", "out_of_range_threshold", "unseen_threshold")
        for name in shares:
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not at {value}")
        for name in ("alarm_windows", "rows_per_bin", "minimum_rate_rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.minimum_rows is not None and self.minimum_rows < 1:
            raise ConfigError(f"minimum_rows must be at least 1, not {self.minimum_rows}")
        if self.of_windows < self.alarm_windows:
            raise ConfigError(
                f"{self.alarm_windows} of the last {self.of_windows} windows can never say so:"
                " of_windows must be at least alarm_windows"
            )
        if self.floor is not None and not 0 <= self.floor < 1:
            raise ConfigError(f"floor must be at least 0 and below 1, not {self.floor}")

    def _check_names(self) -> None:
        for name in (self.number_distance, self.category_distance, *self.thresholds):
            if name not in DISTANCES:
                raise ConfigError(f"unknown distance {name!r}: known are {', '.join(DISTANCES)}")
        if not DISTANCES[self.number_distance].numbers:
            raise ConfigError(f"{self.number_distance} does not apply to numbers")
        if not DISTANCES[self.category_distance].categories:
            raise ConfigError(f"{self.category_distance} does not apply to categories")
        if self.test not in get_args(Test):
            raise ConfigError(f"unknown test {self.test!r}: known are {', '.join(get_args(Test))}")
        for name, value in self.thresholds.items():
            if not value > 0:
                raise ConfigError(f"the threshold of {name} must be above 0, not {value}")

    @classmethod
    def of(cls, *chosen: Mapping[str, Any]) -> DriftSettings:
        """The settings that several choices make: later ones stand, thresholds one by one.

        Raises:
            ConfigError: A name or a number that cannot be, alone or beside another.
        """
        merged: dict[str, Any] = {}
        for one in chosen:
            known, own = merged.get("thresholds", {}), one.get("thresholds", {})
            merged = {**merged, **one, "thresholds": {**known, **own}}
        return cls(**merged)

    def distance(self, kind: Kind) -> str:
        """The distance by which a kind of feature is judged."""
        return self.number_distance if kind == "numbers" else self.category_distance

    def threshold(self, distance: str) -> float:
        """From which value on a distance counts."""
        return self.thresholds.get(distance, DISTANCES[distance].threshold)

    def needed_rows(self, cells: int) -> int:
        """How many rows a window needs before a feature of so many cells is judged."""
        if self.minimum_rows is not None:
            return self.minimum_rows
        return max(100, self.rows_per_bin * cells)

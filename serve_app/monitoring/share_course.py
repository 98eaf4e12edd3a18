"""The shares of a bandit's arms as they changed, few enough points to be kept and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 200
LEAST_APART_S = 60.0


@dataclass(frozen=True, slots=True)
class SharePoint:
    """The shares of all arms from a time on, in seconds since 1970."""

    at_s: float
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ShareCourse:
    """Points in the order of time; each stands until the next one.

    Of more than `MOST_POINTS` every second one is let go, and then new ones are as far apart.
    """

    points: tuple[SharePoint, ...] = ()

    def after(self, at_s: float, shares: Mapping[str, float]) -> ShareCourse:
        """With what the shares are from then on; the same where that says nothing new yet."""
        if not self.points:
            return ShareCourse((SharePoint(at_s, dict(shares)),))
        last, span_s = self.points[-1], at_s - self.points[0].at_s
        apart_s = max(LEAST_APART_S, span_s / MOST_POINTS)
        same_arms = last.shares.keys() == shares.keys()
        if last.shares == shares or (same_arms and 0 <= at_s - last.at_s < apart_s):
            return self
        # After a clock was set back the order of times begins anew.
        kept = tuple(one for one in self.points if one.at_s < at_s)
        if len(kept) >= MOST_POINTS:
            kept = kept[::2]
        return ShareCourse((*kept, SharePoint(at_s, dict(shares))))

    def of(self, arm: str) -> list[dict[str, float]]:
        """The points of one arm as JSON values."""
        return [
            {"at_s": one.at_s, "share": one.shares[arm]} for one in self.points if arm in one.shares
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """The points as JSON values."""
        return [{"at_s": one.at_s, "shares": dict(one.shares)} for one in self.points]

    @classmethod
    def from_json(cls, points: list[dict[str, Any]] | None) -> ShareCourse:
        """Read what `to_json` wrote; None is a course without a point."""
        return cls(tuple(SharePoint(one["at_s"], one["shares"]) for one in points or ()))

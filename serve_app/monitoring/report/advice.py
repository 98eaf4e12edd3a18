"""What a kind of finding asks people to do, and where the runbook has more."""

from __future__ import annotations

RUNBOOK = "docs/runbook.md"
ADVICE = {
    "drift": "Look below at what moved. If whoever sends the rows changed a unit, a code or a "
    "source, have that mended; if the world changed, look at quality, and train anew if it fell.",
    "quality": "Compare with what changed (serve-app events), look at the segments, and give the "
    "traffic to a former version or train anew.",
    "concept": "What the rows mean has changed: the same inputs have other outcomes. Train anew "
    "with labels from after the change.",
    "estimate": "Answers are likely worse than at registration. Get labels for a sample of the "
    "newest predictions to be sure, and look at what drifted.",
    "multivariate": "The columns no longer belong together as they did. Look for joins, units or "
    "sources that changed together.",
    "outliers": "More rows than usual are like none of training. Look at some of them before you "
    "trust their answers: serve-app records query.",
    "callers": "A caller asks in a way that people rarely do. Find out who it is, and limit or "
    "close the key if nobody can explain it.",
    "attribution": "Other features decide than at registration. Compare explanations of a few "
    "rows with those of training.",
}
_HEADINGS = {"drift": "featuresdrifted", "quality": "qualitydropped"}
"""Of the others it says what to do under the heading of findings that have no alert."""
OTHERWISE = "Look at the section of this endpoint below, and at serve-app status."


def advice(kind: str) -> str:
    """What to do about a finding of a kind."""
    return ADVICE.get(kind, OTHERWISE)


def heading(kind: str) -> str:
    """The anchor of the heading under which the runbook says more."""
    return _HEADINGS.get(kind, "monitorfinding")

"""The pages of retraining: what waits for a person, and what became of each run and why."""

from __future__ import annotations

import asyncio

from serve_app.console import model_view
from serve_app.console.forms import Inquiry
from serve_app.console.rendering import Page
from serve_app.console.run_pages import NO_FOLDER
from serve_app.errors import NotFound
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.retraining.states import TERMINAL

RUNS_PER_PAGE = 25


def known(retraining: RetrainingRuns | None) -> RetrainingRuns:
    """The runs of retraining that a gateway knows.

    Raises:
        NotFound: it knows of none; says what would let it.
    """
    if retraining is None:
        raise NotFound(NO_FOLDER)
    return retraining


class RetrainingPages:
    """What the ledger of retraining has, by the calls that `serve-app retrain status` makes."""

    def __init__(self, retraining: RetrainingRuns | None) -> None:
        self._retraining = retraining

    async def approvals(self, inquiry: Inquiry) -> Page:
        """What waits for a person, and all runs, the newest first."""
        runs = self._retraining
        if runs is None:
            return Page("approvals.html", "Approvals", {"missing": NO_FOLDER})
        count = await asyncio.to_thread(runs.count)
        shown = model_view.slice_of(range(count), inquiry.query("page"), RUNS_PER_PAGE)
        first = shown.items[0] if shown.items else 0
        waiting, page, freezes = await asyncio.gather(
            asyncio.to_thread(runs.waiting),
            asyncio.to_thread(runs.page, first, RUNS_PER_PAGE),
            asyncio.to_thread(runs.freezes),
        )
        values = {
            "missing": "",
            "waiting": waiting,
            "shown": shown,
            "runs": page,
            "freezes": freezes,
            "folder": str(runs.folder),
        }
        return Page("approvals.html", "Approvals", values)

    async def retraining(self, inquiry: Inquiry) -> Page:
        """A run of retraining: where it stands, its gates, what happened, and a decision."""
        run = await asyncio.to_thread(known(self._retraining).show, inquiry.named["run"])
        values = {"run": run, "is_over": run["state"] in TERMINAL}
        return Page("retraining.html", f"Retraining {run['run']}", values)

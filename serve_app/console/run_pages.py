"""The pages of training runs: what became of each, its gates, steps, trials and errors."""

from __future__ import annotations

import asyncio
from typing import Any

from serve_app.console import model_view
from serve_app.console.forms import Inquiry
from serve_app.console.rendering import Page
from serve_app.console.trial_picture import trial_picture
from serve_app.errors import NotFound
from serve_app.lifecycle.ledger import TERMINAL, RunFilter
from serve_app.lifecycle.run_status import TrainingRuns

RUNS_PER_PAGE = 25
TRIALS_PER_PAGE = 50
NO_FOLDER = (
    "This gateway does not know where runs of training are: `admin: {runs: ./runs}` says it."
)


def runs_of(training: TrainingRuns | None) -> TrainingRuns:
    """The runs of training that a gateway knows.

    Raises:
        NotFound: it knows of none; says what would let it.
    """
    if training is None:
        raise NotFound(NO_FOLDER)
    return training


class RunPages:
    """What the ledger of a folder has, by the calls that `serve-app train status` makes."""

    def __init__(self, training: TrainingRuns | None) -> None:
        self._training = training

    async def runs(self, inquiry: Inquiry) -> Page:
        """All runs, the newest first."""
        training = self._training
        if training is None:
            return Page("runs.html", "Runs", {"missing": NO_FOLDER})
        wanted = RunFilter(inquiry.query("name").strip(), inquiry.query("state").strip().upper())
        count = await asyncio.to_thread(training.count, wanted)
        shown = model_view.slice_of(range(count), inquiry.query("page"), RUNS_PER_PAGE)
        first = shown.items[0] if shown.items else 0
        runs = await asyncio.to_thread(training.page, first, RUNS_PER_PAGE, wanted)
        values = {
            "missing": "",
            "shown": shown,
            "runs": runs,
            "wanted": wanted,
            "states": ("RUNNING", *sorted(TERMINAL)),
            "query": {
                name: text
                for name, text in (("name", wanted.text), ("state", wanted.state))
                if text
            },
            "folder": str(training.folder),
        }
        return Page("runs.html", "Runs", values, live=("live-runs",))

    async def run(self, inquiry: Inquiry) -> Page:
        """A run: how it ended and why, step by step."""
        body = await asyncio.to_thread(runs_of(self._training).show, inquiry.named["run"])
        result: dict[str, Any] = body["result"] or {}
        trials = body["trials"]
        greater = bool(result.get("greater_is_better", True))
        judged = [(one["number"], one["value"]) for one in trials if one["value"] is not None]
        values = {
            "run": body,
            "result": result,
            "is_over": body["state"] in TERMINAL,
            "shown": model_view.slice_of(trials, inquiry.query("page"), TRIALS_PER_PAGE),
            "failed": [one for one in trials if one["error"]],
            # Which way is better is known once the run has a result.
            "picture": trial_picture(judged, result["metric"], greater=greater)
            if result and judged
            else "",
        }
        live = ("live-run",) if body["state"] == "RUNNING" else ()
        return Page("run.html", f"Run {body['run']}", values, live=live)

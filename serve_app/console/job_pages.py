"""The pages of batch jobs: how far they are, which rows have no answer, and what came out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from serve_app.batch.status import ENDED
from serve_app.console import model_view
from serve_app.console.forms import Inquiry
from serve_app.console.parts import part
from serve_app.console.rendering import Page
from serve_app.errors import NotFound
from serve_app.gateway.job_calls import CHANGE
from serve_app.gateway.job_door import Jobs
from serve_app.gateway.jobs import VALUES

JOBS_PER_PAGE = 25
COUNTED_ROWS = 500
"""So many rows without an answer are counted by rule."""
SHOWN_ROWS = 10
NO_JOBS = (
    "this gateway takes no batch jobs: `jobs` in its args says below which folders they may read "
    "and write. Those of `serve-app predict --local` are listed by `serve-app jobs list`"
)


def jobs_of(jobs: Jobs | None) -> Jobs:
    """The jobs of a gateway.

    Raises:
        NotFound: it takes none; says what would let it.
    """
    if jobs is None:
        raise NotFound(NO_JOBS)
    return jobs


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that rows without an answer break: how many of those that were counted."""

    stage: str
    column: str | None
    rule: str
    expected: str
    rows: int


def rule_lines(rows: Iterable[Mapping[str, Any]]) -> list[RuleLine]:
    """The rules that rows of a quarantine break, the most frequent first; a row may break many."""
    counted: Counter[tuple[str, str | None, str, str]] = Counter()
    for row in rows:
        stage = row["stage"]
        broken = {(stage, one["column"], one["rule"], one["expected"]) for one in row["violations"]}
        counted.update(broken or {(stage, None, stage, "")})
    return [RuleLine(*rule, count) for rule, count in counted.most_common()]


class JobPages:
    """What a gateway knows of batch jobs, by the calls that `/v1/jobs` answers with."""

    def __init__(self, jobs: Jobs | None) -> None:
        self._jobs = jobs

    async def jobs(self, inquiry: Inquiry) -> Page:
        """All jobs, the newest first."""
        if self._jobs is None:
            return Page("jobs.html", "Jobs", {"missing": f"{NO_JOBS[:1].upper()}{NO_JOBS[1:]}."})
        jobs = self._jobs
        names = await asyncio.to_thread(jobs.names)
        wanted = inquiry.query("name").strip()
        matching = [one for one in names if wanted.lower() in one.lower()]
        shown = model_view.slice_of(matching, inquiry.query("page"), JOBS_PER_PAGE)
        statuses = await asyncio.to_thread(lambda: [jobs.show(name) for name in shown.items])
        values = {"missing": "", "shown": shown, "jobs": statuses, "wanted": wanted}
        return Page("jobs.html", "Jobs", values, live=("live-jobs",))

    async def job(self, inquiry: Inquiry) -> Page:
        """A job: progress, rows without an answer by rule, what went wrong."""
        name, jobs = inquiry.named["job"], jobs_of(self._jobs)
        status = await asyncio.to_thread(jobs.show, name)
        bad = asyncio.to_thread(jobs.quarantine, name, COUNTED_ROWS)
        quarantine = await part(bad, inquiry.caller, CHANGE)
        rows: Sequence[Mapping[str, Any]] = quarantine.value or ()
        may_see_values = inquiry.caller.grants.allow_everywhere(CHANGE)
        values = {
            "job": {
                key: value for key, value in status.items() if may_see_values or key not in VALUES
            },
            "is_over": status["state"] in ENDED,
            "can_resume": status["state"] in {"FAILED", "CANCELLED"},
            "has_manifest": status["state"] in {"SUCCEEDED", "SUCCEEDED_WITH_ERRORS"},
            "missing": quarantine.missing,
            "rules": rule_lines(rows),
            "counted": len(rows),
            "samples": rows[:SHOWN_ROWS],
        }
        live = () if status["state"] in ENDED else ("live-progress", "live-rows")
        return Page("job.html", f"Job {name}", values, live=live)

    async def manifest(self, inquiry: Inquiry) -> Response:
        """The manifest of a job's output, as a file."""
        name, jobs = inquiry.named["job"], jobs_of(self._jobs)
        content = await asyncio.to_thread(jobs.manifest, name)
        kept = "".join(one for one in name if one.isascii() and (one.isalnum() or one in "._-"))
        headers = {"content-disposition": f'attachment; filename="{kept}.manifest.json"'}
        return Response(content, media_type="application/json", headers=headers)

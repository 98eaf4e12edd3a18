"""The pages of the console, each of what the admin API tells."""

from __future__ import annotations

import asyncio
from collections import Counter

from serve_app.console import endpoint_view, model_view
from serve_app.console.forms import Inquiry
from serve_app.console.parts import part
from serve_app.console.profile_picture import column_picture
from serve_app.console.rendering import Page
from serve_app.control.rollouts import possible
from serve_app.core.events import Event
from serve_app.errors import ServeError
from serve_app.gateway.admin.actions import AdminActions, Json
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.monitoring.experiment.document import ExperimentReport
from serve_app.monitoring.experiment.page import content
from serve_app.monitoring.profile.profile import FeatureProfile

HISTORY = 20
EVENTS = 100
COLUMNS_PER_PAGE = 12
MODELS_PER_PAGE = 50
ENDPOINTS_PER_PAGE = 50


class ConsolePages:
    """The pages of what is declared, registered and under way, one method for each."""

    def __init__(self, actions: AdminActions, retraining: RetrainingRuns | None = None) -> None:
        self._actions = actions
        self._retraining = retraining

    async def home(self, inquiry: Inquiry) -> Page:
        """Whether anything is wrong now, and every endpoint."""
        caller = inquiry.caller
        status, loads, events, frozen, findings, rollouts = await asyncio.gather(
            self._actions.status(),
            part(self._actions.loads(), caller, "read:metrics"),
            part(self._actions.events(EVENTS, None, None), caller, "read:audit"),
            self._frozen(),
            part(self._actions.findings(None), caller, "read:metrics"),
            part(self._actions.rollouts(), caller, "read:metadata"),
        )
        wrong = Counter(one["endpoint"] for one in findings.value or ())
        waiting = status.get("waiting", {})
        endpoints = sorted(
            status["endpoints"],
            key=lambda one: (-wrong[one["name"]], one["name"] not in waiting, one["name"]),
        )
        wanted = inquiry.query("name").strip()
        matching = [one for one in endpoints if wanted.lower() in one["name"].lower()]
        shown = model_view.slice_of(matching, inquiry.query("page"), ENDPOINTS_PER_PAGE)
        return Page(
            "home.html",
            "Is anything wrong now?",
            {
                "status": status,
                "shown": shown,
                "wanted": wanted,
                "findings": findings,
                "wrong": wrong,
                "loads": loads.value or {},
                "last": endpoint_view.last_changes(events.value or ()),
                "frozen": frozen,
                "models_of": endpoint_view.models_of,
                "under_way": {one["endpoint"]: one for one in rollouts.value or ()},
                "unhealthy": [one for one in status["applications"] if one["status"] != "HEALTHY"],
            },
            live=("live-state", "live-endpoints", "live-deployments"),
        )

    async def models(self, inquiry: Inquiry) -> Page:
        """All models."""
        models = await self._actions.models()
        wanted = inquiry.query("name").strip()
        matching = [one for one in models if wanted.lower() in one["model"].lower()]
        shown = model_view.slice_of(matching, inquiry.query("page"), MODELS_PER_PAGE)
        return Page("models.html", "Models", {"shown": shown, "wanted": wanted})

    async def model(self, inquiry: Inquiry) -> Page:
        """A model: its versions, the newest first, its aliases and their moves."""
        name = inquiry.named["model"]
        model, standing, moves, frozen = await asyncio.gather(
            self._actions.model(name),
            self._actions.endpoints(),
            self._actions.aliases(name),
            self._frozen(),
        )
        shown = model_view.slice_of(model["versions"][::-1], inquiry.query("page"))
        bodies = await asyncio.gather(
            *(self._version_or_why(name, number) for number in shown.items)
        )
        places = model_view.serving(standing["endpoints"])
        lines = [
            model_view.version_line(model, number, body, places)
            for number, body in zip(shown.items, bodies, strict=True)
        ]
        return Page(
            "model.html",
            f"Model {name}",
            {
                "model": model,
                "shown": shown,
                "lines": lines,
                "metrics": model_view.metric_names(lines),
                "can_freeze": self._retraining is not None,
                "frozen": frozen.get(name),
                "moves": sorted(moves, key=lambda one: one["moved_at"], reverse=True)[:HISTORY],
            },
        )

    async def _frozen(self) -> dict[str, Json]:
        """The models of which no retraining goes on, with who wanted that and why."""
        if self._retraining is None:
            return {}
        freezes = await asyncio.to_thread(self._retraining.freezes)
        return {one["model"]: one for one in freezes}

    async def _version_or_why(self, model: str, number: int) -> Json | str:
        try:
            return await self._actions.version(model, str(number))
        except ServeError as error:
            return error.message

    async def compare(self, inquiry: Inquiry) -> Page:
        """What differs between two versions of a model."""
        name = inquiry.named["model"]
        model = await self._actions.model(name)
        versions = model["versions"]
        after = model_view.numbered(model, inquiry.query("after"), versions[-1])
        earlier = [one for one in versions if one < after] or [versions[0]]
        before = model_view.numbered(model, inquiry.query("before"), earlier[-1])
        bodies = await asyncio.gather(
            *(self._actions.version(name, str(one)) for one in (before, after))
        )
        return Page(
            "compare.html",
            f"{name}@{before} and {name}@{after}",
            {
                "model": model,
                "before": before,
                "after": after,
                "sections": model_view.compared(*bodies),
            },
        )

    async def version(self, inquiry: Inquiry) -> Page:
        """A version: its card, its files, and where it answers."""
        name = inquiry.named["model"]
        model = await self._actions.model(name)
        number = model_view.numbered(model, inquiry.named["version"], model["newest"])
        profile, body, notes, standing = await asyncio.gather(
            part(self._actions.profile(name, number), inquiry.caller, "read:metrics"),
            self._actions.version(name, str(number)),
            self._actions.card_notes(name, number),
            self._actions.endpoints(),
        )
        features = FeatureProfile.from_json(profile.value).features if profile.value else ()
        shown = model_view.slice_of(features, inquiry.query("page"), COLUMNS_PER_PAGE)
        return Page(
            "version.html",
            f"{name}@{number}",
            {
                "model": model,
                "number": number,
                "card": model_view.card(body, notes),
                "profile": profile,
                "shown": shown,
                "columns": [column_picture(one) for one in shown.items],
                "files": body["files"],
                "serves": model_view.serving(standing["endpoints"]).get(f"{name}@{number}", ()),
                "aliases": [key for key, at in sorted(model["aliases"].items()) if at == number],
            },
        )

    async def rollouts(self, inquiry: Inquiry) -> Page:
        """How far candidates of canaries are."""
        rollouts = await self._actions.rollouts()
        shown = model_view.slice_of(rollouts, inquiry.query("page"))
        live = tuple(f"live-rollout-{at}" for at in range(1, len(shown.items) + 1))
        values = {"shown": shown, "possible": possible}
        return Page("rollouts.html", "Rollouts", values, live=live)

    async def experiments(self, inquiry: Inquiry) -> Page:
        """Whether experiments run, and what they decide."""
        experiments = await self._actions.experiments()
        shown = model_view.slice_of(experiments, inquiry.query("page"))
        return Page("experiments.html", "Experiments", {"shown": shown})

    async def experiment(self, inquiry: Inquiry) -> Page:
        """What an experiment has come to."""
        body = await self._actions.experiment(inquiry.named["endpoint"])
        report = ExperimentReport.from_json(body)
        title = f"Experiment {report.name} of {report.endpoint}"
        return Page("experiment.html", title, {"report": report, "content": content(report)})

    async def events(self, inquiry: Inquiry) -> Page:
        """What was changed, by whom and why."""
        subject, kind = inquiry.query("subject").strip(), inquiry.query("kind").strip()
        events: list[Event] = await self._actions.events(EVENTS, kind or None, subject or None)
        values = {"events": events, "subject": subject, "kind": kind, "most": EVENTS}
        return Page("events.html", "What was changed", values)

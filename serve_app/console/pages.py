"""The pages of the console, each of what the admin API tells."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from serve_app.console import endpoint_view, model_view
from serve_app.console.asking import Answer, ask
from serve_app.console.dialect_view import dialects_of
from serve_app.console.forms import Inquiry
from serve_app.console.parts import part
from serve_app.console.rendering import Page
from serve_app.console.route_picture import picture_of
from serve_app.console.sources import Sources
from serve_app.core.events import Event
from serve_app.core.signature import Signature
from serve_app.errors import InvalidInput, NotReady, ServeError
from serve_app.gateway.admin.actions import Json
from serve_app.monitoring.experiment.document import ExperimentReport
from serve_app.monitoring.experiment.page import content

HISTORY = 20
MOST_DECLARATIONS = 50
EVENTS = 100
MODELS_PER_PAGE = 50
ENDPOINTS_PER_PAGE = 50


class ConsolePages:
    """One method per page that shows something. `proves` says that clients have to show keys."""

    def __init__(self, sources: Sources, *, proves: bool) -> None:
        self._sources = sources
        self._actions = sources.actions
        self._proves = proves

    async def home(self, inquiry: Inquiry) -> Page:
        """Whether anything is wrong now, and every endpoint."""
        caller = inquiry.caller
        status, findings, rollouts = await asyncio.gather(
            self._actions.status(),
            part(self._actions.findings(None), caller, "read:metrics"),
            part(self._actions.rollouts(), caller, "read:metadata"),
        )
        wrong = Counter(one["endpoint"] for one in findings.value or ())
        waiting = status.get("waiting", {})
        endpoints = sorted(
            status["endpoints"],
            key=lambda one: (-wrong[one["name"]], one["name"] not in waiting, one["name"]),
        )
        shown = model_view.slice_of(endpoints, inquiry.query("page"), ENDPOINTS_PER_PAGE)
        return Page(
            "home.html",
            "Is anything wrong now?",
            {
                "status": status,
                "shown": shown,
                "findings": findings,
                "wrong": wrong,
                "under_way": {one["endpoint"]: one for one in rollouts.value or ()},
                "unhealthy": [one for one in status["applications"] if one["status"] != "HEALTHY"],
            },
        )

    async def endpoint(self, inquiry: Inquiry) -> Page:
        """An endpoint: its route, its history, a form to try it."""
        return await self._endpoint_page(inquiry)

    async def try_row(self, inquiry: Inquiry) -> Page:
        """The same page with the answer to a row."""
        sources, name = self._sources, inquiry.named["endpoint"]
        if sources.predictions is None:
            raise NotReady("nothing answers predictions here")
        endpoint = await self._actions.endpoint(name)
        signature = Signature.from_json(endpoint["signature"])
        row = _row(signature, inquiry)
        answer = await ask(sources.predictions, inquiry.caller, name, row, inquiry.request_id)
        return await self._endpoint_page(inquiry, row, answer)

    async def _endpoint_page(
        self, inquiry: Inquiry, row: Mapping[str, Any] | None = None, answer: Answer | None = None
    ) -> Page:
        name, caller, actions = inquiry.named["endpoint"], inquiry.caller, self._actions
        endpoint, standing = await asyncio.gather(actions.endpoint(name), actions.endpoints())
        history, findings, rollouts, sample, address = await asyncio.gather(
            part(self._history(name, endpoint), caller, "read:audit"),
            part(actions.findings(name), caller, "read:metrics", name),
            part(actions.rollouts(), caller, "read:metadata", name),
            self._sample(endpoint),
            asyncio.to_thread(self._sources.address),
        )
        answered = {} if self._sources.answered is None else self._sources.answered(name)
        waiting = standing["waiting"].get(name, ())
        lines = endpoint_view.variant_lines(endpoint, answered, waiting)
        signature = Signature.from_json(endpoint["signature"])
        example = endpoint_view.example_row(signature, sample)
        shown = example if row is None else row
        kind = endpoint["route"]
        return Page(
            "endpoint.html",
            f"Endpoint {name}",
            {
                "endpoint": endpoint,
                "lines": lines,
                "picture": picture_of(name, kind, [(one.version, one.wanted) for one in lines]),
                "override": standing["set_at_run_time"].get(name),
                "waiting": waiting,
                "history": history,
                "findings": findings,
                "rollout": next(
                    (one for one in rollouts.value or () if one["endpoint"] == name), None
                ),
                "can_try": self._sources.predictions is not None
                and caller.grants.allow("predict", name),
                "fields": endpoint_view.fields_of(signature, shown),
                "row": shown,
                "answer": answer,
                "snippets": endpoint_view.snippets(address, name, example, proves=self._proves),
                "dialects": dialects_of(address, endpoint, example, proves=self._proves),
                "address": address,
            },
        )

    async def _history(
        self, name: str, endpoint: Mapping[str, Any]
    ) -> list[endpoint_view.HistoryLine]:
        own, declared = await asyncio.gather(
            self._actions.events(HISTORY, None, name),
            self._actions.events(MOST_DECLARATIONS, "declared", None),
        )
        events = {(one.id, one.kind): one for one in own if one.kind != "declared"}.values()
        lines = endpoint_view.history_lines(
            name, events, [one for one in declared if one.kind == "declared"], endpoint
        )
        return lines[:HISTORY]

    async def _sample(self, endpoint: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A row that the first who sees rows was trained with; none where nobody knows one."""
        before = endpoint.get("preprocess")
        first = before["version"] if before else endpoint_view.versions_of(endpoint)[0]
        model, _, number = first.rpartition("@")
        try:
            body = await self._actions.version(model, number)
        except ServeError:
            return None
        inputs = (body.get("sample") or {}).get("inputs") or {}
        return {name: values[0] for name, values in inputs.items() if values}

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
        model, standing, moves = await asyncio.gather(
            self._actions.model(name), self._actions.endpoints(), self._actions.aliases(name)
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
                "moves": sorted(moves, key=lambda one: one["moved_at"], reverse=True)[:HISTORY],
            },
        )

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
        body, notes, standing = await asyncio.gather(
            self._actions.version(name, str(number)),
            self._actions.card_notes(name, number),
            self._actions.endpoints(),
        )
        return Page(
            "version.html",
            f"{name}@{number}",
            {
                "model": model,
                "number": number,
                "card": model_view.card(body, notes),
                "files": body["files"],
                "serves": model_view.serving(standing["endpoints"]).get(f"{name}@{number}", ()),
                "aliases": [key for key, at in sorted(model["aliases"].items()) if at == number],
            },
        )

    async def rollouts(self, inquiry: Inquiry) -> Page:
        """How far candidates of canaries are."""
        rollouts = await self._actions.rollouts()
        shown = model_view.slice_of(rollouts, inquiry.query("page"))
        return Page("rollouts.html", "Rollouts", {"shown": shown})

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
        values = {"events": events, "subject": subject, "kind": kind}
        return Page("events.html", "What was changed", values)


def _row(signature: Signature, inquiry: Inquiry) -> dict[str, Any]:
    """The row that a form is about, of a field by column or of one field of JSON."""
    text = inquiry.form.get("row")
    if text is None:
        return endpoint_view.row_of(signature, inquiry.form)
    return _row_in_json(text)


def _row_in_json(text: str) -> dict[str, Any]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the row is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise InvalidInput('the row must be an object of values by column, as {"age": 61}')
    return row

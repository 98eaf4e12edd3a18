"""The page of an endpoint: its route and load, its history, and a form to try it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from serve_app.console import endpoint_view
from serve_app.console.asking import Answer, ask
from serve_app.console.dialect_view import dialects_of
from serve_app.console.forms import Inquiry
from serve_app.console.parts import Part, part
from serve_app.console.rendering import Page
from serve_app.console.route_picture import picture_of
from serve_app.console.sources import Sources
from serve_app.console.traffic_picture import traffic_pictures
from serve_app.core.caller import Caller
from serve_app.core.signature import Signature
from serve_app.errors import InvalidInput, NotReady, ServeError

HISTORY = 20
MOST_DECLARATIONS = 50


class EndpointPages:
    """One method per way to ask for the page. `proves` says that clients have to show keys."""

    def __init__(self, sources: Sources, *, proves: bool) -> None:
        self._sources = sources
        self._actions = sources.actions
        self._proves = proves

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
        try:
            row = _row(signature, inquiry)
        except InvalidInput as error:
            # What people wrote stays in its field.
            refused = Answer.refused(error)
            return await self._endpoint_page(inquiry, inquiry.form["row"], refused)
        answer = await ask(sources.predictions, inquiry.caller, name, row, inquiry.request_id)
        return await self._endpoint_page(inquiry, row, answer)

    async def _endpoint_page(
        self,
        inquiry: Inquiry,
        row: Mapping[str, Any] | str | None = None,
        answer: Answer | None = None,
    ) -> Page:
        name, caller, actions = inquiry.named["endpoint"], inquiry.caller, self._actions
        endpoint, standing = await asyncio.gather(actions.endpoint(name), actions.endpoints())
        sampled = asyncio.gather(self._sample(endpoint), asyncio.to_thread(self._sources.address))
        course, history, findings, rollouts, status = await self._parts(name, endpoint, caller)
        sample, address = await sampled
        waiting = standing["waiting"].get(name, ())
        lines = endpoint_view.variant_lines(endpoint, course.value or {}, waiting)
        signature = Signature.from_json(endpoint["signature"])
        example = endpoint_view.example_row(signature, sample)
        shown = example if row is None else row
        fields = None if isinstance(shown, str) else endpoint_view.fields_of(signature, shown)
        rollout = [one for one in rollouts.value or () if one["endpoint"] == name]
        is_only = len(standing["endpoints"]) == 1
        dialects = dialects_of(address, endpoint, example, proves=self._proves, is_only=is_only)
        return Page(
            "endpoint.html",
            f"Endpoint {name}",
            {
                "endpoint": endpoint,
                "lines": lines,
                "picture": picture_of(name, endpoint["route"], lines),
                "course": course,
                "traffic": traffic_pictures(course.value) if course.value else [],
                "replicas": endpoint_view.replica_lines(endpoint, status.value or {}),
                "decided_by": endpoint_view.decided_by(endpoint),
                "override": standing["set_at_run_time"].get(name),
                "waiting": waiting,
                "history": history,
                "findings": findings,
                "rollout": rollout[0] if rollout else None,
                "can_try": self._sources.predictions is not None
                and caller.grants.allow("predict", name),
                "fields": fields,
                "row": shown,
                "answer": answer,
                "snippets": endpoint_view.snippets(address, name, example, proves=self._proves),
                "dialects": dialects,
                "address": address,
            },
            live=("live-state", "live-route", "live-load", "live-replicas"),
        )

    async def _parts(
        self, name: str, endpoint: Mapping[str, Any], caller: Caller
    ) -> tuple[Part[Any], Part[Any], Part[Any], Part[Any], Part[Any]]:
        """Requests, history, findings, rollouts and status, as far as a caller may see them."""
        actions = self._actions
        return await asyncio.gather(
            part(actions.requests(name), caller, "read:metrics", name),
            part(self._history(name, endpoint), caller, "read:audit"),
            part(actions.findings(name), caller, "read:metrics", name),
            part(actions.rollouts(), caller, "read:metadata", name),
            part(actions.status(), caller, "read:metadata"),
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

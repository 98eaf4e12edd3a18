"""Answers the paths of the admin API: reads what is asked, and lets it be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from serve_app import __version__
from serve_app.core.access import KeyRevocation, KeyRotation
from serve_app.core.caller import ANONYMOUS
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.gateway import bodies
from serve_app.gateway.admin import bodies as changes
from serve_app.gateway.admin import key_bodies, openapi
from serve_app.gateway.admin.actions import AdminActions, AliasChange, EndpointOrder
from serve_app.gateway.admin.paths import AdminPath
from serve_app.gateway.context import caller_of, headers_of

MAX_BODY_BYTES = 256 * 1024
_JSON = frozenset({"application/json"})


class AdminPages:
    """One method per line of the table of paths, each of which gives what is answered in JSON."""

    def __init__(self, actions: AdminActions, proofs: Sequence[str] = ()) -> None:
        self._actions = actions
        self._proofs = proofs

    async def root(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """The name and version of this server."""
        return {"name": "serve-app admin API", "version": __version__, "docs": "openapi.json"}

    async def openapi(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """The OpenAPI document of the admin API."""
        return openapi.document(__version__, self._proofs)

    async def status(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What runs and is in effect."""
        return await self._actions.status()

    async def applications(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """Applications with their replicas."""
        return await self._actions.applications()

    async def scaling(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What the autoscaler decided."""
        return await self._actions.scaling()

    async def endpoints(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """All endpoints."""
        return await self._actions.endpoints()

    async def endpoint(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """One endpoint."""
        return await self._actions.endpoint(request.path_params["endpoint"])

    async def add_endpoint(self, request: Request, path: AdminPath) -> Any:
        """Begin to add an endpoint that there is none of."""
        document = await _document(request, path)
        name = changes.name(document)
        return await self._change(name, document, replace=False)

    async def put_endpoint(self, request: Request, path: AdminPath) -> Any:
        """Begin to add an endpoint, or to put another in its place."""
        document = await _document(request, path)
        return await self._change(request.path_params["endpoint"], document, replace=True)

    async def remove_endpoint(self, request: Request, path: AdminPath) -> Any:
        """Begin to remove an endpoint."""
        document = await _document(request, path)
        order = EndpointOrder(
            request.path_params["endpoint"],
            None,
            changes.change(document),
            changes.within_s(document),
        )
        return await self._actions.change_endpoint(order)

    async def changes(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """The changes of endpoints."""
        return {"changes": await self._actions.changes()}

    async def change(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How far a change is."""
        return await self._actions.change(request.path_params["change"])

    async def set_weights(self, request: Request, path: AdminPath) -> Any:
        """Change weights."""
        document = await _document(request, path)
        endpoint = request.path_params["endpoint"]
        return await self._actions.set_weights(
            endpoint, changes.weights(document), changes.change(document)
        )

    async def loads(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How often endpoints are asked."""
        return {"endpoints": await self._actions.loads()}

    async def requests(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How often an endpoint is asked."""
        return await self._actions.requests(request.path_params["endpoint"])

    async def rollouts(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How rollouts stand."""
        return {"rollouts": await self._actions.rollouts()}

    async def move_rollout(self, request: Request, path: AdminPath) -> Any:
        """Move a rollout."""
        document = await _document(request, path)
        endpoint, action = request.path_params["endpoint"], changes.rollout_action(document)
        return await self._actions.move_rollout(endpoint, action, changes.change(document))

    async def experiments(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How experiments stand."""
        return {"experiments": await self._actions.experiments()}

    async def experiment(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What an experiment has come to."""
        return await self._actions.experiment(request.path_params["endpoint"])

    async def move_experiment(self, request: Request, path: AdminPath) -> Any:
        """Start or stop an experiment."""
        document = await _document(request, path)
        endpoint, action = request.path_params["endpoint"], changes.experiment_action(document)
        return await self._actions.move_experiment(endpoint, action, changes.change(document))

    async def keys(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """Every key, without what could be used."""
        return {"keys": await self._actions.keys()}

    async def create_key(self, request: Request, path: AdminPath) -> Any:
        """Make a key."""
        document = await _document(request, path)
        order = key_bodies.order(document)
        key_bodies.check_granted(caller_of(request.scope), order)
        return await self._actions.change_keys(order, changes.change(document))

    async def rotate_key(self, request: Request, path: AdminPath) -> Any:
        """Make a key in the place of another one."""
        document = await _document(request, path)
        identity = request.path_params["key"]
        order = KeyRotation(identity, key_bodies.overlap_s(document))
        for known in await self._actions.keys():
            if known["id"] == identity:
                key_bodies.check_granted(caller_of(request.scope), key_bodies.order(known))
        return await self._actions.change_keys(order, changes.change(document))

    async def revoke_key(self, request: Request, path: AdminPath) -> Any:
        """Revoke a key."""
        document = await _document(request, path)
        order = KeyRevocation(request.path_params["key"])
        return await self._actions.change_keys(order, changes.change(document))

    async def models(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """All models."""
        return {"models": await self._actions.models()}

    async def model(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """One model."""
        return await self._actions.model(request.path_params["model"])

    async def version(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """The manifest of a version."""
        named = request.path_params
        return await self._actions.version(named["model"], named["version"])

    async def delete_version(self, request: Request, path: AdminPath) -> Any:
        """Delete a version."""
        return await self._delete(request, path, request.path_params["version"])

    async def delete_model(self, request: Request, path: AdminPath) -> Any:
        """Delete all of a model."""
        return await self._delete(request, path, None)

    async def profile(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What a version was trained on looked like."""
        named = request.path_params
        body = await self._actions.version(named["model"], named["version"])
        return await self._actions.profile(named["model"], body["version"])

    async def aliases(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """Every move of a model's aliases."""
        return {"moves": await self._actions.aliases(request.path_params["model"])}

    async def move_alias(self, request: Request, path: AdminPath) -> Any:
        """Let an alias name another version."""
        document = await _document(request, path)
        return await self._move(request, changes.alias_change(document), document)

    async def remove_alias(self, request: Request, path: AdminPath) -> Any:
        """Remove an alias."""
        document = await _document(request, path)
        return await self._move(request, changes.alias_removal(document), document)

    async def follow_aliases(self, request: Request, path: AdminPath) -> Any:
        """Let endpoints follow at once what aliases name."""
        change = changes.change(await _document(request, path))
        return await self._actions.follow_aliases(change)

    async def events(self, request: Request, path: AdminPath) -> Any:
        """What was changed."""
        events = await self._actions.events(
            _number(request, path, "limit"), _text(request, "kind"), _text(request, "subject")
        )
        return {"events": [asdict(event) for event in events]}

    async def drift(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What the last judged windows say."""
        # It is about the last judged windows, whenever those were.
        return {"drift": await self._actions.watched("drift", _text(request, "endpoint"), 0)}

    async def quality(self, request: Request, path: AdminPath) -> Any:
        """How good answers were, as far as their truth is known."""
        endpoint, within_s = _text(request, "endpoint"), _number(request, path, "within_s")
        return {"quality": await self._actions.watched("quality", endpoint, within_s)}

    async def concept(self, request: Request, path: AdminPath) -> Any:
        """What is watched of the errors of labelled rows, and how they changed."""
        endpoint, within_s = _text(request, "endpoint"), _number(request, path, "within_s")
        return {"concept": await self._actions.watched("concept", endpoint, within_s)}

    async def watch(self, request: Request, path: AdminPath) -> Any:
        """What the watch of any kind knows."""
        endpoint, within_s = _text(request, "endpoint"), _number(request, path, "within_s")
        kind = request.path_params["kind"]
        return {"results": await self._actions.watched(kind, endpoint, within_s)}

    async def estimate(self, request: Request, path: AdminPath) -> Any:
        """How good answers probably were, beside what came true."""
        endpoint, within_s = _text(request, "endpoint"), _number(request, path, "within_s")
        return {"estimate": await self._actions.watched("estimate", endpoint, within_s)}

    async def alerts(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What is wrong, and what receivers were sent."""
        return await self._actions.alerts()

    async def test_alerts(self, request: Request, path: AdminPath) -> Any:
        """Send a test message."""
        document = await _document(request, path)
        return {"results": await self._actions.test_alerts(changes.receiver(document))}

    async def findings(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """What is wrong now."""
        return {"findings": await self._actions.findings(_text(request, "endpoint"))}

    async def report(self, request: Request, path: AdminPath) -> Any:
        """All that was seen, as one document."""
        endpoint, within_s = _text(request, "endpoint"), _number(request, path, "within_s")
        return await self._actions.report(endpoint, within_s)

    async def feedback(self, request: Request, path: AdminPath) -> Any:  # noqa: ARG002
        """How much feedback there is."""
        return {"feedback": await self._actions.feedback(_text(request, "endpoint"))}

    async def feedback_records(self, request: Request, path: AdminPath) -> Any:
        """Feedback as it was received."""
        records = await self._actions.feedback_records(
            _text(request, "endpoint"),
            _number(request, path, "after"),
            _number(request, path, "limit"),
        )
        return {"records": records}

    async def _change(self, name: str, document: dict[str, Any], *, replace: bool) -> Any:
        order = EndpointOrder(
            name,
            changes.new_endpoint(document, replace=replace),
            changes.change(document),
            changes.within_s(document),
        )
        return await self._actions.change_endpoint(order)

    async def _delete(self, request: Request, path: AdminPath, version: str | None) -> Any:
        change = changes.change(await _document(request, path))
        model = request.path_params["model"]
        return {"deleted": await self._actions.delete(model, version, change)}

    async def _move(self, request: Request, move: AliasChange, document: dict[str, Any]) -> Any:
        named = request.path_params
        change = changes.change(document)
        return await self._actions.move_alias(named["model"], named["alias"], move, change)


async def _document(request: Request, path: AdminPath) -> dict[str, Any]:
    """The body of a change; where none of its members must be there, it may be empty.

    Its content type must be that of JSON: no page of a stranger can send that unasked. The
    methods of changes whose body may be empty are none that such a page can send either.
    """
    headers = headers_of(request.scope)
    sent = headers.keys() & {"content-type", "transfer-encoding"}
    if not path.required and not sent and headers.get("content-length", "0") == "0":
        return _by(request, {})
    body = await bodies.read(request.receive, headers, max_bytes=MAX_BODY_BYTES, accepted=_JSON)
    if not body and not path.required:
        return _by(request, {})
    if not body:
        raise BadEncoding("the body must be a JSON object")
    return _by(request, changes.members(body, frozenset(path.body or ())))


def _by(request: Request, document: dict[str, Any]) -> dict[str, Any]:
    """The body of a change, which says who makes it: not what they say, where that is known."""
    caller = caller_of(request.scope)
    return document if caller == ANONYMOUS else {**document, "by": caller.name}


def _text(request: Request, name: str) -> str | None:
    """A text of the query, where it is there."""
    given = request.query_params.get(name)
    return None if given is None else changes.printable(name, given)


def _number(request: Request, path: AdminPath, name: str) -> int:
    """A number of the query, as the table of paths bounds it."""
    schema = path.query[name]
    low, high = schema["minimum"], schema.get("maximum", 2**63 - 1)
    text = request.query_params.get(name)
    if text is None:
        return int(schema.get("default", low))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not low <= number <= high:
        raise InvalidInput(f"{name!r} must be a number from {low} to {high}, got {text[:20]!r}")
    return number

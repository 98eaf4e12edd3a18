"""What the pages of every system share: the endpoints as they are now, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.feedback import Feedback, Outcome
from serve_app.engine.predict import Predictor
from serve_app.engine.stages import NOTHING_YET, Stage, Stages
from serve_app.engine.visible import default_for, require, require_everywhere
from serve_app.errors import NotReady
from serve_app.gateway import errors
from serve_app.gateway import versions as numbers
from serve_app.gateway.deferral import Deferral
from serve_app.gateway.entrance import Entrance
from serve_app.gateway.job_door import JobDoor
from serve_app.gateway.manages import Manages
from serve_app.protocols.dialect import Words, in_common_words

COUNTS = "read:metrics"
MANAGEMENT = "admin:endpoints"
"""What callers must be allowed to learn how often endpoints are asked, and to change them."""
CALLER = "caller"
"""Where a scope says who sends its request."""
Keep = Callable[[Sequence[Feedback]], Awaitable[Sequence[Outcome]]]
"""Keeps all of some feedback or none; returns what became of each, once it is kept."""
Effect = Callable[[], Awaitable[Mapping[str, Any]]]
"""Tells what is in effect in the whole cluster."""
Describe = Callable[[Stage, list[str]], Any]
"""From an endpoint and those of its versions that are meant to JSON values."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one request may cost, and who answers where a path names no endpoint.

    `health_route` and `predict_route` are the paths that Vertex AI gives a container, `replica`
    tells counts of this process from those of others. Pages of `origins` may give feedback. By
    `proofs` (key, token, certificate) callers prove who they are, where they have to.
    """

    max_body_bytes: int
    max_rows: int
    default_endpoint: str | None = None
    server_name: str = "serve-app"
    compress_above_bytes: int = 65_536
    health_route: str | None = None
    predict_route: str | None = None
    replica: str = ""
    max_explained_rows: int = 100
    origins: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """A predictor with its settings, and the words in which requests are refused.

    `keep` takes feedback, where anything does; `effect` tells of the cluster, where there is one.
    `management` changes what is served, where requests may do that. `jobs` is where batch jobs are
    taken, where they are; `deferral` answers later, where that is done.
    """

    predictor: Predictor
    settings: Settings
    refuse: Words = in_common_words
    keep: Keep | None = None
    effect: Effect | None = None
    management: Manages | None = None
    jobs: JobDoor | None = None
    deferral: Deferral | None = None

    def entrance(self, action: str) -> Entrance:
        """Where requests come in whose callers must be allowed an action."""
        default = self.settings.default_endpoint
        return Entrance(self.predictor, default_endpoint=default, action=action)

    def stages_for(self, request: Request) -> Stages:
        """The endpoints as they are now, as far as who asks may know of them."""
        return self.predictor.stages_for(caller_of(request.scope))

    def refused(self, request: Request, error: Exception, *, status: int | None = None) -> Response:
        """The answer to a request for a page that failed."""
        identity = request.headers.get("x-request-id", "")
        return errors.response(error, identity, status=status, refuse=self.refuse)

    def if_ready(self, request: Request, answer: Response) -> Response:
        """An answer that is given while endpoints can be asked."""
        if self.predictor.stages.version == 0:
            return self.refused(request, NotReady(NOTHING_YET))
        if not self.predictor.is_ready:
            return self.refused(request, NotReady("no endpoint has a replica that could answer"))
        return answer

    def states(self, stage: Stage, versions: list[str]) -> dict[str, bool]:
        """Some versions of an endpoint, shortened where they can be: whether each could answer."""
        alive = [self.predictor.can_answer(stage, version) for version in versions]
        return dict(zip(stage.shortened(versions), alive, strict=True))

    def can_answer(self, request: Request, stage: Stage, versions: list[str]) -> bool:
        """Whether what a path names could answer: one version, or the endpoint in any way."""
        return self.predictor.can_answer(stage, _named(request, versions))

    def require_alive(self, request: Request, stage: Stage, versions: list[str]) -> None:
        """Return where what a path names could answer.

        Raises:
            NotReady: nobody is alive who would.
        """
        if not self.can_answer(request, stage, versions):
            name = _named(request, versions) or stage.spec.name
            raise NotReady(f"{name} has no replica that could answer", endpoint=stage.spec.name)

    def counted_for(self, request: Request) -> list[Stage]:
        """The endpoints of which who asks may know how often they were asked, by name."""
        grants = caller_of(request.scope).grants
        stages = sorted(self.stages_for(request).endpoints.items())
        return [stage for name, stage in stages if grants.allow(COUNTS, name)]

    def require(self, request: Request, action: str, stage: Stage) -> None:
        """Return where who asks may do something with an endpoint.

        Raises:
            Forbidden: it may not.
        """
        require(caller_of(request.scope), action, stage.spec.name)

    def require_everywhere(self, request: Request, action: str) -> None:
        """Return where who asks may do something that concerns all endpoints.

        Raises:
            Forbidden: it may not.
        """
        require_everywhere(caller_of(request.scope), action)

    def of_endpoint(self, request: Request, describe: Describe) -> Response:
        """What there is to say of the endpoint and version that a path names."""
        named = request.path_params
        try:
            version = numbers.named(named)
            stages = self.stages_for(request)
            default = default_for(caller_of(request.scope), self.settings.default_endpoint, stages)
            stage = stages.endpoint(named.get("endpoint", default), version)
            versions = stage.versions(version, named.get("label"))
            return json(describe(stage, versions))
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self.refused(request, error)


def _named(request: Request, versions: list[str]) -> str | None:
    """The one version that a path names, by its number or by a label; none where it names none."""
    params = request.path_params
    return versions[0] if "version" in params or "label" in params else None


def json(body: Any, status: int = 200) -> Response:
    """An answer of JSON."""
    content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, status, media_type="application/json")


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who sends a request, as the access layer knows; nobody where there is none."""
    caller: Caller = scope.get(CALLER, ANONYMOUS)
    return caller


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request by their names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

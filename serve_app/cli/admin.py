"""How commands reach the admin API: of the cluster in a folder, or at an address."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click
from click.core import ParameterSource

from serve_app.cli.admin_calls import AdminCalls
from serve_app.cluster import web
from serve_app.core import reference as references
from serve_app.errors import NotReady, ServerFault, Unavailable
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from serve_app.cluster.node import Running

T = TypeVar("T")
PREFIX = "/v1/admin"
POLL_S = 0.25
PATIENCE_S = 60.0
"""How much longer than a change may take it is waited for: it may have to be put back."""
_RECORDS = 1000
_OPEN = (
    "is the address right? It answers on its own machine alone, unless the gateway's args say "
    "`admin: {host: 0.0.0.0, port: 8091}`"
)
_NOT_YET = "no gateway runs there now; see serve-app status, or deploy a config: serve-app deploy"


def option_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """The address of an admin API, in place of that of the cluster in the state folder."""
    return click.option(
        "--server",
        metavar="URL",
        envvar="SERVE_APP_SERVER",
        callback=_nearest,
        help="The admin API to ask, such as http://10.0.0.1:8091.  [default: that of the cluster "
        "of --state]",
    )(function)


def _nearest(context: click.Context, _: click.Parameter, server: str | None) -> str | None:
    """The address, unless it is that of the environment and the command names a state itself."""
    source = context.get_parameter_source
    if source("server") is ParameterSource.ENVIRONMENT:
        return None if source("state") is ParameterSource.COMMANDLINE else server
    return server


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command looks for a cluster: at an address, or in a state folder."""

    server: str | None
    state: str

    def client(self) -> AdminClient:
        """The admin API.

        Raises:
            NotReady: no cluster runs here, and no other is named.
        """
        return AdminClient.at(self.server) if self.server else AdminClient.of(self.running())

    def running(self) -> Running:
        """The cluster of the state folder.

        Raises:
            NotReady: none runs here.
        """
        from serve_app.cluster.node import Cluster

        try:
            return Cluster(Path(self.state)).require()
        except NotReady as error:
            msg = f"{error.message}, or name the admin API of another machine's with --server URL"
            raise NotReady(msg) from None

    def ask(self, question: Callable[[AdminClient], T], otherwise: Callable[[], T]) -> T:
        """What the admin API answers; without one here, and none named, the other way's answer.

        Raises:
            NotReady: the admin API that is named does not answer.
        """
        if self.server:
            return question(AdminClient.at(self.server))
        try:
            return question(self._near())
        except NotReady:
            return otherwise()

    def _near(self) -> AdminClient:
        from serve_app.cluster.node import Cluster

        # A state that is a URL is a database, which belongs to any cluster.
        running = None if "://" in self.state else Cluster(Path(self.state)).running()
        if running is None:
            raise NotReady(f"no cluster of {self.state} runs")
        return AdminClient.of(running)


def only_the_monitor_knows(what: str) -> Callable[[], Any]:
    """The other way's answer where there is none but that of a running monitor."""

    def nobody() -> Any:
        msg = f"no cluster of this state folder runs; {what} is what its monitor says"
        raise NotReady(msg)

    return nobody


class AdminClient(AdminCalls):
    """Asks the admin API of a cluster; raises what its gateway refused, in its own words."""

    @classmethod
    def at(cls, server: str) -> AdminClient:
        """The admin API at an address, of which people may give host and port alone."""
        url = (server if "://" in server else f"http://{server}").rstrip("/")
        return cls(url.removesuffix(PREFIX) + PREFIX, _OPEN)

    @classmethod
    def of(cls, running: Running) -> AdminClient:
        """The admin API of a cluster on this machine.

        Raises:
            NotReady: the cluster was started by a release that had none.
        """
        return cls(running.admin_url + PREFIX, _NOT_YET)

    def status(self) -> dict[str, Any]:
        """What runs and what is in effect."""
        return self._get("/status", keys=("applications", "endpoints"))

    def endpoints(self) -> dict[str, Any]:
        """All endpoints with their variants and weights."""
        return self._get("/endpoints", keys=("snapshot", "endpoints"))

    def set_weights(
        self, endpoint: str, weights: dict[str, float], reason: str | None
    ) -> dict[str, Any]:
        """Change weights, and say what stands then."""
        body = {"weights": weights, **_change(reason)}
        return self._send(web.put, f"/endpoints/{_part(endpoint)}/weights", body)

    def rollouts(self) -> list[dict[str, Any]]:
        """How rollouts stand."""
        return self._list("/rollouts", "rollouts")

    def move_rollout(self, endpoint: str, action: str, reason: str | None) -> dict[str, Any]:
        """Start, pause, resume, promote or roll back, and how it stands then."""
        body = {"action": action, **_change(reason)}
        return self._send(web.put, f"/endpoints/{_part(endpoint)}/rollout", body)

    def move_experiment(self, endpoint: str, action: str, reason: str | None) -> dict[str, Any]:
        """Start or stop, and how it stands then."""
        body = {"action": action, **_change(reason)}
        return self._send(web.put, f"/endpoints/{_part(endpoint)}/experiment", body)

    def change_endpoint(
        self, name: str, settings: Mapping[str, Any], *, replace: bool, reason: str | None
    ) -> dict[str, Any]:
        """Begin to add an endpoint, or to put it in the place of the one of its name."""
        body = {**settings, **_change(reason)}
        if replace:
            return self._send(web.put, f"/endpoints/{_part(name)}", body)
        return self._send(web.post, "/endpoints", {"name": name, **body})

    def remove_endpoint(self, name: str, within_s: float, reason: str | None) -> dict[str, Any]:
        """Begin to remove an endpoint."""
        body = {"within_s": within_s, **_change(reason)}
        return self._send(web.delete, f"/endpoints/{_part(name)}", body)

    def wait_for(
        self,
        change: Mapping[str, Any],
        within_s: float,
        tell: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> dict[str, Any]:
        """Return once a change that was begun is in effect; `tell` hears what is missing.

        Raises:
            ServerFault: it failed; says why, and that what was before is again.
            NotReady: it is still under way long after `within_s`.
        """
        deadline_s = clock() + 2 * within_s + PATIENCE_S
        identity = change["id"]
        while True:
            try:
                state = self._get(f"/changes/{_part(identity)}", keys=("state",))
            except (Unavailable, ServerFault):
                # The gateway that was asked may be one that just ends.
                if clock() > deadline_s:
                    raise
                sleep(POLL_S)
                continue
            if state["state"] == "done":
                return state
            if state["state"] == "failed":
                raise ServerFault(state["error"]["message"])
            if clock() > deadline_s:
                msg = f"the change {identity} is still under way: {state['progress']}"
                raise NotReady(msg)
            tell(state["progress"] or state["state"])
            sleep(POLL_S)

    def models(self) -> list[dict[str, Any]]:
        """All models with their versions and aliases."""
        return self._list("/models", "models")

    def version(self, reference: str) -> dict[str, Any]:
        """The manifest of the version that NAME@3 or NAME@alias names, or of NAME's newest."""
        name, _, version = reference.partition("@")
        if not version:
            version = self._get(f"/models/{_part(name)}", keys=("newest",))["newest"]
        return self._get(f"/models/{_part(name)}/versions/{_part(str(version))}")

    def versions(self, model: str) -> list[int]:
        """The numbers of a model's versions."""
        numbers: list[int] = self._get(f"/models/{_part(model)}", keys=("versions",))["versions"]
        return numbers

    def delete(self, reference: str, reason: str | None) -> list[str]:
        """Delete the version that NAME@3 or NAME@alias names, or all of NAME; gives those."""
        name, at, version = reference.partition("@")
        path = f"/models/{_part(name)}" + (f"/versions/{_part(version)}" if at else "")
        deleted: list[str] = self._send(web.delete, path, _change(reason))["deleted"]
        return deleted

    def aliases(self, model: str) -> list[dict[str, Any]]:
        """Every move of every alias of a model, oldest first."""
        return self._list(f"/models/{_part(model)}/aliases", "moves")

    def move_alias(
        self, reference: str, alias: str, reason: str | None, **expected: int | None
    ) -> dict[str, Any]:
        """Let an alias name the version that NAME@3 or NAME@alias names.

        With `expected`, only where it names that number now, or none.
        """
        name, version = references.parse(reference)
        number = version if isinstance(version, int) else self.version(reference)["version"]
        body = {"version": number, **expected, **_change(reason)}
        return self._send(web.put, f"/models/{_part(name)}/aliases/{_part(alias)}", body)

    def remove_alias(
        self, model: str, alias: str, reason: str | None, **expected: int | None
    ) -> dict[str, Any]:
        """Let an alias name no version any more; with `expected`, as `move_alias` does."""
        path = f"/models/{_part(model)}/aliases/{_part(alias)}"
        return self._send(web.delete, path, {**expected, **_change(reason)})

    def events(self, limit: int, kind: str | None, subject: str | None) -> list[dict[str, Any]]:
        """What was changed, the newest first."""
        return self._list("/events", "events", limit=limit, kind=kind, subject=subject)

    def drift(self, endpoint: str | None) -> list[dict[str, Any]]:
        """What the last judged window of each version says."""
        return self._list("/drift", "drift", endpoint=endpoint)

    def watched(self, kind: str, endpoint: str | None, within_s: int) -> list[dict[str, Any]]:
        """What the monitor's watch of a kind knows of the last so many seconds."""
        return self._list(f"/{kind}", kind, endpoint=endpoint, within_s=within_s)

    def watch(self, kind: str, endpoint: str | None, within_s: int) -> list[dict[str, Any]]:
        """What the watch of any kind knows, in fields of its own."""
        path = f"/watches/{_part(kind)}"
        return self._list(path, "results", endpoint=endpoint, within_s=within_s)

    def alerts(self) -> dict[str, Any]:
        """What is wrong now, and what each receiver of alerts was sent last."""
        return self._get("/alerts", keys=("findings", "receivers"))

    def test_alerts(self, receiver: str | None) -> list[dict[str, Any]]:
        """Send a test message to a receiver of alerts or all, and what became of each."""
        answer = self._send(web.post, "/alerts/test", {"receiver": receiver})
        results: list[dict[str, Any]] = answer["results"]
        return results

    def feedback(self, endpoint: str | None) -> list[dict[str, Any]]:
        """How much feedback there is, by endpoint and variants."""
        return self._list("/feedback", "feedback", endpoint=endpoint)

    def feedback_records(self, endpoint: str | None) -> Iterator[dict[str, Any]]:
        """Everything that was received, the oldest first; the first of it is asked for at once."""
        return self._records(endpoint, self._page(endpoint, 0))

    def _records(
        self, endpoint: str | None, page: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        last = 0
        while page:
            for record in page:
                last = record.pop("number")
                yield record
            page = self._page(endpoint, last) if len(page) == _RECORDS else []

    def _page(self, endpoint: str | None, after: int) -> list[dict[str, Any]]:
        path = "/feedback/records"
        return self._list(path, "records", endpoint=endpoint, after=after, limit=_RECORDS)


def reads_registry_itself() -> bool:
    """Whether the command that runs names a registry, in place of the one of a server.

    Raises:
        UsageError: a server and a registry are named.
    """
    source = click.get_current_context().get_parameter_source
    named = source("registry") is ParameterSource.COMMANDLINE
    if named and source("server") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--server has a registry of its own; name one of the two.")
    return named


def ask_of_models(
    place: Place, question: Callable[[AdminClient], T], of_files: Callable[[], T]
) -> T:
    """What the admin API of a running cluster answers, or what the registry's files do.

    A registry that is named is read itself.

    Raises:
        UsageError: a server and a registry are named.
    """
    if reads_registry_itself():
        return of_files()
    source = click.get_current_context().get_parameter_source
    if source("registry") is ParameterSource.ENVIRONMENT and not place.server:
        return of_files()
    return place.ask(question, of_files)


def _change(reason: str | None) -> dict[str, str]:
    return {"by": current_user(), "reason": reason or ""}


def _part(text: str) -> str:
    return quote(text, safe="")

"""`serve-app retrain rollback`: a former version is champion again, and answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place
from serve_app.cli.retrain_place import RetrainingPlace, option_reason, option_working_place
from serve_app.core import reference as references
from serve_app.errors import InvalidInput, ServeError

if TYPE_CHECKING:
    from serve_app.lifecycle.retraining.effects import Ticket

PATIENCE_S = 60.0
"""How long it is waited until endpoints answer with what is champion again."""
PAUSE_S = 0.1


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION]")
@option_reason
@option_working_place
def rollback(reference: str, reason: str, as_json: bool, **at: Any) -> None:
    """Let a former version be champion again; without VERSION the one before.

    It has to load, and to take and give what the champion does. Where the model's pipeline has a
    canary, its requests go back first. In a cluster it is waited until endpoints answer with it,
    which takes a moment where it is still loaded there.
    """
    from serve_app.lifecycle.retraining import decisions

    began_s = time.monotonic()
    place = RetrainingPlace(**at)
    cluster = FollowingCluster(Place(place.server, place.state))
    loaded = cluster.loaded()
    versions = replace(place.versions(), loaded=loaded)
    model, version = _version(versions.registry, reference)
    ticket = _live_ticket(place, model) if versions.champion(model) != version else None

    def requests_first() -> None:
        if ticket is not None:
            place.canaries().go_back(ticket, version)

    words = decisions.roll_back(
        place.database, versions, model, version, place.author(reason), requests_first
    )
    if ticket is not None:
        place.canaries().rest(ticket)
    waiting, is_followed = cluster.wait(f"{model}@{version}")
    took_s = round(time.monotonic() - began_s, 1)
    place.publish(model)
    champion = versions.champion(model)
    was_loaded = f"{model}@{version}" in loaded
    if as_json:
        body = {"model": model, "champion": champion, "result": words}
        live = {
            "was_loaded": was_loaded,
            "took_s": took_s,
            "waiting": waiting,
            "followed": is_followed,
        }
        output.print_json(body | (live if cluster.answers else {}))
    else:
        how = _how(was_loaded, took_s, waiting, is_followed=is_followed) if cluster.answers else ""
        click.echo(words + how)
    if champion != version:
        raise click.exceptions.Exit(1)


def _how(was_loaded: bool, took_s: float, waiting: list[str], *, is_followed: bool) -> str:
    if not is_followed and not waiting:
        return "; no endpoint of the cluster asks it"
    if waiting:
        return f"; {', '.join(waiting)} does not answer with it yet: see serve-app status"
    loaded = "it was still loaded" if was_loaded else "it was not loaded any more"
    return f"; it answers after {took_s} s ({loaded})"


@dataclass(slots=True)
class FollowingCluster:
    """The cluster of a place, which follows aliases at once when it is asked to.

    `answers` says whether there is one that does.
    """

    place: Place
    answers: bool = True

    def loaded(self) -> frozenset[str]:
        """The versions that answer there, or stay loaded."""
        return frozenset(self._followed().get("loaded", ()))

    def wait(self, version: str) -> tuple[list[str], bool]:
        """Return once no endpoint waits for a version any more.

        Gives the endpoints that still do, and whether any one asks the version by now.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            followed = self._followed()
            waiting: dict[str, list[str]] = followed.get("waiting", {})
            late = sorted(name for name, versions in waiting.items() if version in versions)
            done = not late and not followed.get("behind")
            if done or not self.answers or time.monotonic() > deadline_s:
                return late, version in followed.get("loaded", ())
            time.sleep(PAUSE_S)

    def _followed(self) -> dict[str, Any]:
        if not self.answers:
            return {}
        try:
            followed: dict[str, Any] = self.place.ask(lambda one: one.follow_aliases(), dict)
        except ServeError as error:
            click.echo(f"the cluster follows within seconds by itself: {error.message}", err=True)
            followed = {}
        self.answers = bool(followed)
        return followed


def _live_ticket(place: RetrainingPlace, model: str) -> Ticket | None:
    """Of the model's newest run whose challenger had live traffic, if its pipeline gives any."""
    from serve_app.lifecycle.retraining.effects import Ticket
    from serve_app.lifecycle.retraining.settings import settings_of

    for run in place.ledger.runs(model):
        if settings_of(run).endpoint is not None:
            return Ticket(run.id, run.key, model, run.trigger, 0, run.body)
    return None


def _version(registry: Any, reference: str) -> tuple[str, int]:
    """The version that is named, or the one that was champion before."""
    from serve_app.registry.aliases import CHAMPION

    model, _, text = reference.partition("@")
    if text:
        number = references.number(text)
        return model, registry.alias(model, text) if number is None else number
    moves = registry.alias_history(model, CHAMPION)
    current = registry.aliases(model).get(CHAMPION)
    former = [move.version for move in moves if move.version not in {None, current}]
    if not former:
        msg = f"no other version of {model} was champion; name one: {model}@NUMBER"
        raise InvalidInput(msg)
    return model, int(former[-1])

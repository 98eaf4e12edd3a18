"""`serve-app models where` and `history`: which versions answer, and which did when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, ask_of_models, option_server
from serve_app.cli.completion import complete_version
from serve_app.cli.registries import open_registry
from serve_app.core import reference as references
from serve_app.registry.listed import moves

if TYPE_CHECKING:
    from serve_app.control.traffic import TrafficChange

_MOST_EVENTS = 1000
_DAY = len("2026-11-21")


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@option_server
@output.option_state
@output.as_json
def where(reference: str, server: str | None, state: str, as_json: bool) -> None:
    """Show which endpoints ask a version now: as what, with which weight, and since when.

    A model without a version stands for all of its versions. Since when is known of the last
    1,000 changes.
    """
    from serve_app.control.places import places

    client = Place(server, state).client()
    wanted = reference
    if references.alias_of(reference) is not None:
        version = client.version(reference)
        wanted = f"{version['name']}@{version['version']}"
    served = places(client.endpoints()["endpoints"], _changes(client.events), wanted)
    rows = [asdict(one) for one in served]
    if as_json:
        output.print_json({"wanted": wanted, "endpoints": rows})
        return
    if not rows:
        click.echo(f"no endpoint asks {wanted}")
        return
    output.print_table(
        f"Where {wanted} is asked",
        ["endpoint", "version", "as", "weight", "named", "since", "who", "why"],
        [
            [
                one.endpoint, one.version, one.role,
                None if one.weight is None else f"{one.weight:g}", one.reference,
                None if one.since_s is None else output.shown_time(one.since_s), one.who, one.why,
            ]
            for one in served
        ],
    )  # fmt: skip


def _changes(events: Callable[..., list[dict[str, Any]]]) -> list[TrafficChange]:
    from serve_app.control.traffic import events_of, traffic_changes

    return traffic_changes(events_of(events(_MOST_EVENTS, None, None)))


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Seconds since 1970; a day alone is its end, and what names no zone is in UTC."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no time; write such as 2026-11-21 or 2026-11-21T14:30:00Z"
        raise click.BadParameter(msg) from None
    if len(text) <= _DAY:
        moment += dt.timedelta(days=1) - dt.timedelta.resolution
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    return zoned.timestamp()


@click.command()
@click.argument("model", metavar="MODEL", shell_complete=complete_version)
@click.option(
    "--at",
    "at_s",
    metavar="TIME",
    callback=_moment,
    help="What stood then (ISO 8601): a day alone is its end, and without a zone it is UTC.",
)
@option_server
@output.option_state
@output.option_registry
@output.as_json
def history(
    model: str, at_s: float | None, server: str | None, state: str, registry: str, as_json: bool
) -> None:
    """Show which versions of MODEL its aliases named and endpoints asked, when, by whom, and why.

    Of endpoints, the last 1,000 changes of the cluster are known.
    """
    place = Place(server, state)
    name = references.model_of(model)
    moved = ask_of_models(
        place,
        lambda client: client.aliases(name),
        lambda: list(moves(open_registry(registry), name)),
    )
    changes = place.ask(
        lambda client: _changes(client.events), lambda: _changes(_events_of_files(state))
    )
    if at_s is None:
        _print_history(name, moved, changes, as_json=as_json)
    else:
        _print_standing(name, at_s, moved, changes, as_json=as_json)


def _events_of_files(state: str) -> Callable[..., list[dict[str, Any]]]:
    """The events of a state database that no running cluster answers for."""

    def newest(limit: int, kind: str | None, subject: str | None) -> list[dict[str, Any]]:
        from serve_app.storage.events import EventLog

        log = EventLog(state)
        return [asdict(one) for one in log.newest(limit, kind=kind, subject=subject)]

    return newest


def _print_history(
    name: str, moved: list[dict[str, Any]], changes: Sequence[TrafficChange], *, as_json: bool
) -> None:
    from serve_app.control.traffic import of_model

    mine = of_model(changes, name)
    if as_json:
        output.print_json({"aliases": moved, "traffic": [asdict(one) for one in mine]})
        return
    heads = ["alias", "version", "previous", "moved_at", "by", "reason"]
    output.print_table(f"Aliases of {name}", heads, [[m[h] for h in heads] for m in moved])
    _print_traffic(f"Endpoints that asked {name}", mine)


def _print_traffic(title: str, changes: Sequence[TrafficChange]) -> None:
    heads = ["endpoint", "since", "weights", "who", "what", "why"]
    rows = [
        [
            one.endpoint, output.shown_time(one.at_s), _weights(one.weights), one.who, one.kind,
            one.why,
        ]
        for one in changes
    ]  # fmt: skip
    output.print_table(title, heads, rows)


def _weights(weights: Any) -> str:
    return ", ".join(f"{version}={weight:g}" for version, weight in weights.items())


def _print_standing(
    name: str,
    at_s: float,
    moved: list[dict[str, Any]],
    changes: Sequence[TrafficChange],
    *,
    as_json: bool,
) -> None:
    """What stood at a time."""
    from serve_app.control.traffic import of_model, traffic_at

    last = {
        move["alias"]: move
        for move in moved
        if dt.datetime.fromisoformat(move["moved_at"]).timestamp() <= at_s
    }
    aliases = {alias: move for alias, move in sorted(last.items()) if move["version"] is not None}
    stood = [*traffic_at(of_model(changes, name), at_s).values()]
    stood = [one for one in stood if any(name == references.model_of(v) for v in one.weights)]
    if as_json:
        body = {"at_s": at_s, "aliases": aliases, "traffic": [asdict(one) for one in stood]}
        output.print_json(body)
        return
    when = f"{output.shown_time(at_s)} UTC"
    heads = ["alias", "version", "since", "by", "reason"]
    keys = ["alias", "version", "moved_at", "by", "reason"]
    rows = [[move[key] for key in keys] for move in aliases.values()]
    output.print_table(f"Aliases of {name} at {when}", heads, rows)
    _print_traffic(f"Endpoints that asked {name} at {when}", stood)

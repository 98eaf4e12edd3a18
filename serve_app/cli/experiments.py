"""`serve-app experiments`: which variants of endpoints are better, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cluster import web
from serve_app.errors import NotReady

TIMEOUT_S = 130.0
"""An experiment of many requests is read from its start."""
DAY_S = 86_400
_REASON = click.option("--reason", help="Why, for those who look at `serve-app events` later.")
_ENDPOINT = click.argument("endpoint", shell_complete=complete_endpoint)
_LIST_HEADS = ["endpoint", "experiment", "is", "since", "decision"]
_METRIC_HEADS = ["metric", "role", "variant", "units", "value", "effect", "interval", "p", "is"]
_TRAFFIC_HEADS = ["variant", "requests", "units", "labels", "errors", "share", "weight"]


@click.group()
def experiments() -> None:
    """See which variants of endpoints are better, and start and stop looking for it.

    An endpoint has an experiment where its settings say what its variants are compared in.
    """


@experiments.command("list")
@option_server
@output.option_state
@output.as_json
def list_(server: str | None, state: str, as_json: bool) -> None:
    """Show all experiments, whether they run, and what is decided of them."""
    known = Place(server, state).ask(
        lambda one: one.read("/experiments", "experiments", timeout_s=TIMEOUT_S), _nobody
    )["experiments"]
    if as_json:
        output.print_json({"experiments": known})
        return
    if not known:
        click.echo("there is no experiment; the settings of an endpoint describe one")
        return
    rows = [
        [one["endpoint"], one["name"], one["phase"], _time(one["started_s"]), _words(one)]
        for one in known
    ]
    output.print_table("Experiments", _LIST_HEADS, rows)


def _words(one: dict[str, Any]) -> str:
    return "the monitor does not answer" if one["decision"] is None else one["decision"]["words"]


def _time(at_s: float | None) -> str:
    return "" if at_s is None else output.shown_time(at_s)


@experiments.command()
@_ENDPOINT
@option_server
@output.option_state
@output.as_json
def show(endpoint: str, server: str | None, state: str, as_json: bool) -> None:
    """Show what an experiment has come to: the decision, its reasons, each metric and traffic."""
    body = Place(server, state).ask(lambda one: _read(one, endpoint), _nobody)
    if as_json:
        output.print_json(body)
        return
    click.secho(body["decision"]["words"], bold=True)
    for reason in body["decision"]["reasons"]:
        click.echo(f"  {reason}")
    rows = [row for metric in body["metrics"] for row in _metric_rows(metric, body["baseline"])]
    if rows:
        output.print_table(f"Experiment {body['name']} of {endpoint}", _METRIC_HEADS, rows)
    traffic = [
        [
            one["variant"], one["requests"], one["units"], one["labelled"], one["errors"],
            _share(one["share"]), _share(one["wanted"]),
        ]
        for one in body["traffic"]
    ]  # fmt: skip
    if traffic:
        output.print_table("Traffic", _TRAFFIC_HEADS, traffic)
    for line in (*_plan(body["plan"]), *body["notes"]):
        click.echo(line)


def _read(client: AdminClient, endpoint: str) -> dict[str, Any]:
    path = f"/endpoints/{quote(endpoint, safe='')}/experiment"
    return client.read(path, "schema", timeout_s=TIMEOUT_S)


def _metric_rows(metric: dict[str, Any], baseline: str) -> list[list[Any]]:
    compared = {one["variant"]: one for one in metric["comparisons"]}
    rows = []
    for arm in metric["arms"]:
        one = compared.get(arm["variant"])
        line = [metric["name"], metric["role"], arm["variant"], arm["n"], _number(arm["value"])]
        if one is None:
            more = ["", "", "", "baseline" if arm["variant"] == baseline else ""]
        else:
            bounds = "" if one["low"] is None else f"{one['low']:+.4g} to {one['high']:+.4g}"
            effect = "" if one["effect"] is None else f"{one['effect']:+.4g}"
            more = [effect, bounds, _number(one["p_value"]), one["verdict"]]
        rows.append([*line, *more])
    return rows


def _plan(plan: dict[str, Any] | None) -> list[str]:
    if plan is None or plan["needed"] is None:
        return []
    words = (
        f"an effect of {plan['effect']:g} is seen with power {plan['power']:g} by "
        f"{plan['needed']:,} units of the smaller variant; there are {plan['reached']:,}"
    )
    if plan["price"] is not None:
        words += f" (looking meanwhile takes {plan['price']:.2f} times the units of one look)"
    return [words]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.4g} %"


@experiments.command()
@_ENDPOINT
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write the page to.  [default: experiment-ENDPOINT.html, none with --json]",
)
@option_server
@output.option_state
@output.as_json
def report(endpoint: str, out: Path | None, server: str | None, state: str, as_json: bool) -> None:
    """Write what an experiment has come to as a page: effects over time, traffic, decision.

    The page is one file that needs no network and no script. With --json the same is printed for
    programs, whose `schema` grows when something in it changes its meaning.
    """
    place = Place(server, state)
    with output.progress().status("reading the experiment from its start …"):
        body = place.ask(lambda one: _read(one, endpoint), _nobody)
    if out is not None or not as_json:
        shadows = place.ask(lambda one: one.watch("shadow", endpoint, DAY_S), _nobody)
        arms = None
        if body["route"] == "bandit":
            arms = place.ask(lambda one: one.watch("bandits", endpoint, DAY_S), _nobody)
        content = _page(body, shadows, arms, server)
        written = out or Path(f"experiment-{endpoint}.html")
        output.write_whole(written, content)
        if not as_json:
            click.echo(body["decision"]["words"])
            click.echo(f"{written}   {len(content.encode()) / 1e3:,.0f} kB")
    if as_json:
        output.print_json(body)


def _page(
    body: dict[str, Any],
    shadows: list[dict[str, Any]],
    arms: list[dict[str, Any]] | None,
    server: str | None,
) -> str:
    from serve_app.errors import ServerFault
    from serve_app.monitoring.experiment.document import ExperimentReport
    from serve_app.monitoring.experiment.page import page

    with web.understood(server or "the admin API"):
        try:
            document = ExperimentReport.from_json(body)
        except ValueError as error:
            msg = f"{server or 'the admin API'} gives a report of another release: {error}"
            raise ServerFault(msg) from None
    return page(document, shadows, arms)


def _nobody() -> Any:
    msg = (
        "experiments are asked of the admin API, and no gateway of this cluster answers; see in "
        "`serve-app status` whether one runs"
    )
    raise NotReady(msg)


def _command(action: str, words: str) -> click.Command:
    """The command that starts or stops the experiment of an endpoint."""

    @_ENDPOINT
    @_REASON
    @option_server
    @output.option_state
    @output.as_json
    def move(
        endpoint: str, reason: str | None, server: str | None, state: str, as_json: bool
    ) -> None:
        known = Place(server, state).ask(
            lambda one: one.move_experiment(endpoint, action, reason), _nobody
        )
        if as_json:
            output.print_json(known)
            return
        since = "" if known["started_s"] is None else f" since {_time(known['started_s'])}"
        shown = known["phase"] + (since if known["phase"] == "running" else "")
        click.echo(f"{endpoint}: the experiment {known['name']} is {shown}")

    return click.command(action, help=words)(move)


experiments.add_command(
    _command("start", "Start an experiment, anew if it was stopped: what came before is left out.")
)
experiments.add_command(_command("stop", "Stop an experiment: what comes later is left out."))

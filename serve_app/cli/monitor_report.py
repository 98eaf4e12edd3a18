"""`serve-app monitor report`: all that the monitor saw, as a page that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within
from serve_app.cluster import web

TIMEOUT_S = 130.0
"""The monitor looks at every window and label again."""


class Address(click.ParamType[str]):
    """A web address, as a page may link to one."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address without what comes after `#`."""
        address = str(value).partition("#")[0]
        if not address.startswith(("http://", "https://")):
            self.fail(f"{value!r} is no address; it begins with https://", param, ctx)
        return address


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("7d", "From when on")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write the page to.  [default: report.html, and none with --json]",
)
@click.option(
    "--runbook",
    type=Address(),
    help="The address of your runbook, which findings link to.  [default: no links]",
)
@option_server
@output.option_state
@output.as_json
def report(
    endpoint: str | None,
    within_s: int,
    out: Path | None,
    runbook: str | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Write what was seen of endpoints as a page: drift, distributions, quality, alarms.

    The page is one file that needs no network and no script. With --json the same is printed for
    programs, whose `schema` grows when something in it changes its meaning.
    """
    with output.progress().status("looking at windows and labels …"):
        body = Place(server, state).ask(
            lambda client: client.read(
                "/report", "schema", timeout_s=TIMEOUT_S, endpoint=endpoint, within_s=within_s
            ),
            only_the_monitor_knows("a report"),
        )
    if out is not None or not as_json:
        content, sentence = _page(body, runbook, server)
        output.write_whole(out or Path("report.html"), content)
        if not as_json:
            click.echo(sentence)
            click.echo(f"{out or 'report.html'}   {len(content.encode()) / 1e3:,.0f} kB")
    if as_json:
        output.print_json(body)


def _page(body: dict[str, Any], runbook: str | None, server: str | None) -> tuple[str, str]:
    """The page and what it comes to."""
    from serve_app.errors import ServerFault
    from serve_app.monitoring.report.document import Report
    from serve_app.monitoring.report.page import page, verdict_of

    with web.understood(server or "the admin API"):
        try:
            document = Report.from_json(body)
        except ValueError as error:
            msg = f"{server or 'the admin API'} gives a report of another release: {error}"
            raise ServerFault(msg) from None
    return page(document, runbook), verdict_of(document)[1]

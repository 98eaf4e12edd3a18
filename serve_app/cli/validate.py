"""`serve-app validate`: everything that is wrong with a config, before it is deployed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve_app.cli import output
from serve_app.cli.pairs import Pair
from serve_app.config import HOME_VARIABLE
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from serve_app.cluster.node import Running
    from serve_app.cluster.node_totals import Totals
    from serve_app.documents.finding import Finding
    from serve_app.serving.checking.report import Report


@click.command()
@click.argument("files", type=click.Path(exists=True, dir_okay=False), nargs=-1, required=True)
@click.option(
    "--production",
    is_flag=True,
    help="Take files of where it runs as well (manifests, values of the chart, ray up), each by "
    "what stands in it. Dockerfiles and units of systemd are among them.",
)
@click.option(
    "--build-arg",
    "build_args",
    type=Pair("NAME=VALUE", "BASE_IMAGE=debian:12"),
    metavar="NAME=VALUE",
    multiple=True,
    help="What a Dockerfile is built with; may be given several times.",
)
@output.option_state
@output.as_json
def validate(
    files: tuple[str, ...],
    production: bool,
    build_args: tuple[tuple[str, str], ...],
    state: str,
    as_json: bool,
) -> None:
    """Check config FILES against Ray's schema, ours, the registry, and the cluster that runs.

    Where a cluster of this folder runs, replicas that none of its nodes can hold are told, too.
    Names every problem with its line and the nearest right name. Deploys nothing.
    """
    from serve_app.cluster.node import Cluster
    from serve_app.serving.checking.validate import validate as check

    nodes = _nodes(Cluster(Path(state)).running())
    places = {file: _of_place(file, dict(build_args)) if production else None for file in files}
    reports = {
        file: check(Path(file), nodes, production=production) if place is None else place
        for file, place in places.items()
    }
    if as_json:
        output.print_json(
            {
                file: [{"line": f.line, "key": f.key, "message": f.message} for f in r.findings]
                for file, r in reports.items()
            }
        )
    for file, report in reports.items():
        for warning in report.warnings:
            output.warn(f"{file}:{warning.line}: {warning.key}: {warning.message}")
        for note in report.notes:
            output.note(f"{file}:{note.line}: {note.key}: {note.message}")
        if not as_json:
            _tell(file, report)
    if any(report.findings for report in reports.values()):
        raise click.exceptions.Exit(1)


def require_valid(file: Path, running: Running) -> Report:
    """Check one file as a cluster that runs sees it, with its nodes and from its folder.

    What comes back is what the file holds.

    Raises:
        ConfigError: it cannot be deployed; lists every problem.
    """
    from serve_app.serving.checking.validate import validate as check

    os.environ[HOME_VARIABLE] = running.environment[HOME_VARIABLE]
    report = check(file, _nodes(running))
    if report.findings:
        listed = "\n".join(f"  {file}:{f.line}: {f.key}: {f.message}" for f in report.findings)
        msg = f"{file} is not deployed:\n{listed}"
        raise ConfigError(msg)
    return report


def _nodes(running: Running | None) -> Totals | None:
    """What the nodes of a cluster have, where one runs and tells."""
    from serve_app.cluster.node_totals import fixed_nodes

    return None if running is None else fixed_nodes(running.dashboard)


def _of_place(file: str, build_args: dict[str, str]) -> Report | None:
    """What is wrong with a file that describes where serve-app runs; none for other files."""
    from serve_app.platforms.kinds import kind_of
    from serve_app.serving.checking.addresses import OPEN
    from serve_app.serving.checking.report import Report
    from serve_app.serving.checking.validate import validate_text

    try:
        text = Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        return None
    kind = kind_of(text, build_args)
    if kind is None:
        return None

    def checked(config: str) -> Iterator[Finding]:
        report = validate_text(config, production=True)
        yield from report.findings
        yield from (one for one in report.warnings if one.message == OPEN)

    # Whoever checks the file knows which of its lines those of the config are.
    everything = kind.findings(text, checked)
    return Report(
        findings=tuple(one for one in everything if one.message != OPEN),
        warnings=tuple(one for one in everything if one.message == OPEN),
    )


def _tell(file: str, report: Report) -> None:
    if not report.findings:
        if not report.applications:
            click.echo(f"{file}: good")
            return
        aliases = f", {', '.join(report.follows)}" if report.follows else ""
        click.echo(
            f"{file}: good ({len(report.applications)} applications, "
            f"endpoints: {', '.join(report.endpoints) or 'none'}{aliases})"
        )
    for finding in report.findings:
        click.echo(f"{file}:{finding.line}: {finding.key}: {finding.message}", err=True)

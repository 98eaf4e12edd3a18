"""`serve-app doctor`: what is open, to whom, and what ought not to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.cluster.doctor.finding import Finding, Level


@click.command()
@output.option_state
@output.option_registry
@click.option("--pid", type=int, help="Look at one process, as of serve-app run, not at a cluster.")
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
@output.as_json
def doctor(state: str, registry: str, pid: int | None, strict: bool, as_json: bool) -> None:
    """Say what is open, to whom, and what ought not to be.

    Looked at are the ports of the cluster's processes, Ray's token, the modes of files, who may
    ask the gateways, versions that nobody has signed, and libraries with published holes. Exit
    code 1 where something is a problem.
    """
    from serve_app.cluster.doctor.examination import worst_first

    with output.progress().status("looking …"):
        findings = worst_first(_findings(Path(state), registry, pid))
    counts = Counter(one.level for one in findings)
    if as_json:
        output.print_json({"problems": counts["problem"], "findings": [*map(asdict, findings)]})
    else:
        _show(findings, counts)
    if counts["problem"] or (strict and counts["warning"]):
        raise click.exceptions.Exit(1)


def _findings(state: Path, registry: str, pid: int | None) -> Iterator[Finding]:
    import psutil

    from serve_app.cluster.doctor import examination
    from serve_app.cluster.node import Cluster
    from serve_app.errors import NotFound

    yield from examination.of_environment()
    if pid is not None:
        try:
            yield from examination.of_process(psutil.Process(pid))
        except psutil.Error as error:
            raise NotFound(f"process {pid} cannot be looked at: {error}") from None
        return
    cluster = Cluster(state)
    running = cluster.running()
    if running is None:
        yield from examination.of_folders(state, registry)
    else:
        yield from examination.of_cluster(running, cluster.processes(), state)


def _show(findings: list[Finding], counts: Mapping[Level, int]) -> None:
    rows = [(one.level, one.check, one.subject, one.text) for one in findings]
    output.print_table("What is open", ["", "check", "what", "how it is"], rows)
    remedies = list(dict.fromkeys(one.remedy for one in findings if one.remedy))
    if remedies:
        click.echo("to do:")
    for remedy in remedies:
        click.echo(f"  {remedy}")
    click.echo(f"{counts['problem']} problems, {counts['warning']} warnings, {counts['ok']} well")

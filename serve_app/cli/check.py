"""`serve-app check`: whether a config and every version that it asks are fit to be deployed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from serve_app.cli import output
from serve_app.cli.pairs import Pair
from serve_app.errors import InvalidInput

if TYPE_CHECKING:
    from serve_app.engine.checks import Check, Wishes


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--cards", is_flag=True, help="Fail where a card lacks what people must write.")
@click.option(
    "--latency-ms",
    type=click.FloatRange(min=0, min_open=True),
    help="Fail where the median of one row takes longer in this process.",
)
@click.option(
    "--memory-mb",
    type=click.FloatRange(min=0, min_open=True),
    help="Fail where a process that loads a version holds more, in 10^6 bytes.",
)
@click.option(
    "--golden",
    type=Pair("MODEL=FILE", "churn=golden.csv", needs_value=True),
    multiple=True,
    metavar="MODEL=FILE",
    help="Fail where versions of MODEL give other answers than FILE (.csv or .jsonl) has beside "
    "its rows, in the columns prediction and probability_<class>; repeatable.",
)
@click.option(
    "--contract",
    type=click.Path(exists=True, dir_okay=False),
    help="Fail where clients that keep to this contract would have to change.",
)
@click.option(
    "--write-contract",
    type=click.Path(dir_okay=False),
    help="Write what clients send and get now as a contract, too.",
)
@click.option("--allow-pickle", is_flag=True, help="Load pickles too, which can run any code.")
@click.option(
    "--junit", type=click.Path(dir_okay=False), help="Write a report as JUnit's XML, too."
)
@click.option(
    "--sarif", type=click.Path(dir_okay=False), help="Write what is wrong as SARIF 2.1.0, too."
)
@output.as_json
def check(
    file: str,
    cards: bool,
    latency_ms: float | None,
    memory_mb: float | None,
    golden: tuple[tuple[str, str], ...],
    contract: str | None,
    write_contract: str | None,
    allow_pickle: bool,
    junit: str | None,
    sarif: str | None,
    as_json: bool,
) -> None:
    """Check a config FILE and every version that it asks, with no cluster; exit code 1 if bad.

    What `serve-app validate` says, and of each version: digests and signatures, the answers to its
    stored rows, and where that is wished its card, its speed, its memory, the answers to rows of a
    file, and whether clients can go on as they are.
    """
    from serve_app.cli import check_reports
    from serve_app.engine.checks import Wishes
    from serve_app.engine.golden import read_golden

    wishes = Wishes(
        allow_pickle=allow_pickle,
        cards=cards,
        latency_ms=latency_ms,
        memory_mb=memory_mb,
        golden={model: read_golden(Path(rows)) for model, rows in golden},
    )
    with output.progress().status("checking …"):
        checks = list(_checks(Path(file), wishes, _Contracts(contract, write_contract)))
    for place, report in ((junit, check_reports.junit), (sarif, check_reports.sarif)):
        if place is not None:
            output.write_whole(Path(place), report(file, checks))
    if as_json:
        output.print_json({"file": file, "checks": [asdict(one) for one in checks]})
    else:
        for one in checks:
            click.echo(_line(file, one), err=one.problem is not None)
    if any(one.problem is not None for one in checks):
        raise click.exceptions.Exit(1)


def _line(file: str, one: Check) -> str:
    if one.problem is not None:
        return f"{file}:{one.line}: {one.kind}: {one.subject}: {one.problem}"
    if one.skipped is not None:
        return f"{one.kind}: {one.subject}: not tried, since {one.skipped}"
    return f"{one.kind}: {one.subject}: good"


class _Contracts(NamedTuple):
    """The file of the contract that is held, and of one that is written."""

    held: str | None
    written: str | None


def _checks(file: Path, wishes: Wishes, contracts: _Contracts) -> Iterator[Check]:
    from serve_app.cli.check_contract import contract_checks, read_contract, write_contract
    from serve_app.engine.checks import Check, checks_of
    from serve_app.registry.card_notes import CardNotes
    from serve_app.serving.checking.validate import validate
    from serve_app.serving.planning.references import registry_and_versions

    began_s = time.perf_counter()
    report = validate(file)
    took_s = time.perf_counter() - began_s
    for finding in report.findings:
        yield Check("config", finding.key, finding.message, line=finding.line, took_s=took_s)
    if report.findings:
        # Whatever it asks cannot be told from what it was to ask.
        return
    yield Check("config", str(file), took_s=took_s)
    registry, references = registry_and_versions(file.read_bytes())
    held = None if contracts.held is None else read_contract(Path(contracts.held))
    unknown = sorted(set(wishes.golden) - {one.partition("@")[0] for one in references})
    if unknown:
        raise InvalidInput(f"--golden {unknown[0]}: {file} asks no version of that model")
    notes = CardNotes(registry.url)
    for reference in references:
        yield from checks_of(registry, notes, reference, wishes, time.perf_counter)
    if held is not None:
        yield from contract_checks(held, registry, references)
    if contracts.written is not None:
        write_contract(Path(contracts.written), registry, references)

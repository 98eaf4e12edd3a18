"""`serve-app audit`: what was changed, by whom, and whether that is all of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.security.audit_reading import Verified


def option_path(function: Any) -> Any:
    """Where the log is."""
    return click.option(
        "--path",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default="./state/audit",
        show_default=True,
        help="The folder of the log: `path` of `audit` in the gateway's args.",
    )(function)


@click.group()
def audit() -> None:
    """See what was changed by the admin API, and verify that nobody changed the log."""


@audit.command()
@option_path
@click.option("--since", help="From this time on: 2026-11-21, or 2026-11-21T12:00:00+00:00.")
@click.option("--actor", help="What this one did alone.")
@click.option("--action", help="This action alone, such as set_weights.")
@output.as_json
def show(
    path: Path, since: str | None, actor: str | None, action: str | None, as_json: bool
) -> None:
    """Show what was done, the oldest first. What it says is worth what `verify` says of it."""
    from serve_app.security.audit_reading import all_events

    moment = "" if since is None else _time(since)
    shown = [
        event
        for event in all_events(path)
        if str(event.get("time")) >= moment
        and actor in {None, event.get("actor")}
        and action in {None, event.get("action")}
    ]
    if as_json:
        output.print_json(shown)
        return
    heads = ["time", "writer", "seq", "actor", "action", "object", "result", "of", "problem"]
    output.print_table("Audit log", heads, [[one.get(head) for head in heads] for one in shown])


@audit.command()
@option_path
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="The public key (PEM) of those who sign checkpoints; repeatable.",
)
@click.option(
    "--copy",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The other folder that has checkpoints: `copy_to`.",
)
@output.as_json
def verify(path: Path, keys: tuple[str, ...], copy: Path | None, as_json: bool) -> None:
    """Verify every line: exit code 1 names the first that was changed, removed or exchanged.

    Without --key, nothing tells whether lines at the end, or a whole file, are missing.

    \b
      serve-app audit verify --path ./state/audit --key keys/audit.pub.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.security import audit_reading
    from serve_app.security.trusted_keys import read_trusted_keys

    known = read_trusted_keys(keys, required=True).keys
    results = [
        audit_reading.verify(path, writer, known, copy)
        for writer in audit_reading.writers(path, copy)
    ]
    if as_json:
        output.print_json([_body(one) for one in results])
    else:
        for one in results:
            click.echo(_words(one, signed=bool(known)), err=one.problem is not None)
    if any(one.problem for one in results):
        raise click.exceptions.Exit(1)


def _body(one: Verified) -> dict[str, Any]:
    return {
        "writer": one.writer,
        "lines": one.lines,
        "signed": one.signed,
        "let_go": one.let_go,
        "bad_line": one.line,
        "problem": one.problem,
    }


def _words(one: Verified, *, signed: bool) -> str:
    if one.problem is not None:
        where = "" if one.line is None else f"line {one.line} "
        return f"{one.writer}: {where}{one.problem}"
    if not signed:
        return f"{one.writer}: {one.lines} lines follow one another; nothing vouches for the end"
    if one.let_go:
        return (
            f"{one.writer}: lines {one.let_go + 1} to {one.signed} as they were signed"
            f"{_since(one)}; those before were let go"
        )
    return f"{one.writer}: {one.signed} lines as they were signed{_since(one)}"


def _since(one: Verified) -> str:
    rest = one.lines - one.signed
    return f", and {rest} since the last checkpoint" if rest else ""


def _time(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--since {text!r} is no time; write 2026-11-21") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")

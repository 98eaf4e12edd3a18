"""`serve-app privacy`: what is kept of one person, shown to them, or erased for good."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.core.json_values import finite

if TYPE_CHECKING:
    from serve_app.cli.privacy_places import Places
    from serve_app.storage.privacy.subject_data import Erased, SubjectData, Whom

_NO_VALUES = "nobody can read their values any more, in backups neither"


def options_subject(function: Callable[..., Any]) -> Callable[..., Any]:
    """Who is meant, and where what is kept of them lies."""
    for option in (
        click.option("--tenant", default="", help="Of which tenant; without it of none."),
        click.option(
            "--subject", required=True, help="Who: the value of the endpoints' `privacy.subject`."
        ),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            default="configs/local.yaml",
            show_default=True,
            envvar="SERVE_APP_CONFIG",
            help="The config that is deployed: it says where records, state and keys are.",
        ),
    ):
        function = option(function)
    return function


@click.group()
def privacy() -> None:
    """Show or erase what is kept of one person, and make the secret that this needs."""


@privacy.command()
@options_subject
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file, mode 600."
)
@output.as_json
def export(config: Path, subject: str, tenant: str, out: Path | None, as_json: bool) -> None:
    """Show all that is kept of a subject: records, feedback, and the lines of the audit log.

    Without --out and --json only how much there is.
    """
    data, _ = _opened(config)
    body = finite(data.export(data.whom(subject, tenant)))
    if out is not None:
        _write_private(out, json.dumps(body, indent=2, default=str).encode() + b"\n")
    if as_json:
        output.print_json(json.loads(json.dumps(body, default=str)))
        return
    counts = body["counts"]
    click.echo(
        f"{counts['records']:,} rows of records ({counts['records_readable']:,} with values), "
        f"{counts['feedback']:,} of feedback, {counts['audit']:,} lines of the audit log"
    )
    if body["erased_at_s"] is not None:
        click.echo(f"erased at {output.shown_time(body['erased_at_s'])}")
    if out is not None:
        click.echo(f"wrote {out}")


@privacy.command()
@options_subject
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def erase(config: Path, subject: str, tenant: str, yes: bool, as_json: bool) -> None:
    """Erase a subject: nobody reads the values of its records again, and its feedback goes.

    Nothing brings them back. Doing it again does no harm.
    """
    data, places = _opened(config)
    whom = data.whom(subject, tenant)
    if not yes:
        click.confirm("this cannot be undone; erase everything about this subject?", abort=True)
    with _audited(places, whom):
        erased = data.erase(whom, time.time())
    if as_json:
        output.print_json(asdict(erased))
        return
    for line in _words(erased):
        click.echo(line)


@privacy.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output.as_json
def secret(file: Path, as_json: bool) -> None:
    """Make the secret that pseudonyms and keys of subjects go back to, in a FILE of mode 600.

    Who loses it loses the values of all records of subjects; keep it apart from their backups.
    """
    _write_private(file, secrets.token_hex(32).encode() + b"\n")
    if as_json:
        output.print_json({"secret": str(file)})
        return
    click.echo(f"wrote {file}; in the monitor's args: privacy: {{secret: {file}}}")


def _opened(config: Path) -> tuple[SubjectData, Places]:
    from serve_app.cli.privacy_places import places_in
    from serve_app.errors import ConfigError
    from serve_app.storage.feedback_erasure import FeedbackErasure
    from serve_app.storage.privacy.retained import subjects_of
    from serve_app.storage.privacy.subject_data import SubjectData
    from serve_app.storage.records.files import Files

    places = places_in(config)
    subjects = subjects_of(places.monitor.privacy)
    if subjects is None:
        msg = (
            f"{config} keeps nothing by subject: the monitor's args need a "
            "`privacy: {secret: FILE}`, which serve-app privacy secret makes"
        )
        raise ConfigError(msg)
    subjects.keys.check()
    files = Files(places.monitor.records, vault=subjects.rows)
    feedback = FeedbackErasure(places.monitor.state)
    return SubjectData(files, subjects.keys, subjects.rows, feedback, places.audit), places


@contextmanager
def _audited(places: Places, whom: Whom) -> Iterator[None]:
    """Write down that a subject is erased, before and after; it is not where that cannot be."""
    from serve_app.security.audit import AuditEvent, Result
    from serve_app.serving.auditing import audit_log
    from serve_app.storage.privacy.subject_data import object_of

    log = audit_log(places.audit_settings, "privacy")
    if log is None:
        yield
        return

    def write(result: Result, of: int | None = None) -> int:
        who = f"{getpass.getuser()} (serve-app privacy)"
        about = object_of(whom)
        return log.write(AuditEvent("erase_subject", about, result, who, whom.tenant, of=of))

    try:
        begun = write("begun")
        try:
            yield
        except BaseException:
            write("failed", begun)
            raise
        write("done", begun)
    finally:
        log.close()


def _words(erased: Erased) -> Iterator[str]:
    records = erased.records
    where = f" of {', '.join(records.endpoints)}" if records.endpoints else ""
    yield f"records: {records.rows:,} rows{where}: {_NO_VALUES}"
    yield f"feedback: {erased.feedback:,} removed"
    yield f"audit: {erased.audit:,} lines stay, which name the subject by its pseudonym alone"
    if not erased.had_key:
        yield "there was no key of this subject: it was erased before, or nothing came of it"


def _write_private(file: Path, content: bytes) -> None:
    """Write a new file that nobody else may read.

    Raises:
        Conflict: there is one already.
    """
    from serve_app.errors import Conflict

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Conflict(f"{file} is there already, and is not overwritten") from None
    with os.fdopen(opened, "wb") as written:
        written.write(content)

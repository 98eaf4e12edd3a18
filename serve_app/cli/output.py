"""How commands speak: tables for people, JSON for programs, progress for those who wait."""

from __future__ import annotations

import datetime as dt
import json
import logging
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

from serve_app.cli.terminal import color
from serve_app.core.json_values import finite

_TRUST = "serve_app.trust"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def console() -> Console:
    """Standard output for people; as wide as needed where it is no terminal."""
    made = Console(highlight=False, force_terminal=color())
    return made if sys.stdout.isatty() else Console(highlight=False, width=160)


def progress() -> Console:
    """Standard error, for what is going on: silent where escape codes are not wanted."""
    return Console(stderr=True, highlight=False, force_terminal=color())


class _ToStatus(logging.Handler):
    """Shows what is being done beside a spinner."""

    def __init__(self, status: Status) -> None:
        super().__init__(logging.INFO)
        self._status = status

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record in place of the last."""
        self._status.update(f"{escape(record.getMessage())} …")


@contextmanager
def progress_of(logger: str, status: Status) -> Iterator[None]:
    """Let a spinner show what a logger says meanwhile."""
    log = logging.getLogger(logger)
    handler, before = _ToStatus(status), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def exports(variables: Mapping[str, str]) -> str:
    """Lines for a shell that hand variables to the programs that it starts."""
    lines = (f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    return "\n".join(lines)


def warn(message: str) -> None:
    """Say on standard error what somebody should know who goes on."""
    click.secho(f"warning: {message}", fg="yellow", err=True, color=color())


def note(message: str) -> None:
    """Say on standard error what is good as it is and may not be what somebody meant."""
    click.secho(f"note: {message}", err=True, color=color())


def print_json(body: Any) -> None:
    """Print JSON and nothing else; numbers for which JSON has no word are null."""
    click.echo(json.dumps(finite(body), indent=2))


def shown_time(at_s: float) -> str:
    """A time for people, in UTC."""
    return f"{dt.datetime.fromtimestamp(at_s, dt.UTC):%Y-%m-%d %H:%M:%S}"


def _as_written(text: str) -> Text:
    """Text of whoever wrote it: no markup, and nothing that could command a terminal."""
    return Text("".join("\N{REPLACEMENT CHARACTER}" if _commands(one) else one for one in text))


def _commands(character: str) -> bool:
    return unicodedata.category(character) == "Cc" and character not in "\n\t"


def tell(status: Status) -> Callable[[str], None]:
    """A way to say beside a spinner what is going on, as it is written."""
    return lambda what: status.update(f"{escape(what)} …")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; a cell that is none stays empty."""
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_as_written("" if cell is None else str(cell)) for cell in row))
    console().print(table)


def write_whole(place: Path, content: str) -> None:
    """Write a file whole: whoever reads it meanwhile has the former one."""
    partial = place.with_name(f".{place.name}.part")
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def option_state(function: Callable[..., Any]) -> Callable[..., Any]:
    """The folder that knows the cluster."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False),
        default="./state",
        show_default=True,
        envvar="SERVE_APP_STATE",
        help="The folder that holds the cluster's record and the snapshots.",
    )(function)


def option_registry(function: Callable[..., Any]) -> Callable[..., Any]:
    """The registry, and whose signatures count in it (`registries.open_registry`)."""
    place = click.option(
        "--registry",
        default="./registry",
        show_default=True,
        envvar="SERVE_APP_REGISTRY",
        help="The model registry: a folder or any fsspec URL.",
    )
    return place(option_trust(function))


def option_trust(function: Callable[..., Any]) -> Callable[..., Any]:
    """Whose signatures of versions and aliases count; `trust_given` says what was given."""
    keys = click.option(
        "--trusted-key",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False),
        envvar="SERVE_APP_TRUSTED_KEYS",
        expose_value=False,
        callback=_kept,
        help="A public key (PEM) that versions may be signed with; repeatable. What is signed "
        "otherwise is refused.",
    )
    required = click.option(
        "--require-signed",
        is_flag=True,
        envvar="SERVE_APP_REQUIRE_SIGNED",
        expose_value=False,
        callback=_kept,
        help="Refuse versions and aliases that no --trusted-key signed.",
    )
    return keys(required(function))


def trust_given() -> tuple[tuple[str, ...], bool]:
    """The files of keys that the command that runs trusts, and whether all must be signed."""
    kept = click.get_current_context().meta.get(_TRUST, {})
    return tuple(kept.get("trusted_key", ())), bool(kept.get("require_signed"))


def _kept(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    context.meta.setdefault(_TRUST, {})[parameter.name] = value
    return value

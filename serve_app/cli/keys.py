"""`serve-app keys`: who may use a server, by API keys that are shown once."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, option_server
from serve_app.cli.key_options import Written, option_output_file
from serve_app.cli.lengths import Length
from serve_app.cluster import web
from serve_app.core.access import KeyChange, KeyOrder, KeyRevocation, KeyRotation
from serve_app.errors import Forbidden, Unauthenticated
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from serve_app.control.keys import KeyBook

Command = Callable[..., Any]
Json = dict[str, Any]
_NOT_HERE = (Forbidden, Unauthenticated)


@click.group()
def keys() -> None:
    """Make, list, replace and revoke API keys.

    They are those of the cluster of the state folder; of the server at --server, which needs a key
    with the scope admin:keys; or of a file that `serve-app run --keys-file` reads.
    """


def _where(function: Command) -> Command:
    file = click.option(
        "--file", "keys_file", type=click.Path(dir_okay=False, path_type=Path),
        help="The file that serve-app run reads, in place of the keys of a cluster.",
    )  # fmt: skip
    return file(option_server(output.option_state(output.as_json(function))))


_REASON = click.option("--reason", help="Why, for those who look at `serve-app events` later.")


@keys.command()
@click.argument("principal")
@click.option(
    "--scope", "scopes", multiple=True, required=True,
    help="What it may do: predict, explain, feedback, read:metadata, admin:weights …; with an "
    "endpoint, as predict:churn, there alone.",
)  # fmt: skip
@click.option(
    "--endpoint", "endpoints", multiple=True, default=("*",), show_default=True,
    help="The endpoints that it is for; * stands for any text.",
)  # fmt: skip
@click.option("--tenant", default="", help="For whom the principal asks.")
@click.option("--expires-in", "lasts_s", type=Length(), help="How long it is valid, as 12h or 90d.")
@click.option(
    "--detail", default="", show_default="as the config says",
    help="How exactly it is told what models say: full, rounded, rounded(3) or top1.",
)  # fmt: skip
@option_output_file
@_REASON
@_where
def create(
    principal: str,
    scopes: tuple[str, ...],
    endpoints: tuple[str, ...],
    tenant: str,
    lasts_s: float | None,
    detail: str,
    output_file: Path | None,
    reason: str | None,
    keys_file: Path | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Make a key for PRINCIPAL, and print it: nobody can show it again.

    \b
      serve-app keys create ops --scope admin --output-file ops.key
      serve-app keys create billing --scope predict --scope feedback --endpoint 'churn*'
      serve-app keys create phone --scope predict:churn --expires-in 90d --file keys.json
    """  # noqa: D301 - click looks for the character
    expires_at_s = None if lasts_s is None else time.time() + lasts_s
    order = KeyOrder(principal, scopes, tenant, endpoints, expires_at_s=expires_at_s, detail=detail)
    with _written(output_file) as written:
        issued = _change(_Place(keys_file, server, state), order, reason)
        written.write(issued["key"])
    _show_new(issued, output_file, as_json=as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", "overlap_s", type=Length(), default="1d", show_default=True,
    help="How long both keys are valid.",
)  # fmt: skip
@option_output_file
@_REASON
@_where
def rotate(
    key_id: str,
    overlap_s: float,
    output_file: Path | None,
    reason: str | None,
    keys_file: Path | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Make a key that may do what the key ID may, which ends after the overlap."""
    with _written(output_file) as written:
        order = KeyRotation(key_id, overlap_s)
        issued = _change(_Place(keys_file, server, state), order, reason)
        written.write(issued["key"])
    _show_new(issued, output_file, as_json=as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@_REASON
@_where
def revoke(
    key_id: str,
    reason: str | None,
    keys_file: Path | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Let the key ID be valid no more, for ever."""
    record = _change(_Place(keys_file, server, state), KeyRevocation(key_id), reason)
    if as_json:
        output.print_json(record)
        return
    click.echo(f"the key {key_id} of {record['principal']} is revoked")
    _tell_who_is_behind(record)


@keys.command("list")
@_where
def list_keys(keys_file: Path | None, server: str | None, state: str, as_json: bool) -> None:
    """Show whose keys there are, what they grant and how they stand; never a key itself."""
    known = _Place(keys_file, server, state).ask(
        lambda client: client.read("/keys", "keys")["keys"], lambda book: book.listed()
    )
    if as_json:
        output.print_json({"keys": known})
        return
    heads = ["id", "principal", "tenant", "scopes", "endpoints", "state", "detail", "made", "until"]
    output.print_table("Keys", heads, [_row(one) for one in known])


class _Place:
    """Where keys are: in a file, at a server, in the cluster or the state store of a folder."""

    def __init__(self, keys_file: Path | None, server: str | None, state: str) -> None:
        if keys_file is not None and server is not None:
            raise click.UsageError("name --file or --server, not both.")
        self._file = keys_file
        self._server = server
        self._state = state

    def ask(self, question: Callable[[AdminClient], Any], of_book: Callable[[KeyBook], Any]) -> Any:
        """What the admin API answers; here, whoever may write the state store needs no key."""
        if self._file is not None:
            return of_book(_book_of_file(self._file))
        try:
            place = Place(self._server, self._state)
            return place.ask(question, lambda: of_book(_book_of_state(self._state)))
        except _NOT_HERE:
            if self._server:
                raise
            return of_book(_book_of_state(self._state))


def _book_of_state(state: str) -> KeyBook:
    from serve_app.control.keys import KeyBook
    from serve_app.storage.events import EventLog
    from serve_app.storage.keys import KeyStore

    return KeyBook(
        KeyStore(state),
        clock=time.time,
        random_bytes=secrets.token_bytes,
        keep_event=EventLog(state).append,
    )


def _book_of_file(file: Path) -> KeyBook:
    from serve_app.control.keys import KeyBook
    from serve_app.storage.keys_file import KeysFile

    return KeyBook(
        KeysFile(file),
        clock=time.time,
        random_bytes=secrets.token_bytes,
        keep_event=lambda _event: None,
    )


def _change(place: _Place, order: KeyChange, reason: str | None) -> Json:
    """What came of a change, by the admin API or past it."""
    from serve_app.control.keys import changed

    who, why = current_user(), reason or ""
    signed = {"by": who, "reason": why}

    def sent(client: AdminClient) -> Json:
        if isinstance(order, KeyOrder):
            return client.send(web.post, "/keys", {**asdict(order), **signed})
        path = f"/keys/{quote(order.id, safe='')}"
        if isinstance(order, KeyRotation):
            body = {"overlap_s": order.overlap_s, **signed}
            return client.send(web.post, f"{path}/rotate", body)
        return client.send(web.delete, path, signed)

    outcome: Json = place.ask(sent, lambda book: changed(book, order, who, why))
    return outcome


@contextmanager
def _written(file: Path | None) -> Iterator[Written]:
    """Where a new key is written to; a file is opened before there is a key that could be lost."""
    if file is None:
        yield Written(None)
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"the key cannot be written to {file}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        try:
            yield Written(stream)
        except BaseException:
            with suppress(OSError):
                file.unlink()
            raise


def _show_new(issued: Mapping[str, Any], output_file: Path | None, *, as_json: bool) -> None:
    shown = {**issued} if output_file is None else {**issued, "key": None}
    if as_json:
        output.print_json(shown)
        return
    if output_file is None:
        click.echo(issued["key"])
        click.echo(f"this is the key {issued['id']}; nobody can show it again", err=True)
    else:
        click.echo(f"the key {issued['id']} of {issued['principal']} is in {output_file}")
    _tell_who_is_behind(issued)


def _tell_who_is_behind(outcome: Mapping[str, Any]) -> None:
    if behind := outcome.get("behind"):
        output.warn(f"these gateways do not know of it yet: {', '.join(behind)}")


def _row(one: Mapping[str, Any]) -> list[Any]:
    until = one["expires_at_s"]
    return [
        one["id"],
        one["principal"],
        one["tenant"],
        ", ".join(one["scopes"]),
        ", ".join(one["endpoints"]),
        one["state"],
        one["detail"],
        output.shown_time(one["created_at_s"]),
        "" if until is None else output.shown_time(until),
    ]

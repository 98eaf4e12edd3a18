"""`serve-app models alias`: which version an alias names, and its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, ask_of_models, option_server
from serve_app.cli.completion import complete_version
from serve_app.cli.registries import open_registry, option_signer, signer_of
from serve_app.core import reference as references
from serve_app.registry.aliases import AliasMove, Expected
from serve_app.registry.listed import moves
from serve_app.registry.store import Registry
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from serve_app.security.signer import Signer

_NONE = "none"


def _expected(_: click.Context, __: click.Parameter, text: str | None) -> Expected | None:
    """What an alias must name to be moved."""
    if text is None:
        return None
    number = references.number(text)
    if number is None and text != _NONE:
        msg = f"{text!r} is neither the number of a version nor {_NONE}"
        raise click.BadParameter(msg)
    return Expected(number)


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION]", shell_complete=complete_version)
@click.argument("alias_name", metavar="ALIAS", required=False)
@click.option("--remove", is_flag=True, help="Let ALIAS name no version any more.")
@click.option("--reason", help="Why it moves, for the history.")
@click.option(
    "--expected",
    metavar="N|none",
    callback=_expected,
    help="Move it only where it names this version now, or none yet; otherwise it is refused.",
)
@option_signer
@option_server
@output.option_state
@output.option_registry
@output.as_json
def alias(
    reference: str,
    alias_name: str | None,
    remove: bool,
    reason: str | None,
    expected: Expected | None,
    server: str | None,
    state: str,
    registry: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Let ALIAS (such as champion) name a version, or show a model's aliases and history.

    With --sign-key it is moved in the registry itself, which --registry names.
    """
    place = Place(server, state)
    signer = signer_of(given["sign_key"], given["signer"])
    store = partial(open_registry, registry, signer)
    change = _Change(reason, expected)
    if remove:
        name, wanted = _alias_of(reference, alias_name)
        move = _ask(
            place,
            signer,
            lambda client: client.remove_alias(name, wanted, reason, **change.sent),
            lambda: _moved(name, wanted, change.remove(store(), name, wanted)),
        )
        _print_move(move, f"{name}@{wanted} names no version any more", as_json=as_json)
    elif alias_name is not None:
        move = _ask(
            place,
            signer,
            lambda client: client.move_alias(reference, alias_name, reason, **change.sent),
            lambda: change.set(store(), reference, alias_name),
        )
        name = move["model"]
        words = f"{name}@{alias_name} is now {name}@{move['version']}"
        _print_move(move, words, as_json=as_json)
    else:
        name = references.model_of(reference)
        history = ask_of_models(
            place,
            lambda client: client.aliases(name),
            lambda: list(moves(open_registry(registry), name)),
        )
        _print_moves(name, history, as_json=as_json)


def _print_moves(name: str, history: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(history)
        return
    heads = ["alias", "version", "previous", "moved_at", "by", "reason"]
    output.print_table(f"Aliases of {name}", heads, [[m[h] for h in heads] for m in history])


def _alias_of(reference: str, alias_name: str | None) -> tuple[str, str]:
    name, _, named_alias = reference.partition("@")
    wanted = alias_name or named_alias
    if not wanted:
        msg = f"Which alias of {name}? Write: serve-app models alias {name} ALIAS --remove"
        raise click.UsageError(msg)
    return name, wanted


def _ask(
    place: Place,
    signer: Signer | None,
    question: Callable[[AdminClient], dict[str, Any]],
    of_files: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Move an alias by the admin API, or in the registry itself, where a key can be used."""
    return ask_of_models(place, question, of_files) if signer is None else of_files()


@dataclass(frozen=True, slots=True)
class _Change:
    """Why an alias moves, and from where it must."""

    reason: str | None
    expected: Expected | None

    @property
    def sent(self) -> dict[str, int | None]:
        """What the admin API is told of the version that is expected."""
        return {} if self.expected is None else {"expected": self.expected.version}

    def set(self, store: Registry, reference: str, alias_name: str) -> dict[str, Any]:
        """Move it in the registry itself."""
        name, version = store.resolve(reference)
        who, why = current_user(), self.reason
        move = store.set_alias(
            name, alias_name, version, by=who, reason=why, expected=self.expected
        )
        return _moved(name, alias_name, move)

    def remove(self, store: Registry, name: str, alias_name: str) -> AliasMove:
        """Remove it in the registry itself."""
        who, why = current_user(), self.reason
        return store.remove_alias(name, alias_name, by=who, reason=why, expected=self.expected)


def _moved(name: str, alias_name: str, move: AliasMove) -> dict[str, Any]:
    return {"model": name, "alias": alias_name, **asdict(move)}


def _print_move(move: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(move)
    else:
        click.echo(words)

"""`serve-app models diff` and `card`: what versions are, and what differs between two."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, ask_of_models, option_server
from serve_app.cli.completion import complete_version
from serve_app.cli.registries import open_registry
from serve_app.errors import InvalidInput
from serve_app.registry.manifest import Manifest
from serve_app.registry.named import named
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from serve_app.engine.lineage.card import Card

_REFERENCE = "MODEL[@VERSION|@ALIAS]"


@click.command()
@click.argument("before", metavar=_REFERENCE, shell_complete=complete_version)
@click.argument("after", metavar=_REFERENCE, shell_complete=complete_version)
@option_server
@output.option_state
@output.option_registry
@output.as_json
def diff(
    before: str, after: str, server: str | None, state: str, registry: str, as_json: bool
) -> None:
    """Show what differs between two versions, and nothing else.

    Parameters, metrics, columns, data, code, libraries, machine, run and files; a model without a
    version is its newest.
    """
    from serve_app.engine.lineage.difference import differences

    one, other = (
        _manifest(reference, Place(server, state), registry) for reference in (before, after)
    )
    different = differences(one, other)
    if as_json:
        rows = [asdict(each) for each in different]
        output.print_json({"before": one.reference, "after": other.reference, "differences": rows})
        return
    if not different:
        click.echo(f"{one.reference} and {other.reference} differ in nothing")
    for section, group in groupby(different, key=lambda each: each.section):
        table = [[each.what, _shown(each.before), _shown(each.after)] for each in group]
        output.print_table(section, ["what", one.reference, other.reference], table)


def _manifest(reference: str, place: Place, registry: str) -> Manifest:
    """A version's manifest, as the admin API or the registry's files tell it."""

    def of_files() -> Manifest:
        store = open_registry(registry)
        return store.manifest(*named(store, reference))

    return ask_of_models(
        place,
        lambda client: Manifest.decode(json.dumps(client.version(reference)).encode()),
        of_files,
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@click.command()
@click.argument("reference", metavar=_REFERENCE, shell_complete=complete_version)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "html", "json"]),
    default="markdown",
    show_default=True,
    help="Markdown has the front matter of the Hugging Face Hub.",
)
@click.option("--out", type=click.Path(dir_okay=False), help="A file to write in place of print.")
@click.option(
    "--add",
    type=click.Path(exists=True, dir_okay=False),
    help="Add the sections of a Markdown file (## Intended use, ## Limitations, any other) to the "
    "card, for good: what stands there already stays.",
)
@click.option("--complete", is_flag=True, help="Fail where a section is missing that people write.")
@output.option_registry
@output.as_json
def card(
    reference: str,
    form: str,
    out: str | None,
    add: str | None,
    complete: bool,
    registry: str,
    as_json: bool,
) -> None:
    """Write the card of a version: use and limits, metrics, columns, data, code, parameters."""
    from serve_app.engine.lineage.card import card_of
    from serve_app.engine.lineage.sections import sections_of
    from serve_app.registry.card_notes import CardNotes

    store = open_registry(registry)
    manifest = store.manifest(*named(store, reference))
    notes = CardNotes(registry)
    for heading, text in sections_of(Path(add), "--add") if add else ():
        notes.add(manifest.name, manifest.version, heading, text, by=current_user())
    made = card_of(manifest, notes.of(manifest.name, manifest.version))
    content = _rendered(made, "json" if as_json else form)
    if out is None:
        click.echo(content.rstrip("\n"))
    else:
        output.write_whole(Path(out), content)
        click.echo(f"wrote {out}", err=True)
    if complete and made.missing:
        msg = (
            f"the card of {made.reference} lacks {' and '.join(map(repr, made.missing))}: write "
            f"them in a file below such headings (## {made.missing[0]}), and add it: serve-app "
            f"models card {made.reference} --add FILE"
        )
        raise InvalidInput(msg, missing=list(made.missing))


def _rendered(made: Card, form: str) -> str:
    from serve_app.engine.lineage.card_text import html, markdown

    if form == "json":
        return json.dumps(made.to_json(), indent=2) + "\n"
    return html(made) if form == "html" else markdown(made)

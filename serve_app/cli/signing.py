"""`serve-app sign`, `verify` and `signing-key`: who vouches for a version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version
from serve_app.cli.registries import signer_of

if TYPE_CHECKING:
    from serve_app.registry.store import Registry
    from serve_app.security.trusted_keys import TrustedKeys

argument_versions = click.argument(
    "references", metavar="MODEL[@VERSION|@ALIAS]...", nargs=-1, shell_complete=complete_version
)


@click.command()
@argument_versions
@click.option(
    "--key",
    "sign_key",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="The private key (PEM); serve-app signing-key makes one.",
)
@click.option("--signer", help="Who signs, as people will read it.  [default: who is logged in]")
@output.option_registry
@output.as_json
def sign(
    references: tuple[str, ...], sign_key: str, signer: str | None, registry: str, as_json: bool
) -> None:
    """Vouch for versions: sign what is stored of each, once every byte of it is as registered.

    \b
      serve-app signing-key release.pem
      serve-app sign churn@3 --key release.pem --signer "Ada, release"
    """  # noqa: D301 - click looks for the character
    from serve_app.registry.named import named
    from serve_app.registry.store import Registry

    who = signer_of(sign_key, signer)
    if not references or who is None:
        raise click.UsageError("Which versions? Name them: serve-app sign MODEL@NUMBER --key …")
    # Whatever signature there is already, another one is wanted: none is checked.
    store = Registry(registry)
    signed = [store.sign(*named(store, one), who).reference for one in references]
    if as_json:
        output.print_json({"signed": signed, "key": who.key_id, "signer": who.name})
        return
    for reference in signed:
        click.echo(f"{reference}: signed by {who.name} (key {who.key_id[:16]}…)")


@click.command()
@argument_versions
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A public key (PEM) that counts; repeatable.  [default: those of --trusted-key]",
)
@output.option_registry
@output.as_json
def verify(
    references: tuple[str, ...], keys: tuple[str, ...], registry: str, as_json: bool
) -> None:
    """Verify who signed versions, and every digest of theirs; all versions when none is named.

    The first that is not signed with a key that counts, or of which a byte was changed, is an
    error. Of MODEL@ALIAS, the alias's last move is verified too.

    \b
      serve-app verify churn@3 --key release.pub.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.registry.store import Registry
    from serve_app.security.trusted_keys import read_trusted_keys

    counting = keys or output.trust_given()[0]
    if not counting:
        msg = (
            "Whose signatures count? Name public keys with --key, --trusted-key or "
            "SERVE_APP_TRUSTED_KEYS. serve-app models verify compares digests alone."
        )
        raise click.UsageError(msg)
    trust = read_trusted_keys(counting, required=True)
    store = Registry(registry, trust=trust)
    verified = [_verified(store, trust, *one) for one in _versions(store, references)]
    if as_json:
        output.print_json({"verified": verified})
        return
    for one in verified:
        for by in one["signatures"]:
            click.echo(
                f"{one['version']}: as {by['signer']} signed it, {by['signed_at']}; "
                "every digest is as registered"
            )


def _versions(store: Registry, references: tuple[str, ...]) -> list[tuple[str, int]]:
    from serve_app.registry.named import named

    if references:
        return [named(store, one) for one in references]
    return [(name, number) for name in store.models() for number in store.versions(name)]


def _verified(store: Registry, trust: TrustedKeys, name: str, number: int) -> dict[str, Any]:
    stored = store.as_stored(name, number)
    envelopes = [content for path, content in stored.items() if path.startswith("signatures/")]
    statements = trust.signers_of(name, number, stored["manifest.json"], envelopes)
    kept = ("signer", "signed_at", "previous")
    return {
        "version": f"{name}@{number}",
        "manifest_sha256": statements[0].manifest_sha256,
        "signatures": [{key: asdict(one)[key] for key in kept} for one in statements],
    }


@click.command("signing-key")
@click.argument("path", metavar="KEY.pem", type=click.Path(dir_okay=False, path_type=Path))
@output.as_json
def signing_key(path: Path, as_json: bool) -> None:
    """Make a signer's pair of keys: KEY.pem signs versions, KEY.pub.pem verifies them.

    KEY.pem can be read by its owner alone. Neither overwrites a file.
    """
    from serve_app.cli.key_files import write_key_pair

    public = write_key_pair(path)
    if as_json:
        output.print_json({"private": str(path), "public": str(public)})
        return
    click.echo(f"{path}: keep it secret; it signs versions and aliases")
    click.echo(f"{public}: name it among the trusted_keys of a config's registry")

"""`serve-app export`: files of a version for places where Ray does not run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version
from serve_app.core.places import standing_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from serve_app.export.place import Exported
    from serve_app.export.wheel import WheelOptions

argument_version = click.argument(
    "reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version
)


def option_target(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where files are written to."""
    force = click.option("--force", is_flag=True, help="Overwrite a file that is there already.")
    folder = click.option(
        "--out",
        type=click.Path(file_okay=False),
        default="./dist",
        show_default=True,
        help="The folder for the file; it is made where there is none.",
    )
    return folder(force(function))


def option_wheel(function: Callable[..., Any]) -> Callable[..., Any]:
    """How the wheel is made, whether it is written as it is or into a bundle."""
    number = click.option(
        "--wheel-version",
        default="1.0.0",
        show_default=True,
        metavar="N.N.N",
        help="The version of the package itself, to be raised when a model is exported anew.",
    )
    walk = click.option(
        "--without-onnxruntime",
        is_flag=True,
        help="Let NumPy walk the trees, for machines that ONNX Runtime is not built for: the same "
        "answers, but slower.",
    )
    key = click.option(
        "--update-key",
        type=click.Path(exists=True, dir_okay=False),
        help="The public key (PEM) of those whose signed bundles the device takes as updates.",
    )
    return number(walk(key(function)))


class Kinds(click.Group):
    """Imports what makes a kind of file when it is called."""

    KINDS: ClassVar[dict[str, str]] = {
        "bundle": "serve_app.cli.export_bundle:bundle",
        "dockerfile": "serve_app.cli.export_dockerfile:dockerfile",
        "helm": "serve_app.cli.export_kubernetes:helm",
        "key": "serve_app.cli.export_bundle:key",
        "kuberay": "serve_app.cli.export_kubernetes:kuberay",
        "oms": "serve_app.cli.export_oms:oms",
        "oms-verify": "serve_app.cli.export_oms:oms_verify",
        "onnx": "serve_app.cli.export:onnx",
        "ray-up": "serve_app.cli.export_ray_up:ray_up",
        "sbom": "serve_app.cli.export_sbom:sbom",
        "sign": "serve_app.cli.export_signing:sign",
        "systemd": "serve_app.cli.export_systemd:systemd",
        "verify": "serve_app.cli.export_signing:verify",
        "wheel": "serve_app.cli.export:wheel",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The kinds, in order."""
        return sorted(self.KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one."""
        place = self.KINDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = standing_at(place)
        return command


@click.group(cls=Kinds)
def export() -> None:
    """Make files of versions for devices without Ray: wheels, ONNX graphs, signed updates."""


@click.command()
@argument_version
@option_wheel
@option_target
@output.option_registry
@output.as_json
def wheel(
    reference: str, registry: str, out: str, force: bool, as_json: bool, **options: Any
) -> None:
    """Write a wheel that answers for one version, and needs numpy (and onnxruntime) alone.

    \b
      pip install dist/churn_1-1.0.0-py3-none-any.whl
      python -m churn_1 < rows.json
    """  # noqa: D301 - click looks for the character
    from serve_app.cli.registries import open_registry
    from serve_app.export.wheel import export_wheel
    from serve_app.registry.named import named

    store = open_registry(registry)
    exported = export_wheel(store, *named(store, reference), wheel_options(**options))
    tell(exported, out, force=force, as_json=as_json)


@click.command()
@argument_version
@option_target
@output.option_registry
@output.as_json
def onnx(reference: str, registry: str, out: str, force: bool, as_json: bool) -> None:
    """Write one version as an ONNX graph, from its columns to labels and probabilities.

    It is held against the server on random rows first, and refused where a step has no ONNX form
    or an answer differs. A graph refuses no rows: gaps and unknown values are the caller's to
    check. Gaps in numbers are NaN, gaps in text are empty text.
    """
    from serve_app.cli.registries import open_registry
    from serve_app.export.onnx import export_onnx
    from serve_app.registry.named import named

    store = open_registry(registry)
    tell(export_onnx(store, *named(store, reference)), out, force=force, as_json=as_json)


def wheel_options(
    *, wheel_version: str, without_onnxruntime: bool, update_key: str | None
) -> WheelOptions:
    """What somebody wants of a wheel.

    Raises:
        InvalidInput: the file holds no public key.
    """
    from serve_app.export.runtime.bundle import public_key
    from serve_app.export.wheel import WheelOptions

    key = None if update_key is None else public_key(Path(update_key).read_bytes())
    return WheelOptions(wheel_version, not without_onnxruntime, key)


def tell(exported: Exported, out: str, *, force: bool, as_json: bool) -> None:
    """Write an exported file and say what it is."""
    from serve_app.export.place import write

    path = write(exported, Path(out), force=force)
    if as_json:
        body = {
            "file": str(path),
            "version": exported.manifest.reference,
            "size_bytes": len(exported.content),
            "needs": list(exported.needs),
            **exported.details,
        }
        output.print_json(body)
        return
    needs = f", needs {', '.join(exported.needs)}" if exported.needs else ""
    size = f"{len(exported.content) / 1000:,.0f} kB"
    click.echo(f"{path}: {exported.manifest.reference}, {size}{needs}")
    for name, value in exported.details.items():
        click.echo(f"  {name.replace('_', ' ')}: {value}")

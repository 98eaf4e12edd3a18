"""The command `serve-app`: commands are imported when they are called, so that help is quick."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from typing import Any

import click

from serve_app import __version__
from serve_app.errors import InvalidInput, ServeError

COMMANDS = {
    "cluster": ("serve_app.cli.cluster:cluster", "Start and stop a local Ray cluster."),
    "demo": ("serve_app.cli.demo:demo", "Train, register, start, deploy and predict."),
    "deploy": ("serve_app.cli.deploy:deploy", "Validate a config and `serve deploy` it."),
    "endpoints": ("serve_app.cli.endpoints:endpoints", "See, add, remove and weigh endpoints."),
    "feedback": ("serve_app.cli.feedback:feedback", "See what clients said of predictions."),
    "init": ("serve_app.cli.init:init", "Write a config for what is registered."),
    "models": ("serve_app.cli.models:models", "See registered models and move aliases."),
    "predict": ("serve_app.cli.predict:predict", "Ask an endpoint about rows of a file."),
    "register": ("serve_app.cli.register:register", "Register a trained model."),
    "serve": ("serve_app.cli.serve:serve", "Serve one model, from its file to an answer."),
    "status": ("serve_app.cli.status:status", "See applications, replicas and endpoints."),
    "train-examples": ("serve_app.cli.examples:train_examples", "Train and register examples."),
    "validate": ("serve_app.cli.validate:validate", "Check a config before it is deployed."),
}


class Commands(click.Group):
    """Knows every command's one-line help, and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, name = found[0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that is none is told with the nearest one."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if near and near[0] != args[0]:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="serve-app")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Put trained tabular models into production on Ray Serve.

    \b
    A first tour:
      serve-app train-examples              train and register example models
      serve-app cluster start               start a local Ray cluster
      serve-app deploy configs/local.yaml   validate, then `serve deploy`
      serve-app status                      applications, replicas, endpoints
      serve-app predict diagnosis --data rows.csv
      serve-app serve churn model.skops --data train.csv --target churned
      serve-app cluster stop                stop everything
    """  # noqa: D301 - click looks for the character
    ctx.obj = debug


def main(arguments: list[str] | None = None) -> None:
    """Run a command; an error is one line that says what to do, with exit code 1."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # Everywhere on the line, since nobody remembers where it belongs.
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = cli(given, standalone_mode=False, prog_name="serve-app")
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ServeError, OSError) as error:
        if debug:
            raise
        _explain(error)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: ServeError | OSError) -> None:
    message = error.message if isinstance(error, ServeError) else str(error)
    click.secho("error: ", fg="red", err=True, nl=False)
    click.echo(message, err=True)
    if isinstance(error, InvalidInput):
        violations: list[dict[str, Any]] = error.details.get("violations", [])
        for v in violations:
            where = f"row {v['row']}, column {v['column']!r}"
            click.echo(
                f"  {where}: {v['rule']}: expected {v['expected']}, got {v['seen']}", err=True
            )

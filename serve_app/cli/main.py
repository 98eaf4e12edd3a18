"""The command `serve-app`: commands are imported when they are called, so that help is quick."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.shell_completion import CompletionItem

from serve_app import __version__
from serve_app.cli.terminal import color
from serve_app.core.extras import missing
from serve_app.core.places import standing_at
from serve_app.errors import InvalidInput, ServeError
from serve_app.redaction import without_secrets

LONGEST = 400
COMMANDS = {
    "apply": ("serve_app.cli.plan:apply", "Deploy what a plan says, unless it is stale."),
    "audit": ("serve_app.cli.audit:audit", "See what was changed, and verify the log of it."),
    "build": ("serve_app.cli.build:build", "Make an image's context of one version."),
    "check": ("serve_app.cli.check:check", "Check a config and every version that it asks."),
    "cluster": ("serve_app.cli.cluster:cluster", "Start and stop a local Ray cluster."),
    "completion": ("serve_app.cli.shells:completion", "Let a shell complete commands and names."),
    "demo": ("serve_app.cli.demo:demo", "Train, register, start, deploy and predict."),
    "deploy": ("serve_app.cli.deploy:deploy", "Validate a config and `serve deploy` it."),
    "doctor": ("serve_app.cli.doctor:doctor", "See what is open, to whom, and what must not be."),
    "endpoints": ("serve_app.cli.endpoints:endpoints", "See, add, remove and weigh endpoints."),
    "ensemble": ("serve_app.cli.ensemble:ensemble", "Learn the weights of an ensemble."),
    "events": ("serve_app.cli.events:events", "See what was changed, by whom, and why."),
    "experiments": (
        "serve_app.cli.experiments:experiments",
        "Start, stop and judge experiments of endpoints.",
    ),
    "export": ("serve_app.cli.export:export", "Make files of versions for devices without Ray."),
    "feedback": (
        "serve_app.cli.feedback:feedback",
        "See or import what was true.",
    ),
    "init": ("serve_app.cli.init:init", "Write a config for what is registered."),
    "jobs": ("serve_app.cli.jobs:jobs", "See, stop and resume batch jobs of files."),
    "keys": ("serve_app.cli.keys:keys", "Make, list, replace and revoke API keys."),
    "mlflow": ("serve_app.cli.mlflow:mlflow", "Tell MLflow of versions, and sync aliases."),
    "models": ("serve_app.cli.models:models", "See registered models and move aliases."),
    "monitor": (
        "serve_app.cli.monitor:monitor",
        "Show drift, quality and alerts, start Prometheus.",
    ),
    "plan": ("serve_app.cli.plan:plan", "See what a deploy of a config would change."),
    "privacy": ("serve_app.cli.privacy:privacy", "Show or erase what is kept of one person."),
    "predict": (
        "serve_app.cli.predict:predict",
        "Ask an endpoint, or a version here, about rows of files.",
    ),
    "records": ("serve_app.cli.records:records", "Query the log of predictions, and replay it."),
    "register": ("serve_app.cli.register:register", "Register a trained model."),
    "retrain": (
        "serve_app.cli.retrain:retrain",
        "Train pipelines again, and promote what is better.",
    ),
    "rollout": (
        "serve_app.cli.rollout:rollout",
        "See and decide about candidates of canaries.",
    ),
    "run": ("serve_app.cli.run:run", "Answer in one process, without Ray."),
    "serve": ("serve_app.cli.serve:serve", "Serve one model, from its file to an answer."),
    "sign": ("serve_app.cli.signing:sign", "Vouch for versions with a key."),
    "signing-key": ("serve_app.cli.signing:signing_key", "Make a signer's pair of keys."),
    "simulate": ("serve_app.cli.simulate:simulate", "Send rows and feedback as clients do."),
    "status": ("serve_app.cli.status:status", "See applications, replicas and endpoints."),
    "train": ("serve_app.cli.train:train", "Train as pipelines say, and register the best."),
    "train-examples": ("serve_app.cli.examples:train_examples", "Train and register examples."),
    "validate": ("serve_app.cli.validate:validate", "Check a config before it is deployed."),
    "verify": ("serve_app.cli.signing:verify", "Verify who signed versions, and their digests."),
}


class Commands(click.Group):
    """Knows every command's one-line help, and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = standing_at(entry[0])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that is none is told with the nearest one."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if near and near[0] != args[0]:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of commands without importing them."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        names = [
            CompletionItem(name, help=text)
            for name, (_, text) in sorted(COMMANDS.items())
            if name.startswith(incomplete)
        ]
        return [*names, *options]

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
      eval "$(serve-app completion bash)"   let the tab key complete commands and names
    """  # noqa: D301 - click looks for the character
    ctx.obj = debug
    ctx.color = color()


def main(arguments: list[str] | None = None) -> None:
    """Run a command; an error is one line that says what to do, with exit code 1."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # Everywhere on the line, since nobody remembers where it belongs.
    given = [argument for argument in given if argument != "--debug"]
    try:
        with _quiet(debug=debug):
            code = cli(given, standalone_mode=False, prog_name="serve-app")
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        # Libraries raise whatever they like, and nobody outside can mend a traceback.
        if debug:
            raise
        _explain(error, given)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _quiet(*, debug: bool) -> Iterator[None]:
    """Keep what libraries say to programmers from people, unless somebody asks for it."""
    with warnings.catch_warnings():
        if not debug and not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield


def _explain(error: Exception, given: list[str]) -> None:
    click.secho("error: ", fg="red", err=True, nl=False, color=color())
    click.echo(without_secrets(_words(error, given)), err=True, color=color())
    if isinstance(error, InvalidInput):
        violations: list[dict[str, Any]] = error.details.get("violations", [])
        for v in violations:
            where = f"row {v['row']}, column {v['column']!r}"
            click.echo(
                f"  {where}: {v['rule']}: expected {v['expected']}, got {v['seen']}", err=True
            )


def _words(error: Exception, given: list[str]) -> str:
    if isinstance(error, ServeError):
        return error.message
    if isinstance(error, ModuleNotFoundError) and (words := missing(error)) is not None:
        return f"{' '.join(['serve-app', *given[:1]])} needs more than was installed: {words}"
    message = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror is not None:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]} …"
    doing = " ".join(["serve-app", *given[:2]])
    return f"{doing}: {type(error).__name__}: {shown}; run it with --debug to see where"

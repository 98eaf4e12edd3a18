"""`serve-app run`: one process that answers, without Ray."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version

if TYPE_CHECKING:
    from serve_app.standalone.settings import RunSettings

SAGEMAKER = "serve"
"""What SageMaker writes behind the command of a container."""


@click.command()
@click.argument(
    "references", metavar="[[NAME=]MODEL[@VERSION|@ALIAS]]...", nargs=-1,
    shell_complete=complete_version,
)  # fmt: skip
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="Answer the endpoints that this config declares, computing all of their versions here.",
)
@click.option(
    "--registry",
    envvar="SERVE_APP_REGISTRY",
    help="The registry, or the folder of one version.  [default: ./registry, or where the "
    "platform puts models]",
)
@output.option_trust
@click.option("--default-endpoint", help="Who answers where a path names no endpoint.")
@click.option("--host", help="Where to listen.  [default: 127.0.0.1; 0.0.0.0 in a container]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port.  [default: that of the platform, or 8000]",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    help="A name that requests may have as their Host, beside this machine's own ones; `*` is any. "
    "Only addresses of this machine alone need it, behind a proxy.  [default: none]",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Answer Prometheus on this port, at /metrics.  [default: nowhere]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads that share large batches, where no bit of an answer depends on that.",
)
@click.option(
    "--drain-s",
    type=click.FloatRange(min=0),
    help="How long to finish what is on its way when asked to end.  [default: 10; 9 on Cloud Run]",
)
@click.option(
    "--leave-s",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How long to go on answering after SIGTERM, while saying that it is not ready: until "
    "load balancers have noticed.",
)
@click.option(
    "--keys-file",
    type=click.Path(dir_okay=False),
    help="Answer whoever has a key of this file, which serve-app keys create --file makes.  "
    "[default: everybody on this machine]",
)
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="Answer everybody, from other machines too, where nobody is asked for a key.",
)
@click.option("--allow-pickle", is_flag=True, help="Let models run code when they are loaded.")
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="How lines of the log are written, to standard output.",
)
def run(references: tuple[str, ...], config: str | None, log_format: str, **chosen: Any) -> None:
    """Answer for versions in one process, without Ray: in a container, or on this machine.

    Each model is an endpoint of its name; NAME= gives it another one. Without any, SERVE_APP_MODEL
    names them, or the only model of the registry answers. Cloud Run, Vertex AI, SageMaker, Azure
    ML and Azure Functions say in the environment where to listen; that is obeyed.

    \b
      serve-app run churn@3
      serve-app run churn@champion next=churn@4 --port 9000
      serve-app run --config configs/inline.yaml
    """  # noqa: D301 - click looks for the character
    from serve_app.standalone import server
    from serve_app.standalone.application import build

    if config is not None and references and references != (SAGEMAKER,):
        msg = "name versions, or a config that declares endpoints, not both."
        raise click.UsageError(msg)
    settings = _settings(references, config, chosen)
    log = server.log_to_stdout(log_format)
    application = build(settings, clock=time.monotonic, samples_besides=log.samples)
    server.run(application, settings.place, settings.metrics_port)


def _settings(
    references: tuple[str, ...], config: str | None, chosen: Mapping[str, Any]
) -> RunSettings:
    """What one process answers: as the options say, and the environment where they do not."""
    from serve_app.standalone.settings import RunSettings, named_endpoints

    is_sagemaker = references == (SAGEMAKER,)
    settings = RunSettings.from_environment(os.environ, is_sagemaker=is_sagemaker)
    settings = settings.listening(
        chosen["host"], chosen["port"], drain_s=chosen["drain_s"], leave_s=chosen["leave_s"]
    )
    settings = settings.trusting(*output.trust_given())
    return replace(
        settings,
        models=chosen["registry"] or settings.models,
        endpoints=named_endpoints(references)
        if references and not is_sagemaker
        else settings.endpoints,
        config=config,
        default_endpoint=chosen["default_endpoint"],
        allows_pickle=chosen["allow_pickle"],
        threads=chosen["threads"],
        metrics_port=chosen["metrics_port"],
        allowed_hosts=chosen["allowed_hosts"],
        keys_file=chosen["keys_file"] or settings.keys_file,
        is_open=chosen["is_open"] or settings.is_open,
    )

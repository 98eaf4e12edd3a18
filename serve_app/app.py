"""The import paths of `configs/*.yaml`: Ray starts here.

Serve reads each application in a process of its own, which ends afterwards. So each imports what
it needs alone: with many versions, this is most of what a cluster that is brought back has to do.
"""

# ruff: noqa: PLC0415

from ray.serve import Application

from serve_app.config import ControlArgs, GatewayArgs, ModelArgs, MonitorArgs


def gateway(args: GatewayArgs) -> Application:
    """The HTTP front: `import_path: serve_app.app:gateway`."""
    from serve_app.serving.ingress import Gateway

    return Gateway.bind(args)  # type: ignore[attr-defined, no-any-return]


def control(args: ControlArgs) -> Application:
    """The holder of the snapshot: `import_path: serve_app.app:control`."""
    from serve_app.serving.control import Control

    return Control.bind(args)  # type: ignore[attr-defined, no-any-return]


def model(args: ModelArgs) -> Application:
    """One version of a model or transformer: `import_path: serve_app.app:model`."""
    from serve_app.serving.workers import Model

    return Model.bind(args)  # type: ignore[attr-defined, no-any-return]


def monitor(args: MonitorArgs) -> Application:
    """The keeper of records and feedback: `import_path: serve_app.app:monitor`."""
    from serve_app.serving.monitor import Monitor

    return Monitor.bind(args)  # type: ignore[attr-defined, no-any-return]

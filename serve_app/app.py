"""The import paths of `configs/*.yaml`: Ray starts here."""

from ray.serve import Application

from serve_app.config import ControlArgs, GatewayArgs, ModelArgs, MonitorArgs
from serve_app.serving.control import Control
from serve_app.serving.ingress import Gateway
from serve_app.serving.monitor import Monitor
from serve_app.serving.workers import Model


def gateway(args: GatewayArgs) -> Application:
    """The HTTP front: `import_path: serve_app.app:gateway`."""
    return Gateway.bind(args)  # type: ignore[attr-defined, no-any-return]


def control(args: ControlArgs) -> Application:
    """The holder of the snapshot: `import_path: serve_app.app:control`."""
    return Control.bind(args)  # type: ignore[attr-defined, no-any-return]


def model(args: ModelArgs) -> Application:
    """One version of a model or transformer: `import_path: serve_app.app:model`."""
    return Model.bind(args)  # type: ignore[attr-defined, no-any-return]


def monitor(args: MonitorArgs) -> Application:
    """The keeper of records and feedback: `import_path: serve_app.app:monitor`."""
    return Monitor.bind(args)  # type: ignore[attr-defined, no-any-return]

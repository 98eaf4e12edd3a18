"""The import paths of `configs/*.yaml`: Ray starts here.

Serve reads each application in a process of its own, which ends afterwards. So nothing is imported
here but what says what is deployed: with many versions, this is most of what a cluster that is
brought back has to do.
"""

from ray.serve import Application

from serve_app.config import ControlArgs, GatewayArgs, ModelArgs, MonitorArgs
from serve_app.serving.deployments import Control, Gateway, Model, Monitor


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

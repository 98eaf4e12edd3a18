"""What Serve deploys: classes that import their work where a replica begins it.

Serve reads each application of a config in a process of its own, which ends afterwards, and sends
the class that it finds there to replicas. Whatever such a class needs at its definition is
imported in all of these processes, one after the other on a small machine.
"""

from importlib import import_module
from typing import Any, ClassVar

from ray import serve
from starlette.types import ASGIApp

from serve_app.config import ControlArgs, GatewayArgs, ModelArgs, MonitorArgs
from serve_app.serving.health import HEALTH

Args = ControlArgs | GatewayArgs | ModelArgs | MonitorArgs


class Deployed:
    """Begins a replica's work, and passes on to it whatever Serve or a handle calls."""

    work: ClassVar[str]
    """Where the class of the work is, module:name. It takes the args, and may be closed."""

    def __init__(self, args: Args) -> None:
        module, _, name = self.work.partition(":")
        self._begun = getattr(import_module(module), name)(args)

    def __getattr__(self, name: str) -> Any:
        if name == "_begun":
            # The work did not begin.
            raise AttributeError(name)
        return getattr(self._begun, name)

    async def __del__(self) -> None:
        """Serve calls this when the replica has drained."""
        if "_begun" in self.__dict__:
            await self._begun.close()


@serve.deployment(name="Gateway", **HEALTH)
@serve.ingress()
class Gateway(Deployed):
    """The HTTP front."""

    work = "serve_app.serving.ingress:GatewayReplica"

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        """The application that answers requests."""
        built: ASGIApp = await self._begun.build()
        return built


@serve.deployment(name="Control", **HEALTH)
class Control(Deployed):
    """The holder of the snapshot."""

    work = "serve_app.serving.control:ControlReplica"


@serve.deployment(name="Model", **HEALTH)
class Model(Deployed):
    """One version of a model or transformer."""

    work = "serve_app.serving.workers:ModelReplica"


@serve.deployment(name="Monitor", **HEALTH)
class Monitor(Deployed):
    """The keeper of records and feedback."""

    work = "serve_app.serving.monitor:MonitorReplica"

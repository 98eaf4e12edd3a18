"""`ray start` whose node needs less: `python -m serve_app.serving.lean.start start …`.

What it starts are Ray's own programs. The dashboard and the workers begin in files of this
package, which leave out what nobody asks for here and then go on as Ray's do.
"""

import sys
from pathlib import Path
from typing import Any

from ray._private import parameter, ray_constants, services
from ray.scripts import scripts

_HERE = Path(__file__).parent
DASHBOARD = _HERE / "dashboard" / "dashboard.py"
WORKER = _HERE / "worker.py"
SETUP_WORKER = _HERE / "setup_worker.py"


class LeanParams(parameter.RayParams):
    """How a node is started: with our workers, and without a server for Ray Client."""

    def __init__(self, **given: Any) -> None:
        given["ray_client_server_port"] = None
        super().__init__(worker_path=str(WORKER), setup_worker_path=str(SETUP_WORKER), **given)


def with_lean_dashboard(command: list[str]) -> list[str]:
    """The command that starts Ray's dashboard, by our file."""
    usual = str(Path(services.RAY_PATH) / "dashboard" / "dashboard.py")
    return [str(DASHBOARD) if part == usual else part for part in command]


def main() -> None:
    """Run a command of Ray's."""
    start_process = services.start_ray_process

    def started(command: list[str], process_type: str, *more: Any, **named: Any) -> Any:
        if process_type == ray_constants.PROCESS_TYPE_DASHBOARD:
            command = with_lean_dashboard(command)
        return start_process(command, process_type, *more, **named)

    services.start_ray_process = started
    setattr(parameter, "RayParams", LeanParams)  # noqa: B010 - mypy refuses the plain form
    sys.exit(scripts.main())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

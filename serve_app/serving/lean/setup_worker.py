"""What Ray runs before a worker with an environment of its own: sets it, and becomes the worker.

Ray's own does the same once it has imported all of Ray, which the worker then imports again. What
is not plain (containers, conda, other languages) is left to it.
"""

import json
import os
import re
import runpy
import sys
from collections.abc import MutableMapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CONTEXT = "--serialized-runtime-env-context"
LANGUAGE = "--language"
_BY_RAY = ("command_prefix", "override_worker_entrypoint", "java_jars")
_KNOWN = {*_BY_RAY, "env_vars", "py_executable"}
_UNSET = re.compile(r"\$\{[A-Z0-9_]+\}")


def plain_call(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
    """The worker's command, and variables for it; none where Ray's own program must see to it."""
    options, rest = _options(arguments)
    context: dict[str, Any] = json.loads(options.get(CONTEXT) or "{}")
    executable = context.get("py_executable") or sys.executable
    is_plain = (
        options.get(LANGUAGE, "PYTHON") == "PYTHON"
        and not set(context) - _KNOWN
        and not any(context.get(name) for name in _BY_RAY)
        and len(executable.split()) == 1
    )
    return ([executable, *rest], context.get("env_vars") or {}) if is_plain else None


def _options(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Both options that Ray's program takes, and the rest, which is the worker's."""
    options: dict[str, str] = {}
    rest: list[str] = []
    left = iter(arguments)
    for one in left:
        name, equals, value = one.partition("=")
        if name in {CONTEXT, LANGUAGE}:
            options[name] = value if equals else next(left, "")
        else:
            rest.append(one)
    return options, rest


def update(environment: MutableMapping[str, str], variables: dict[str, str]) -> None:
    """Set variables, which may name others of this process, as Ray has them."""
    for name, value in variables.items():
        environment[name] = _UNSET.sub("", os.path.expandvars(value))


def main() -> None:
    """Become the worker."""
    call = plain_call(sys.argv[1:])
    if call is None:
        ray = find_spec("ray")
        workers = (Path(str(ray.origin)).parent if ray else Path()) / "_private" / "workers"
        runpy.run_path(str(workers / "setup_worker.py"), run_name="__main__")
        return
    command, variables = call
    update(os.environ, variables)
    os.execvp(command[0], command)  # noqa: S606 - what Ray gave


if __name__ == "__main__":
    main()

"""How much memory a process needs that loads a version and answers its sample, as replicas do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import psutil

from serve_app.engine.load import load
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ArtifactRejected, ServeError

_TIMEOUT_S = 600.0
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_bytes(registry: str, reference: str, *, allow_pickle: bool) -> int:
    """The most memory that a process of its own held while it loaded a version and answered.

    Raises:
        ArtifactRejected: the process failed; says how.
    """
    wanted = {"registry": registry, "reference": reference, "allow_pickle": allow_pickle}
    try:
        # Through standard input, since everybody may see the arguments of processes.
        done = subprocess.run(
            [sys.executable, "-m", "serve_app.engine.footprint"],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        msg = f"{reference} was not loaded within {_TIMEOUT_S:g} s in a process of its own"
        raise ArtifactRejected(msg) from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ArtifactRejected(f"{reference} cannot be loaded in a process of its own: {last}")
    return int(done.stdout.strip().splitlines()[-1])


def _peak_here() -> int:
    """The peak of this process; that of `getrusage` would begin with what started it."""
    status = Path("/proc/self/status")
    peak = _PEAK.search(status.read_text()) if status.exists() else None
    return psutil.Process().memory_info().rss if peak is None else int(peak[1]) * 1024


def _main() -> int:
    wanted = json.loads(sys.stdin.read())
    registry = open_registry(wanted["registry"])
    try:
        load(registry, *registry.resolve(wanted["reference"]), allow_pickle=wanted["allow_pickle"])
    except ServeError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    sys.stdout.write(f"{_peak_here()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())

"""Runs wrk, a load generator in C that leaves most of the machine to the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_S = 30
ERRORS = ("connect", "read", "write", "status", "timeout")


class NoLoad(Exception):
    """wrk is not installed or did not measure."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run saw; latencies in milliseconds, failures by kind."""

    requests: int
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    failed_by: dict[str, int]

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(self.failed_by.values())


def version() -> str:
    """The version of wrk.

    Raises:
        NoLoad: it is not installed.
    """
    if shutil.which("wrk") is None:
        raise NoLoad("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).split("[", 1)[0].strip().removeprefix("wrk ")


def load(url: str, bodies: Path, *, connections: int, seconds: float) -> Measured:
    """Send the bodies of a file in turn over so many connections.

    Raises:
        NoLoad: wrk did not say what it saw.
    """
    command = [
        "wrk",
        "--threads=1",
        f"--connections={connections}",
        f"--duration={max(1, round(seconds))}s",
        f"--timeout={TIMEOUT_S}s",
        f"--script={SCRIPT}",
        url,
        "--",
        str(bodies),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoLoad(f"wrk failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return parse(done.stdout)


def parse(output: str) -> Measured:
    """What the script's line of JSON in wrk's output says.

    Raises:
        NoLoad: there is none.
    """
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise NoLoad(f"wrk did not say what it saw: {output.strip()[-500:]}")
    said = json.loads(line)
    seconds = said["duration_us"] / 1e6
    return Measured(
        requests=said["requests"],
        rate_per_s=round((said["requests"] - said["status"]) / seconds, 2),
        p50_ms=round(said["p50_us"] / 1000, 3),
        p99_ms=round(said["p99_us"] / 1000, 3),
        p999_ms=round(said["p999_us"] / 1000, 3),
        failed_by={kind: said[kind] for kind in ERRORS if said[kind]},
    )


def write_bodies(file: Path, bodies: Sequence[bytes]) -> None:
    """Write bodies for the script, one per line."""
    if any(b"\n" in body for body in bodies):
        raise ValueError("a body with a line break cannot stand on one line")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(body + b"\n" for body in bodies))

"""Runs h2load, a load generator in C for HTTP/2, which carries gRPC too."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.wrk import Measured, NoLoad

_FINISHED = re.compile(r"^finished in ([\d.]+)(us|ms|s|m)", re.MULTILINE)
_REQUESTS = re.compile(
    r"^requests: .*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", re.MULTILINE
)
_DATA = re.compile(r"\((\d+)\) data$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
OK = 200


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent again and again: one body to one URL, with headers."""

    url: str
    body: Path
    headers: tuple[str, ...]


def version() -> str:
    """The version of h2load.

    Raises:
        NoLoad: it is not installed.
    """
    if shutil.which("h2load") is None:
        raise NoLoad(
            "h2load is not installed; on Debian and Ubuntu: apt-get install nghttp2-client"
        )
    said = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip().removeprefix("h2load ")


def load(call: Call, log: Path, *, connections: int, seconds: float) -> tuple[Measured, float]:
    """Send over so many connections, one request at a time on each.

    Gives what was measured, and the bytes of data in each answer: gRPC says in trailers, which
    nobody reads here, that a call failed, and sends no data then.

    Raises:
        NoLoad: h2load did not say what it saw.
    """
    log.unlink(missing_ok=True)
    command = [
        "h2load",
        "--threads=1",
        f"--clients={connections}",
        "--max-concurrent-streams=1",
        f"--duration={max(1, round(seconds))}",
        f"--log-file={log}",
        f"--data={call.body}",
        *(f"--header={header}" for header in call.headers),
        call.url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoLoad(f"h2load failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return parse(done.stdout, log.read_text())


def parse(output: str, log: str) -> tuple[Measured, float]:
    """What h2load's output and its log of requests say: start, status and time of each.

    Raises:
        NoLoad: there is not what there should be.
    """
    finished, requests, data = (pattern.search(output) for pattern in (_FINISHED, _REQUESTS, _DATA))
    if finished is None or requests is None or data is None:
        raise NoLoad(f"h2load did not say what it saw: {output.strip()[-500:]}")
    seconds = float(finished[1]) * _SECONDS[finished[2]]
    succeeded, failed, errored, timeout = (int(count) for count in requests.groups())
    lines = [line.split("\t") for line in log.splitlines()]
    times_us = sorted(int(line[2]) for line in lines if line[1] == str(OK))
    if not times_us:
        raise NoLoad(f"h2load had no answer: {output.strip()[-500:]}")

    def at_ms(thousandths: int) -> float:
        rank = -(-thousandths * len(times_us) // 1000)
        return round(times_us[max(rank, 1) - 1] / 1000, 3)

    found = {"status": failed - errored, "connection": errored, "timeout": timeout}
    measured = Measured(
        requests=succeeded + failed,
        rate_per_s=round(succeeded / seconds, 2),
        p50_ms=at_ms(500),
        p99_ms=at_ms(990),
        p999_ms=at_ms(999),
        failed_by={kind: count for kind, count in found.items() if count > 0},
    )
    return measured, int(data[1]) / max(succeeded, 1)

"""`python -m benchmarks.overhead.access`: what knowing and limiting callers costs a gateway.

Gateways without Ray answer the same one-row requests in turns: one that everybody may ask, those
that know callers by API keys or by tokens that they have checked before, and the same with limits
of rows, bytes and requests on their way. Medians of processor time are shown, and what is added to
the first. The audit log has lines of changes and of refusals; predictions do not pass it.

With `--instructions` what is counted is instructions of the processor, by Valgrind's callgrind,
which other work on the machine does not change (`apt-get install valgrind`; it takes many minutes,
most of them for the imports).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jwt
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp

from benchmarks.overhead.in_process import TOGETHER, Headers, ask_together, cost_us, gateway
from serve_app.config.access import AccessSettings, TokenSettings
from serve_app.config.limits import LimitSettings, LimitsSettings
from serve_app.core.access import Access, KeyRecord
from serve_app.core.identifiers import OwnedIds
from serve_app.gateway.access import MAIN, Gate, protect
from serve_app.gateway.limiting import limited, limiter_of
from serve_app.security.authentication import Authentication, authenticator_of
from serve_app.security.keys import digest_of, new_key
from serve_app.security.limits import NO_LIMITS
from serve_app.serving.untraced import Parts

ISSUER, AUDIENCE = "https://id.example", "serve-app"
ADDRESS = f"{ISSUER}/jwks.json"
WARM_UP_TURNS = 20
COUNTED_TURNS = 20
LIMITS = LimitsSettings(
    default=LimitSettings(rows_per_s=1e9, bytes_per_s=1e12, in_flight=1000),
)
"""So much that nothing is refused; each of the three is looked at for every request."""
GOALS_US = {"an API key": 5.0, "a token": 8.0}
"""Of all that is added, limits included."""
MARK = "getpriority"
"""The function of the C library at each call of which callgrind writes what it has counted."""
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Way:
    """A gateway, and the headers with which it is asked."""

    name: str
    target: ASGIApp
    headers: Headers


class CannotCount(Exception):
    """Instructions cannot be counted here; says why."""


def ways() -> list[Way]:
    """Gateways that differ in what they know of callers alone."""
    key, token, authentication = _known()
    shown = {
        "an API key": [(b"authorization", f"Bearer {key}".encode())],
        "a token": [(b"authorization", f"Bearer {token}".encode())],
    }
    made = [Way("everybody", gateway(Parts()), [])]
    for name, headers in shown.items():
        made.append(Way(name, _guarded(authentication, None), headers))
        made.append(Way(f"{name}, limits", _guarded(authentication, LIMITS), headers))
    return made


def _known() -> tuple[str, str, Authentication]:
    """A key, a token, and what knows both."""
    identity, key = new_key(os.urandom)
    scopes = ("predict", "read")
    record = KeyRecord(identity, digest_of(key), "client", scopes)
    secret = os.urandom(32)
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "client", "scope": " ".join(scopes),
        "exp": int(time.time()) + 86_400,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="serve-app-overhead-") as folder:
        # A shared secret, which counts in files alone: which algorithm it is shows once a minute.
        jwk = jwt.algorithms.HMACAlgorithm.to_jwk(secret)
        file = Path(folder) / "jwks.json"
        file.write_text(f'{{"keys": [{jwk}]}}')
        tokens = TokenSettings(
            issuer=ISSUER, audience=AUDIENCE, keys=str(file), algorithms=("HS256",)
        )
        settings = AccessSettings(mode="any", tokens=tokens)
        authentication = authenticator_of(
            settings, clock=time.time, monotonic=time.monotonic, wanted=_nothing
        )
    assert authentication is not None
    authentication.follow(Access(keys=(record,)))
    return key, jwt.encode(claims, secret, algorithm="HS256"), authentication


def _guarded(authentication: Authentication, limits: LimitsSettings | None) -> ASGIApp:
    """A gateway behind what a config with access, and perhaps limits, puts before it."""
    limiter = limiter_of(limits, time.monotonic)
    app = gateway(Parts(), limiter=limiter or NO_LIMITS, owned=OwnedIds(bytes(32)))
    return protect(limited(app, limiter, _uncounted), Gate(authentication, _uncounted), MAIN)


def _uncounted(protocol: str, status: str) -> None:
    """Refusals, of which there are none."""


def _nothing() -> None:
    """The issuer has no other keys."""


async def measured_us(targets: Sequence[Way], turns: int) -> list[float]:
    """Median microseconds of processor time for each request, by way."""
    costs: list[list[float]] = [[] for _ in targets]
    for way in targets:
        await _warm(way)
    gc.collect()
    gc.disable()
    for turn in range(turns):
        for way, own in zip(targets, costs, strict=True):
            own.append(await cost_us(way.target, way.headers))
        if turn % 100 == 0:
            gc.collect()
    gc.enable()
    return [statistics.median(own) for own in costs]


async def _warm(way: Way) -> None:
    for _ in range(WARM_UP_TURNS):
        await ask_together(way.target, way.headers)


async def marked() -> None:
    """Answer requests of each way between two marks."""
    gc.disable()
    for way in ways():
        await _warm(way)
        os.getpriority(os.PRIO_PROCESS, 0)
        for _ in range(COUNTED_TURNS):
            await ask_together(way.target, way.headers)
        os.getpriority(os.PRIO_PROCESS, 0)


def counted(module: str) -> list[float]:
    """Instructions of the processor for each request, between the marks of a benchmark.

    Raises:
        CannotCount: there is no Valgrind, or it did not end as it should.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("instructions are counted by valgrind: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="serve-app-callgrind-") as folder:
        command = [
            valgrind, "--tool=callgrind", f"--dump-before={MARK}",
            f"--callgrind-out-file={folder}/out",
            sys.executable, "-m", module, "--marked",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise CannotCount(f"valgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return between_marks(Path(folder))


def between_marks(folder: Path) -> list[float]:
    """Instructions for each request, of what callgrind wrote at every mark.

    Raises:
        CannotCount: it wrote nothing, or nothing that can be read.
    """
    parts = sorted(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    totals = [_TOTAL.search(part.read_text(errors="replace")) for part in parts]
    counts = [int(total[1]) for total in totals if total is not None]
    if not counts or len(counts) != len(parts):
        raise CannotCount(f"callgrind left {len(parts)} files, {len(counts)} of them with a sum")
    # Every second one ends at the mark behind the requests of a way.
    return [count / (COUNTED_TURNS * TOGETHER) for count in counts[1::2]]


def _table(names: Sequence[str], costs: Sequence[float], unit: str) -> Table:
    table = Table("who is known, and limited", unit, "added")
    for name, cost in zip(names, costs, strict=True):
        added = cost - costs[0]
        table.add_row(name, f"{cost:,.1f}", f"{added:,.1f}" if name != names[0] else "")
    return table


def _goals(names: Sequence[str], costs: Sequence[float]) -> list[str]:
    added = {name: cost - costs[0] for name, cost in zip(names, costs, strict=True)}
    return [
        f"{name} with limits adds {added[f'{name}, limits']:.1f} µs; the goal is {goal_us:g} µs"
        for name, goal_us in GOALS_US.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show what is added; 1 where instructions cannot be counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.access")
    parser.add_argument("--turns", type=int, default=1000, help=f"of {TOGETHER} requests each")
    parser.add_argument("--instructions", action="store_true", help="count those by Valgrind")
    parser.add_argument("--marked", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.marked:
        asyncio.run(marked())
        return 0
    targets = ways()
    names = [way.name for way in targets]
    if options.instructions:
        try:
            counts = counted("benchmarks.overhead.access")
        except CannotCount as error:
            print(error, file=sys.stderr)
            return 1
        Console().print(_table(names, counts, "instructions"))
        return 0
    costs = asyncio.run(measured_us(targets, options.turns))
    Console().print(_table(names, costs, "µs of processor time"))
    print(*_goals(names, costs), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Loads a stranger's file in a child process first, and lets it predict there.

What a look at the structure does not see (a native library's own bug, a graph that asks for all
memory, a computation that does not end) ends a child, with limits, and not the process that
registers. The child is a fresh interpreter (`-I`): a fork of a process with threads of ONNX
Runtime's hangs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve_app.errors import ConfigError, InvalidInput
from serve_app.models.code import NONE, Code

MEMORY_VARIABLE = "SERVE_APP_QUARANTINE_MEMORY_MIB"
TIME_VARIABLE = "SERVE_APP_QUARANTINE_TIME_S"
_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from serve_app.models.quarantined import main; main()"
)
_NATIVE_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
REFUSED, OUT_OF_MEMORY = 3, 4
"""Exit codes of the child."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: memory beyond its libraries' own, and time."""

    memory_mib: int = 2048
    time_s: int = 60
    """Without any time nothing is tried."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Limits:
        """Those that an environment names, else the usual ones.

        Raises:
            ConfigError: one is no whole number.
        """
        values = []
        for name, usual in ((MEMORY_VARIABLE, cls().memory_mib), (TIME_VARIABLE, cls().time_s)):
            text = environment.get(name, str(usual))
            if not (text.isascii() and text.isdecimal() and len(text) < 9):
                raise ConfigError(f"{name} is {text[:40]!r}; write a whole number")
            values.append(int(text))
        return cls(*values)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A file that is to be tried, with how it is read.

    `kind` is what it is (`skops`, `xgboost`, …), `code` the modules of its own, which the child
    imports as the parent would.
    """

    path: Path
    kind: str
    trust: Sequence[str] = ()
    allow_pickle: bool = False
    code: Code = NONE


def try_out(suspect: Suspect, limits: Limits) -> None:
    """Load a file in a child process and let it predict rows that are made up.

    A file that is refused there in words passes: the process that registers refuses it likewise,
    and says so better.

    Raises:
        InvalidInput: the child died, took too long or ran out of memory; says which.
    """
    if limits.time_s == 0:
        return
    with tempfile.TemporaryDirectory(prefix="serve-app-quarantine-") as folder:
        command = [
            sys.executable,
            "-I",
            "-c",
            _START,
            json.dumps([*_written(suspect.code, Path(folder)), *_searched()]),
            json.dumps(
                {
                    "path": str(suspect.path.resolve()),
                    "kind": suspect.kind,
                    "trust": list(suspect.trust),
                    "allow_pickle": suspect.allow_pickle,
                    "memory_mib": limits.memory_mib,
                    "time_s": limits.time_s,
                }
            ),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={"HOME": folder, "TMPDIR": folder, **dict.fromkeys(_NATIVE_THREADS, "1")},
                cwd=folder,
                close_fds=True,
                check=False,
                start_new_session=True,
                # Libraries take seconds to import before anything is limited.
                timeout=limits.time_s + 60,
            )
        except subprocess.TimeoutExpired:
            raise _refusal(f"took longer than {limits.time_s} s", TIME_VARIABLE) from None
    _judge(done.returncode, done.stderr, limits)


def _written(code: Code, folder: Path) -> list[str]:
    """Write the modules of a code into a folder; gives the folders that imports look in."""
    home = folder / "code"
    for path, content in code.files.items():
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return [str(home / one) for one in code.folders] if code else []


def _searched() -> list[str]:
    """Where this process looks for modules, which the operator chose."""
    return [str(Path(part or ".").resolve()) for part in sys.path]


def _judge(code: int, stderr: bytes, limits: Limits) -> None:
    if code in {0, REFUSED}:
        return
    memory = f"asked for more than {limits.memory_mib} MiB of memory"
    if code == OUT_OF_MEMORY:
        raise _refusal(memory, MEMORY_VARIABLE)
    if code in {-signal.SIGXCPU, -signal.SIGALRM}:
        raise _refusal(f"took longer than {limits.time_s} s", TIME_VARIABLE)
    if code < 0:
        # Libraries that do not look whether they were given memory end like this, too.
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        raise _refusal(f"ended the process with {name}", None)
    if b"bad_alloc" in stderr or b"MemoryError" in stderr:
        raise _refusal(memory, MEMORY_VARIABLE)
    last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
    raise _refusal(f"ended the process with exit code {code} ({last})", None)


def _refusal(what: str, variable: str | None) -> InvalidInput:
    more = f", or allow more by {variable} if you trust it" if variable else ""
    return InvalidInput(
        f"tried in a process of its own, it {what}: it is damaged or was made to do harm; "
        f"store the model again{more}"
    )


def limits_here() -> Limits:
    """The limits that the environment of this process names; raises ConfigError."""
    return Limits.of(os.environ)

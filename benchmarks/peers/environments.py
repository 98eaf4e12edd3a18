"""Each server's own virtual environment, built once from its pinned requirements.

Only the standard library is imported here: `python -m benchmarks.peers.environments` builds
the environment that the benchmark itself runs in.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parent
REPOSITORY = PEERS.parents[1]
BUILT = PEERS.parent / ".envs"
HARNESS = "harness"
OWN = "serve_app"
SAID_CHARS = 2000

_VERSIONS = (
    "import importlib.metadata as m, json, sys; "
    "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
)


class NotBuilt(Exception):
    """An environment could not be built; says which and what pip said."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of one server, or of the benchmark itself."""

    name: str

    @property
    def folder(self) -> Path:
        """Where it is built."""
        return BUILT / self.name

    @property
    def requirements(self) -> Path:
        """The pinned packages."""
        return (PEERS if self.name == HARNESS else PEERS / self.name) / "requirements.txt"

    def script(self, name: str) -> str:
        """A command of the environment, such as `python`."""
        return str(self.folder / "bin" / name)

    def build(self) -> bool:
        """Build it unless it stands already with these requirements; says whether it did.

        Raises:
            NotBuilt: pip could not install them.
        """
        stamp = self.folder / ".built-from"
        wanted = self._digest()
        if stamp.exists() and stamp.read_text() == wanted:
            return False
        shutil.rmtree(self.folder, ignore_errors=True)
        self._run([sys.executable, "-m", "venv", str(self.folder)])
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        self._run([self.script("python"), *install, "--requirement", str(self.requirements)])
        stamp.write_text(wanted)
        return True

    def versions(self) -> dict[str, str]:
        """What is installed of the packages that the requirements name."""
        names = required(self.requirements.read_text())
        if self.name == OWN:
            names = ["serve-app", "ray", "numpy", "pandas", "scikit-learn", "xgboost"]
        command = [self.script("python"), "-c", _VERSIONS, *names]
        found: dict[str, str] = json.loads(self._run(command))
        return found

    def _digest(self) -> str:
        sources = [self.requirements]
        if self.name == OWN:
            sources += [REPOSITORY / "constraints.txt", REPOSITORY / "pyproject.toml"]
        texts = [sys.version, *[source.read_text() for source in sources]]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).splitlines()
            told = [line for line in lines if not line.startswith("WARNING")]
            said = "\n".join(told)[-SAID_CHARS:]
            raise NotBuilt(f"the environment of {self.name} could not be built: {said}")
        return done.stdout


def required(requirements: str) -> list[str]:
    """The names of the packages that requirements pin."""
    return re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", requirements, flags=re.MULTILINE)


def main(names: Sequence[str]) -> int:
    """Build the named environments; 1 when one cannot be."""
    for name in names:
        try:
            Environment(name).build()
        except NotBuilt as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [HARNESS]))

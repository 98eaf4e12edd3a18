"""Somebody with a fresh checkout, who types what is printed."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from click.testing import CliRunner

from serve_app.cli.validate import validate
from serve_app.config import HOME_VARIABLE
from tests.cluster.harness import BIN, CONFIGS, ROOT, TestCluster, free_row
from tests.papers import navigation

# In the order of the navigation, which is that of somebody who reads all of it.
DOCUMENTS = [ROOT / "README.md", *navigation()]
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.document.name}:{self.line}:{self.language or 'no language'}"


def blocks():
    """Every fenced block of the README and the documents, in order."""
    return [
        Block(path, text.count("\n", 0, found.start()) + 1, found["language"], found["text"])
        for path in DOCUMENTS
        for text in [path.read_text()]
        for found in _BLOCK.finditer(text)
    ]


class Stranger:
    """Somebody with a fresh checkout, whose environment is built already."""

    def __init__(self, home):
        first = free_row(13)
        self.home = home
        self.cluster = TestCluster(home, first, first + 1, first + 2)
        self.exported = {}
        self._installed = home / "installed"
        shutil.copytree(CONFIGS, home / "configs")
        shutil.copytree(ROOT / "examples", home / "examples")
        shutil.copytree(ROOT / "pipelines", home / "pipelines")
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy2(ROOT / name, home / name)
        # Newer than all that it is built from, so that make does not build it again.
        self._installed.touch()

    def make(self, target, code=0):
        options = (
            f"--http-port {self.cluster.http_port} --dashboard-port {self.cluster.dashboard_port} "
            f"--internal-ports {self.cluster.internal_ports}"
        )
        said = self.shell(
            f"make {target} BIN={BIN} STAMP={self._installed} OPTIONS='{options}'", code
        )
        self.exported.update(re.findall(r"^export (\w+)=(\S+)$", said, re.MULTILINE))
        return said

    def here(self, text):
        """What is printed, on this cluster's ports."""
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.cluster.http_port}")
        return text.replace("http://127.0.0.1:8091", self.cluster.admin_url)

    def shell(self, script, code=0):
        """Run a script as it stands in a document, after what the demo said to export."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(script).replace(".venv/bin/", "")],
            cwd=self.home,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **self.exported},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def validate(self, config, name):
        """Write a config that `serve-app validate` finds good, by the same command in here."""
        path = self.home / name
        path.write_text(yaml.safe_dump(config))
        answered = CliRunner().invoke(
            validate,
            [str(path), "--state", str(self.home / "state")],
            env={**self.exported, HOME_VARIABLE: str(self.home)},
        )
        assert answered.exit_code == 0, answered.output

    def python(self, script):
        """Run Python as it stands in a document."""
        (self.home / "typed.py").write_text(self.here(script))
        return self.shell("python typed.py")

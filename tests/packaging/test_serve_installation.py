"""What the image `serve` is locked to is all that gateways, control and the monitor import."""

import functools
import importlib.metadata
import re
import site
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]
HIDING = """
import importlib, importlib.machinery, sys
hidden = set(sys.argv[1].split(","))
finder = importlib.machinery.PathFinder
usual = finder.find_spec
finder.find_spec = classmethod(
    lambda cls, name, path=None, target=None:
        None if name.partition(".")[0] in hidden else usual(name, path, target)
)
"""
APPLICATIONS = "for name in sys.argv[2:]: importlib.import_module(name)"
DRIFT = """
from serve_app.errors import ConfigError
from serve_app.monitoring.drift.distances import jensen_shannon
try:
    jensen_shannon([1, 2], [2, 1])
except ConfigError as error:
    print(error.message)
"""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def not_in_the_image():
    """The modules of every distribution that is installed here and not locked for `serve`."""
    lines = (ROOT / "deployments/docker/serve.lock").read_text().splitlines()
    locked = {line.partition("==")[0] for line in lines if "==" in line}
    # Where libraries are installed alone: importing Ray adds a folder of what it brings itself.
    with mock.patch.object(sys, "path", site.getsitepackages()):
        owners = importlib.metadata.packages_distributions()
    return ",".join(
        module
        for module, names in owners.items()
        if not locked.intersection(map(normal, names)) and module != "serve_app"
    )


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", HIDING + code, not_in_the_image(), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_scientific_libraries_are_not_in_the_image():
    assert {"scipy", "sklearn", "xgboost"} <= set(not_in_the_image().split(","))


@pytest.mark.parametrize(
    "modules",
    [
        ["serve_app.app", "serve_app.serving.edge", "serve_app.serving.autoscaling"],
        ["serve_app.cli.cluster_foreground", "serve_app.cli.deploy", "serve_app.cli.validate"],
    ],
    ids=["applications", "commands"],
)
def test_everything_is_imported_without_them(modules):
    done = run(APPLICATIONS, *modules)
    assert done.returncode == 0, done.stderr


def test_drift_says_what_it_needs():
    done = run(DRIFT)
    assert "drift is computed with SciPy, which is not installed" in done.stdout, done.stderr

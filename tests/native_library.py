"""`serve-app-native` for tests: compiled from the checkout, once for each state of its sources."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from serve_app.models.native import choice

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "native"
SANITISED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")


def compiler():
    """The C compiler; without one, tests of the library are skipped and say so."""
    name = os.environ.get("CC", "cc").split()[0]
    if shutil.which(name) is None:
        pytest.skip(f"serve-app-native is compiled with a C compiler, and there is no {name} here")
    return name


def folder(*flags):
    """A folder from which `serve_app_native` can be imported."""
    compiler()
    files = sorted([*SOURCES.glob("src/*"), *SOURCES.glob("serve_app_native/*.py")])
    content = b"".join(file.read_bytes() for file in [*files, SOURCES / "build_library.py"])
    digest = hashlib.sha256(content + repr(flags).encode()).hexdigest()[:16]
    target = ROOT / ".cache" / f"native-{digest}"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as made:
            built = Path(made) / "site"
            package = built / "serve_app_native"
            package.mkdir(parents=True)
            for file in (SOURCES / "serve_app_native").glob("*.py"):
                shutil.copy(file, package)
            script = SOURCES / "build_library.py"
            command = [sys.executable, str(script), str(package / "libserve_app_native.so"), *flags]
            subprocess.run(command, check=True, timeout=280)
            try:
                built.rename(target)
            except OSError:
                assert target.exists()  # another test process was quicker
    return target


@contextmanager
def importable():
    """Makes the library the one that is installed, and takes it away again."""
    if importlib.util.find_spec("serve_app_native") is None:
        place = str(folder())
        sys.path.insert(0, place)
    else:
        place = None
    choice.library.cache_clear()
    try:
        yield importlib.import_module("serve_app_native")
    finally:
        if place is not None:
            sys.path.remove(place)
            for name in [one for one in sys.modules if one.split(".")[0] == "serve_app_native"]:
                del sys.modules[name]
        choice.library.cache_clear()

"""What `slim.sh` takes out of installed wheels, and what it leaves."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SCRIPT = ROOT / "deployments" / "docker" / "slim.sh"
needs_strip = pytest.mark.skipif(shutil.which("strip") is None, reason="apt-get install binutils")


@pytest.fixture
def lib(tmp_path):
    folder = tmp_path / "lib with a space"
    folder.mkdir()
    return folder


def put(folder, *paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def slim(folder):
    subprocess.run(["sh", str(SCRIPT), str(folder)], check=True)
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir())


def test_what_no_process_opens_is_taken_out_and_the_rest_stays(lib):
    kept = [
        "numpy-2.0.dist-info/RECORD",
        "numpy/__init__.py",
        "numpy/testing/__init__.py",
        "onnxruntime/capi/onnxruntime_pybind11_state.txt",
        "pyarrow/_parquet.txt",
        "ray/dashboard/client/build/index.html",
        "ray/serve/__init__.py",
        "simdjson/__init__.py",
        "virtualenv/seed/wheels/embed/__init__.py",
    ]
    put(lib, *kept)
    put(
        lib,
        "numpy/_core/_rational_tests.cpython-311.so",
        "numpy/_core/include/numpy/ndarraytypes.h",
        "numpy/distutils/core.py",
        "numpy/linalg/tests/test_linalg.py",
        "onnxruntime/capi/libonnxruntime.so.1.31.1",
        "onnxruntime/transformers/optimizer.py",
        "pyarrow/_flight.cpython-311.so",
        "pyarrow/include/arrow/api.h",
        "pyarrow/libarrow_flight.so.2600",
        "ray/dashboard/client/build/static/js/main.js.map",
        "ray/jars/ray_dist.jar",
        "ray/rllib/__init__.py",
        "ray/serve/llm/__init__.py",
        "simdjson/simdjson.cpp",
        "virtualenv/seed/wheels/embed/pip-26.3-py3-none-any.whl",
    )
    assert slim(lib) == kept


def test_a_library_with_three_names_is_there_once(lib):
    for name in ("libarrow_python.so", "libarrow_python.so.2600", "libarrow_python.so.2600.1.0"):
        put(lib, f"pyarrow/{name}")
    assert slim(lib) == ["pyarrow/libarrow_python.so", "pyarrow/libarrow_python.so.2600"]
    link = lib / "pyarrow/libarrow_python.so"
    assert link.readlink() == Path("libarrow_python.so.2600")
    assert link.read_text() == "x"


def test_nothing_to_take_out_is_no_error(lib):
    put(lib, "orjson/__init__.py")
    assert slim(lib) == ["orjson/__init__.py"]


@needs_strip
def test_symbols_go_and_what_was_rewritten_is_not_touched(lib):
    source = next(Path(sysconfig.get_path("platlib")).rglob("csimdjson*.so"))
    for folder in ("simdjson", "numpy.libs"):
        (lib / folder).mkdir()
        shutil.copy(source, lib / folder / "one.so")
    slim(lib)
    assert (lib / "numpy.libs/one.so").read_bytes() == source.read_bytes()
    stripped = lib / "simdjson/one.so"
    assert stripped.stat().st_size < source.stat().st_size / 2
    sections = subprocess.run(
        ["readelf", "-SW", stripped], capture_output=True, text=True, check=True
    )
    assert ".debug_info" not in sections.stdout
    assert ".dynsym" in sections.stdout

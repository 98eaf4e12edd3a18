"""Of a wheel that was changed by one byte nothing is installed, where hashes are asked for."""

import base64
import hashlib
import subprocess
import sys
import zipfile

import pytest


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture
def wheel(tmp_path):
    """A wheel, stored as it is, that somebody may install by its hash."""
    info = "served_thing-1.0.dist-info"
    files = {
        "served_thing.py": b"WORD = 'honest'\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: served-thing\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = [f"{name},sha256={digest(one)},{len(one)}" for name, one in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*listed, f"{info}/RECORD,,", ""]).encode()
    path = tmp_path / "wheels" / "served_thing-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def installed(wheel, into, named):
    """What pip says of installing what a list names, by the wheels beside it alone."""
    (into.parent / "locked.txt").write_text(named)
    command = [
        sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--require-hashes",
        "--find-links", str(wheel.parent), "--target", str(into), "--no-cache-dir",
        "--disable-pip-version-check", "-r", str(into.parent / "locked.txt"),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_an_altered_wheel_is_refused_by_its_hash(wheel, tmp_path):
    into = tmp_path / "site"
    locked = f"served-thing==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    without = installed(wheel, into, "served-thing==1.0\n")
    assert without.returncode != 0
    assert not into.exists()
    honest = wheel.read_bytes()
    wheel.write_bytes(honest.replace(b"honest", b"hostil", 1))
    altered = installed(wheel, into, locked)
    assert altered.returncode != 0
    assert "DO NOT MATCH" in altered.stderr
    assert not into.exists()
    wheel.write_bytes(honest)
    assert installed(wheel, into, locked).returncode == 0
    assert (into / "served_thing.py").read_text() == "WORD = 'honest'\n"

"""A Python of Debian for 64-bit ARM, run by qemu's user mode, with wheels from the index."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

# Debian 12 has this Python; wheels are fetched for it.
PYTHON = "3.11"
SOURCES = (
    "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    "http://deb.debian.org/debian bookworm main\n"
)
PACKAGES = (
    "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libssl3",
    "libbz2-1.0", "liblzma5", "libuuid1",
    "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
)  # fmt: skip
EMULATOR = "qemu-aarch64-static"


def run(*command, cwd=None, timeout=300):
    return subprocess.run(command, cwd=cwd, check=True, timeout=timeout, capture_output=True)


class Machine:
    """A root of Debian for ARM in a folder, and a folder of packages beside it."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("apt-get") is None:
            pytest.skip("apt-get is not installed")
        self._folder = folder
        self.root = folder / "root"
        self.site = folder / "site"
        self._unpack(["qemu-user-static"], (), folder / "emulator")
        self._unpack(PACKAGES, self._index(), self.root)

    def install(self, *names: str) -> None:
        """Unpack the wheels of libraries in the versions that are installed here."""
        wheels = self._folder / "wheels"
        wanted = [f"{name}=={version(name)}" for name in names]
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
            "--only-binary", ":all:", "--python-version", PYTHON,
            "--platform", "manylinux_2_28_aarch64", "--dest", wheels, *wanted,
        )  # fmt: skip
        for wheel in wheels.glob("*.whl"):
            self.install_wheel(wheel)

    def install_wheel(self, wheel: Path) -> None:
        shutil.unpack_archive(wheel, self.site, "zip")

    def python(self, *arguments, cwd, timeout=300) -> subprocess.CompletedProcess[str]:
        """Run Python there; its output is for whoever asked."""
        emulator = self._folder / "emulator" / "usr" / "bin" / EMULATOR
        command = [emulator, "-L", self.root, self.root / "usr" / "bin" / f"python{PYTHON}"]
        return subprocess.run(
            [*command, *arguments],
            cwd=cwd, env={"PYTHONPATH": str(self.site), "HOME": str(cwd)},
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def _index(self) -> tuple[str, ...]:
        """Options with which apt keeps a list of packages for ARM in the folder alone."""
        state = self._folder / "apt"
        (state / "lists" / "partial").mkdir(parents=True)
        (state / "cache" / "archives" / "partial").mkdir(parents=True)
        (state / "status").touch()
        (state / "sources.list").write_text(SOURCES)
        settings = {
            "APT::Architecture": "arm64",
            "APT::Architectures::": "arm64",
            "Dir::State::Lists": state / "lists",
            "Dir::State::status": state / "status",
            "Dir::Cache": state / "cache",
            "Dir::Etc::SourceList": state / "sources.list",
            "Dir::Etc::SourceParts": "-",
            # Its own user may not write into a test's folder.
            "APT::Sandbox::User": "root",
        }
        options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        run("apt-get", *options, "update")
        return tuple(options)

    def _unpack(self, names, options, target: Path) -> None:
        packages = self._folder / f"packages-{target.name}"
        packages.mkdir()
        run("apt-get", *options, "download", *names, cwd=packages)
        for package in packages.glob("*.deb"):
            run("dpkg", "-x", package, target)

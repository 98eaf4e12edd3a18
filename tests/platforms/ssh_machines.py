"""Machines that are reached by SSH, each in namespaces of its own on this one.

A machine has its own network, processes, `/tmp`, `/run` and home. What it shares with this one is
the rest of the file system, from which it takes Python and serve-app; that Ray's files of two nodes
do not meet is the doing of its `/tmp`. Needs root, iproute2 and openssh-server (Debian).
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NETWORK = "10.77.0"
OPERATOR = f"{NETWORK}.1"
_READY_S = 30.0
_PROGRAMS = ("unshare", "nsenter", "ip", "ssh", "ssh-keygen", "rsync")
SSHD = Path("/usr/sbin/sshd")

# The first process of a machine. It waits until it is on the network, and is sshd afterwards,
# which also waits for processes that lost their parents.
_INIT = """
set -e
mount --make-rprivate /
mount --bind {shared} /mnt
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p {shared} /run/sshd
mount --move /mnt {shared}
mount --bind {shared}/{name}/passwd /etc/passwd
hostname {name}
ip link set lo up
touch {shared}/{name}/up
until ip -4 -o addr | grep -qF " {network}."; do sleep 0.05; done
exec {command}
"""


def missing() -> str | None:
    """What these machines need and this one lacks, in words."""
    if os.geteuid() != 0:
        return "namespaces need root"
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    lacking += [] if SSHD.exists() else [str(SSHD)]
    return f"not installed: {', '.join(lacking)}" if lacking else None


@dataclass
class Machine:
    """One machine: its name and address, and the process that holds its namespaces open."""

    name: str
    address: str
    shared: Path
    holder: subprocess.Popen[bytes]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.shared / self.name / "home"

    @property
    def pid(self) -> int:
        """The first process of the machine, as this machine numbers it."""
        (child,) = psutil.Process(self.holder.pid).children()
        return child.pid

    def command(self, *words: str) -> list[str]:
        """Words as they are run on the machine."""
        inside = f"cd {shlex.quote(str(self.home))} && exec {shlex.join(words)}"
        variables = {"HOME": str(self.home), **self.environment}
        return [
            "nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--uts",
            "env", "-i", *(f"{name}={value}" for name, value in variables.items()),
            "bash", "-c", inside,
        ]  # fmt: skip

    def run(self, *words: str, timeout_s: float = 60.0) -> str:
        """Run words on the machine; what they print, or a failure with it."""
        done = subprocess.run(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def processes(self) -> list[psutil.Process]:
        """What runs on the machine, but its first process and what serves SSH."""
        return list(self._every())

    def _every(self) -> Iterator[psutil.Process]:
        own = Path(f"/proc/{self.pid}/ns/pid").readlink()
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if Path(f"/proc/{process.pid}/ns/pid").readlink() != own:
                    continue
                if process.status() == psutil.STATUS_ZOMBIE or process.name() == "sshd":
                    continue
                if process.pid != self.pid:
                    yield process


@contextlib.contextmanager
def machines(
    names: Sequence[str], shared: Path, environment: Mapping[str, str]
) -> Iterator[tuple[Machine, ...]]:
    """An operator's machine and others, which it reaches by SSH; all are gone afterwards.

    `shared` is a folder that all of them see; `environment` what shells on them start with.
    """
    key = shared / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    standing: list[Machine] = []
    try:
        operator = _start("operator", OPERATOR, shared, "sleep infinity", environment)
        standing.append(operator)
        _in_network(operator, "ip", "link", "add", "br0", "type", "bridge")
        _in_network(operator, "ip", "link", "set", "br0", "up")
        _in_network(operator, "ip", "addr", "add", f"{OPERATOR}/24", "dev", "br0")
        for number, name in enumerate(names, 2):
            command = f"{SSHD} -D -e -f {_sshd_config(shared, name)}"
            machine = _start(name, f"{NETWORK}.{number}", shared, command, environment)
            standing.append(machine)
            _connect(operator, machine, number)
        for machine in standing[1:]:
            _wait_for_ssh(operator, machine, key)
        yield tuple(standing)
    finally:
        for machine in standing:
            _end(machine)


def _start(
    name: str, address: str, shared: Path, command: str, environment: Mapping[str, str]
) -> Machine:
    folder = shared / name
    (folder / "home").mkdir(parents=True, exist_ok=True)
    lines = Path("/etc/passwd").read_text().splitlines()
    root = f"root:x:0:0:root:{folder / 'home'}:/bin/bash"
    others = [line for line in lines if not line.startswith("root:")]
    (folder / "passwd").write_text("\n".join([root, *others, ""]))
    exported = [f"export {key}={shlex.quote(value)}\n" for key, value in environment.items()]
    (folder / "home" / ".bashrc").write_text("".join(exported))
    init = _INIT.format(
        shared=shlex.quote(str(shared)), name=name, command=command, network=NETWORK
    )
    log = (folder / "log").open("wb")
    holder = subprocess.Popen(
        [
            *("unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child"),
            *("--mount-proc", "bash", "-c", init),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    _poll(lambda: (folder / "up").exists() or holder.poll() is not None, f"{name} did not start")
    assert holder.poll() is None, (folder / "log").read_text()
    return Machine(name, address, shared, holder, environment)


def _sshd_config(shared: Path, name: str) -> Path:
    folder = shared / name
    host_key = folder / "host_key"
    folder.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True)
    config = folder / "sshd_config"
    config.write_text(
        f"HostKey {host_key}\nAuthorizedKeysFile {shared}/key.pub\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\nUseDNS no\n"
    )
    return config


def _connect(operator: Machine, machine: Machine, number: int) -> None:
    """A cable from a machine to the operator's bridge."""
    _in_network(
        operator,
        *("ip", "link", "add", f"port{number}", "type", "veth"),
        *("peer", "name", "eth0", "netns", str(machine.pid)),
    )
    _in_network(operator, "ip", "link", "set", f"port{number}", "master", "br0", "up")
    _in_network(machine, "ip", "link", "set", "eth0", "up")
    _in_network(machine, "ip", "addr", "add", f"{machine.address}/24", "dev", "eth0")
    _in_network(machine, "ip", "route", "add", "default", "via", OPERATOR)


def _in_network(machine: Machine, *words: str) -> None:
    subprocess.run(["nsenter", "--target", str(machine.pid), "--net", *words], check=True)


def _wait_for_ssh(operator: Machine, machine: Machine, key: Path) -> None:
    options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    words = ("ssh", "-i", str(key), *options, f"root@{machine.address}", "true")

    def answers() -> bool:
        done = subprocess.run(operator.command(*words), capture_output=True, check=False)
        return done.returncode == 0

    _poll(answers, f"{machine.name} does not answer by SSH")


def _poll(condition, what: str) -> None:
    deadline_s = time.monotonic() + _READY_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


def _end(machine: Machine) -> None:
    """End the first process of a machine, with which the kernel ends all others of it."""
    with contextlib.suppress(ValueError, psutil.Error):
        os.kill(machine.pid, signal.SIGKILL)
    machine.holder.kill()
    machine.holder.wait()

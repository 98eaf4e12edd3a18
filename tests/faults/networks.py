"""Two networks of this machine with a cable between them, which a test may cut."""

import ctypes
import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

NETWORKS = Path("/run/netns")
ADDRESSES = "10.213.7"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Why this machine has no such networks, in words; none where it has them."""
    if os.geteuid() != 0:
        return "only root makes networks"
    if not all(shutil.which(name) for name in ("ip", "iptables")):
        return "ip and iptables are not installed"
    tried = subprocess.run(["unshare", "-n", "iptables", "-L"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "the kernel filters no packets here"


@dataclass(frozen=True)
class Network:
    """A network that this machine's processes may be in, with one address for the others."""

    name: str
    address: str

    @contextmanager
    def inside(self):
        """What this thread opens and starts meanwhile, threads and processes too, is in it."""
        with (
            Path(f"/proc/self/task/{_thread()}/ns/net").open("rb") as before,
            (NETWORKS / self.name).open("rb") as its_own,
        ):
            _enter(its_own)
            try:
                yield
            finally:
                _enter(before)

    def run(self, *command):
        """Run a command in it."""
        subprocess.run(["ip", "netns", "exec", self.name, *command], check=True)

    def set(self, **settings):
        """Change settings of the kernel for TCP in it, where the kernel has them."""
        with self.inside():
            for name, value in settings.items():
                path = Path("/proc/sys/net/ipv4") / name
                if path.exists():
                    path.write_text(str(value))

    @contextmanager
    def cut_off(self):
        """No packet comes in from the others, and none goes out to them."""
        rules = [("INPUT", "-i", "eth0"), ("OUTPUT", "-o", "eth0")]
        for chain, *which in rules:
            self.run("iptables", "-w", "-A", chain, *which, "-j", "DROP")
        try:
            yield
        finally:
            for chain, *which in rules:
                self.run("iptables", "-w", "-D", chain, *which, "-j", "DROP")


def _thread():
    return _libc.gettid()


def _enter(file):
    if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "the network cannot be entered")


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def two_networks(prefix):
    """Two networks with a cable between them."""
    networks = [Network(f"{prefix}-{n}", f"{ADDRESSES}.{n}") for n in (1, 2)]
    first, second = networks
    with ExitStack() as after:
        for one in networks:
            _ip("netns", "add", one.name)
            after.callback(_ip, "netns", "delete", one.name)
            one.run("ip", "link", "set", "lo", "up")
        _ip(
            "-n", first.name, "link", "add", "eth0", "type", "veth",
            "peer", "name", "eth0", "netns", second.name,
        )  # fmt: skip
        for one in networks:
            one.run("ip", "addr", "add", f"{one.address}/24", "dev", "eth0")
            one.run("ip", "link", "set", "eth0", "up")
            # What asks for an address toward elsewhere has one, as on a machine.
            one.run("ip", "route", "add", "default", "dev", "eth0")
        yield networks

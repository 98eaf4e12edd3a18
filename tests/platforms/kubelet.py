"""What Kubernetes does to a pod on its node: volumes, secrets, probes, restarts and the end."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import psutil

from serve_app.platforms.images.places import USER
from tests.platforms.pod_machines import Mount, image_environment, sandbox
from tests.platforms.ray_operator import quantity

_TICK_S = 0.25
_BACK_OFF_S = 10.0
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RunningPod:
    """One pod from its start to its end; `ready`, `restarts` and `phase` are what its status says.

    `claims` are folders by the names of claims, `secrets` are texts by names and keys.
    """

    def __init__(self, pod, number, shared, claims, secrets):
        self.pod = pod
        self.name = pod.name
        self.ready = False
        self.terminating = False
        self.restarts = 0
        self.reasons = []
        self._shared = shared
        mounts = _mounts(pod, shared, claims, secrets)
        # A missing secret holds a pod back before anything of it runs.
        self._environment = image_environment() | _environment(pod, secrets)
        self._sandbox = sandbox(pod.name, number, shared, mounts)
        self.address = self._sandbox.address
        self._main = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=pod.name, daemon=True)
        self._thread.start()

    @property
    def log(self):
        """What its containers wrote."""
        return (self._shared / f"{self.name}.log").read_text()

    def processes(self):
        """What runs in it."""
        return self._sandbox.processes()

    def titles(self):
        """The command lines of what runs in it."""
        lines = []
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(one.cmdline()))
        return lines

    def run(self, *words, timeout_s=60.0):
        """Run words in Ray's container, as an `exec` does; the exit status and the output."""
        log = self._shared / f"{self.name}.exec"
        log.write_bytes(b"")
        process = self._sandbox.start(words, self._environment, log)
        return process.wait(timeout_s), log.read_text()

    def delete(self):
        """End it as Kubernetes does: out of the service, preStop, SIGTERM, and SIGKILL in the end.

        Returns how long that took, in seconds.
        """
        started_s = time.monotonic()
        deadline_s = started_s + self.pod.spec["terminationGracePeriodSeconds"]
        self.terminating, self.ready = True, False
        self._stop.set()
        self._thread.join()
        hook = self.pod.container.get("lifecycle", {}).get("preStop")
        if hook is not None:
            process = self._start(hook["exec"]["command"])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(deadline_s - time.monotonic())
        self._ask_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._main.wait(max(2.0, deadline_s - time.monotonic()))
        self._sandbox.end()
        self._main.wait()
        return time.monotonic() - started_s

    def die(self):
        """End it at once, as when its machine is gone."""
        self.terminating, self.ready = True, False
        self._stop.set()
        self._sandbox.end()
        self._thread.join()
        if self._main is not None:
            self._main.wait()

    def _start(self, words):
        return self._sandbox.start(words, self._environment, self._shared / f"{self.name}.log")

    def _ask_to_end(self):
        """SIGTERM to the first process of the container."""
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            # nsenter waits outside for what it started inside.
            for child in psutil.Process(self._main.pid).children():
                child.send_signal(signal.SIGTERM)

    def _work(self):
        try:
            if self.pod.waits_by is not None and not self._waited():
                return
            while not self._stop.is_set():
                self._main = self._start(self.pod.command)
                if self._watch():
                    return
                self.ready = False
                self.restarts += 1
                self._stop.wait(_BACK_OFF_S)
        except (OSError, ValueError, psutil.Error) as error:
            self.reasons.append(f"{type(error).__name__}: {error}")

    def _waited(self):
        process = self._start(self.pod.waits_by)
        while process.poll() is None:
            if self._stop.wait(_TICK_S):
                process.kill()
                process.wait()
                return False
        return True

    def _watch(self):
        """Probe the container until the pod ends, or it does and has to be started anew."""
        probes = {name: _Probe(self.pod.container, name, self.address) for name in _Probe.NAMES}
        started = False
        while not self._stop.wait(_TICK_S):
            if self._main.poll() is not None:
                self.reasons.append(f"the container ended with status {self._main.returncode}")
                return False
            due = ("livenessProbe", "readinessProbe") if started else ("startupProbe",)
            for name in due:
                outcome = probes[name].tried()
                if outcome is None:
                    continue
                if name == "readinessProbe":
                    self.ready = outcome and not self.terminating
                elif not outcome:
                    self.reasons.append(f"{name} failed: {probes[name].last}")
                    self._main.kill()
                    self._end_processes()
                    return False
                else:
                    started = True
        return True

    def _end_processes(self):
        for one in self._sandbox.processes():
            with contextlib.suppress(psutil.Error):
                one.kill()


class _Probe:
    """One probe: tried each period, decided after so many answers of one kind."""

    NAMES = ("startupProbe", "livenessProbe", "readinessProbe")

    def __init__(self, container, name, address):
        probe = container[name]
        get = probe["httpGet"]
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        self._url = f"http://{address}:{ports.get(get['port'], get['port'])}{get['path']}"
        self._timeout_s = probe["timeoutSeconds"]
        self._period_s = probe["periodSeconds"]
        self._failures_allowed = probe["failureThreshold"]
        self._failures = 0
        self._next_s = time.monotonic()
        self.last = ""

    def tried(self):
        """Whether the probe holds, nothing while it is undecided or not due."""
        if time.monotonic() < self._next_s:
            return None
        self._next_s = time.monotonic() + self._period_s
        if self._answers():
            self._failures = 0
            return True
        self._failures += 1
        return False if self._failures >= self._failures_allowed else None

    def _answers(self):
        try:
            with _NO_PROXY.open(self._url, timeout=self._timeout_s) as answer:
                return 200 <= answer.status < 400
        except (OSError, ValueError) as error:
            self.last = f"{self._url}: {error}"
            return False


def _environment(pod, secrets):
    """The variables of Ray's container, in their order, with what the secrets hold."""
    made = {}
    for one in pod.environment:
        if "value" in one:
            made[one["name"]] = one["value"]
            continue
        wanted = one["valueFrom"]["secretKeyRef"]
        if wanted["key"] not in secrets.get(wanted["name"], {}):
            raise AssertionError(f"secret {wanted['name']!r} with key {wanted['key']!r} not found")
        made[one["name"]] = secrets[wanted["name"]][wanted["key"]]
    return made


def _mounts(pod, shared, claims, secrets):
    """The volumes of Ray's container, made as Kubernetes makes them."""
    volumes = {one["name"]: one for one in pod.spec["volumes"]}
    mounts = []
    for one in pod.container["volumeMounts"]:
        volume, read_only = volumes[one["name"]], one.get("readOnly", False)
        empty = volume.get("emptyDir")
        if empty is not None and empty.get("medium") == "Memory":
            size_bytes = quantity(empty["sizeLimit"])
            mounts.append(Mount(one["mountPath"], None, read_only, size_bytes))
            continue
        if empty is not None:
            source = shared / f"{pod.name}-{one['name']}"
        elif "secret" in volume:
            source = shared / f"{pod.name}-{one['name']}"
            source.mkdir(exist_ok=True)
            for key, text in secrets[volume["secret"]["secretName"]].items():
                (source / key).write_text(text)
        else:
            source = claims[volume["persistentVolumeClaim"]["claimName"]]
        _make_volume(source)
        mounts.append(Mount(one["mountPath"], source, read_only))
    return mounts


def _make_volume(path: Path):
    """A folder of the pod's group, which may write it."""
    path.mkdir(exist_ok=True)
    os.chown(path, 0, USER)
    path.chmod(0o2777)

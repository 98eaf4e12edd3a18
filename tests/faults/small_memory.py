"""Less memory than a process needs: the kernel ends whoever takes more."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/memory")
"""Where the groups of version 1 are; version 2 has none here."""


def why_not():
    """Why no group with a limit can be made on this machine, in words; none where one can."""
    if not (GROUPS / "memory.limit_in_bytes").exists():
        return "this machine has no memory groups of version 1 (/sys/fs/cgroup/memory)"
    if os.geteuid() != 0:
        return "only root makes memory groups"
    probe = GROUPS / f"serve-app-{uuid.uuid4().hex[:8]}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return f"no memory group can be made: {error}"
    return None


@contextmanager
def little_memory(pids, mib):
    """Processes each of which may take so much memory more than it has already.

    What a process holds when it is moved is counted where it was before. Gives what tells how
    often the kernel ended one.
    """
    groups = [GROUPS / f"serve-app-{pid}-{uuid.uuid4().hex[:8]}" for pid in pids]
    made = []
    try:
        for pid, group in zip(pids, groups, strict=True):
            group.mkdir()
            made.append(group)
            (group / "memory.limit_in_bytes").write_text(str(mib << 20))
            (group / "cgroup.procs").write_text(str(pid))
        yield lambda: sum(map(_kills, groups))
    finally:
        for group in made:
            for pid in (group / "cgroup.procs").read_text().split():
                (GROUPS / "cgroup.procs").write_text(pid)
            group.rmdir()


def _kills(group):
    """How often the kernel ended a process of a group for want of memory."""
    counts = dict(line.split() for line in (group / "memory.oom_control").read_text().splitlines())
    return int(counts.get("oom_kill", 0))

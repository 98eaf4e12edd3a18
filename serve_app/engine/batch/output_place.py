"""Where the output of a job stands, in which every shard is committed once, whoever tries it.

Output and quarantine of an attempt are brought below `_tmp`. Then one file under `_commits` is
created, which names that attempt, the rows and the digests: of several attempts one can create
it. Whoever sees it puts the files of the attempt that it names in their places, which changes
nothing where they are there. So a process may die anywhere: without the file nothing was
committed, with it everything will be.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Any, ClassVar

from serve_app.batch.committed import Committed
from serve_app.batch.job import SUFFIXES, Format
from serve_app.errors import ConfigError, Conflict

QUARANTINE, COMMITS, TMP = "_quarantine", "_commits", "_tmp"
JOB, MANIFEST, SUCCESS = "_job.json", "_manifest.json", "_SUCCESS"


class OutputPlace(ABC):
    """Takes what attempts at shards of one job write; raises OSError where it cannot.

    Files are named by their path below `root`. Each kind of storage says how one is read,
    created where there is none, and put in its place.
    """

    kind: ClassVar[str]
    """What people call such a place."""
    contents: ClassVar[str]
    """What they call what stands in it."""
    unseen: ClassVar[str]
    """Why another process may not see it."""

    def __init__(self, root: Path | str, job: str, form: Format) -> None:
        self.root = root
        self._job = job
        self._suffix = SUFFIXES[form]

    @property
    @abstractmethod
    def scratch(self) -> Path:
        """A folder of this machine where files may stand for a while."""

    def claim(self) -> None:
        """Make the place this job's.

        Raises:
            Conflict: it holds other files, or another job's output.
        """
        self._require_ours()
        if not self._claimed():
            self._require_ours()

    def is_claimed(self) -> bool:
        """Whether this process sees that it is this job's."""
        try:
            owner = json.loads(self._read(JOB) or b"null")
        except ValueError:
            return False
        return bool(owner == {"job": self._job})

    def temporary(self, shard: int, attempt: int) -> tuple[Path, Path]:
        """The files of this machine into which an attempt writes its output and quarantine."""
        folder, name = self.scratch, f"{part(shard)}.{attempt}"
        return folder / f"{name}{self._suffix}", folder / f"{name}.quarantine.jsonl"

    def output_name(self, shard: int) -> str:
        """What the output of a shard is called."""
        return f"{part(shard)}{self._suffix}"

    def quarantine_name(self, shard: int) -> str:
        """What its quarantine is called."""
        return f"{QUARANTINE}/{part(shard)}.jsonl"

    @abstractmethod
    def opened(self, name: str) -> IO[bytes]:
        """A file of the output, to read; raises FileNotFoundError where there is none."""

    def commit(self, mine: Committed) -> Committed:
        """Commit a shard whose files are whole; gives whose attempt was the first.

        Raises:
            ConfigError: a former commit cannot be read.
        """
        self._bring(mine)
        if not self._created(_commit(mine.shard), mine.encode()):
            kept = self.committed(mine.shard)
            assert kept is not None  # noqa: S101 - nobody removes a commit while a job runs
            mine = kept
        self.settle(mine)
        return mine

    def committed(self, shard: int) -> Committed | None:
        """What was committed of a shard; none where nothing was.

        Raises:
            ConfigError: it cannot be read, or is another job's.
        """
        content = self._read(_commit(shard))
        if content is None:
            return None
        where = f"{self.root}/{_commit(shard)}"
        try:
            done = Committed.decode(content)
        except ValueError as error:
            raise ConfigError(f"{where} is damaged ({error}); remove it, and resume") from None
        if done.job != self._job:
            msg = f"{where} is of another job, {done.job}; write into another {self.kind}"
            raise ConfigError(msg)
        return done

    def settle(self, done: Committed) -> bool:
        """Put the files of a committed shard in their places; whether all are there then."""
        output, quarantine = self.temporary(done.shard, done.attempt)
        targets = [(output.name, self.output_name(done.shard), done.output.size)]
        if done.quarantine is not None:
            name = self.quarantine_name(done.shard)
            targets.append((quarantine.name, name, done.quarantine.size))
        placed = [self._placed(*one) for one in targets]
        return all(placed)

    def discard(self, shard: int) -> None:
        """Forget what was committed of a shard, since its files are gone or changed."""
        for name in (_commit(shard), self.output_name(shard), self.quarantine_name(shard), SUCCESS):
            self._remove(name)

    @abstractmethod
    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all."""

    def finish(self, manifest: dict[str, Any]) -> None:
        """Say that the output is whole: first what it holds, then that it does."""
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
        self._replace(MANIFEST, f"{text}\n".encode())
        self._replace(SUCCESS, b"")

    def is_finished(self) -> bool:
        """Whether the output is whole."""
        return self._size(SUCCESS) >= 0 and self._size(MANIFEST) >= 0

    def manifest(self) -> bytes | None:
        """What the output holds; none before it is whole."""
        return self._read(MANIFEST)

    def _require_ours(self) -> None:
        content = self._read(JOB)
        if content is None:
            names = self._others()
            if not names:
                return
            what = f"other {self.contents}, such as {names[0]}"
            raise Conflict(f"{self.root} holds {what}; name an empty {self.kind}")
        try:
            owner = json.loads(content).get("job")
        except (ValueError, AttributeError):
            owner = "nobody knows which"
        if owner != self._job:
            msg = (
                f"{self.root} holds the output of another job ({owner}): other rows, another "
                f"version or other options; name another {self.kind}"
            )
            raise Conflict(msg)

    def _claimed(self) -> bool:
        """Note whose the place is; false where somebody did."""
        return self._created(JOB, json.dumps({"job": self._job}).encode() + b"\n")

    @abstractmethod
    def _bring(self, mine: Committed) -> None:
        """Bring what an attempt wrote here below `_tmp`."""

    @abstractmethod
    def _placed(self, temporary: str, name: str, size: int) -> bool:
        """Put a file of `_tmp` under its name; whether one of that size is there then."""

    @abstractmethod
    def _others(self) -> list[str]:
        """The names of what stands in the place, in order."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None: ...

    @abstractmethod
    def _created(self, name: str, content: bytes) -> bool:
        """Create a file whole; false where there is one."""

    @abstractmethod
    def _replace(self, name: str, content: bytes) -> None:
        """Write a file whole, also where there is one."""

    @abstractmethod
    def _remove(self, name: str) -> None: ...

    @abstractmethod
    def _size(self, name: str) -> int:
        """How large a file is; less than nothing where there is none."""


def part(shard: int) -> str:
    """What files of a shard are called, without what they are."""
    return f"part-{shard:05d}"


def _commit(shard: int) -> str:
    return f"{COMMITS}/{part(shard)}.json"

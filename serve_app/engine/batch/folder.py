"""The folder of a job's output, in which every shard is committed once, whoever tries how often.

Output and quarantine of an attempt are written under `_tmp`. Then one file under `_commits` is
created, which names that attempt, the rows and the digests: of several attempts one can create
it. Whoever sees it puts the files of the attempt that it names in their places, which changes
nothing where they are there. So a process may die anywhere: without the file nothing was
committed, with it everything will be.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from serve_app.batch.committed import Committed
from serve_app.batch.job import SUFFIXES, Format
from serve_app.errors import ConfigError, Conflict
from serve_app.registry.exclusive import place, sync_folder, temporary_beside

QUARANTINE, COMMITS, TMP = "_quarantine", "_commits", "_tmp"
JOB, MANIFEST, SUCCESS = "_job.json", "_manifest.json", "_SUCCESS"


class OutputFolder:
    """The folder of one job's output; raises OSError where the file system refuses."""

    def __init__(self, root: Path, job: str, form: Format) -> None:
        self.root = root
        self._job = job
        self._suffix = SUFFIXES[form]

    def claim(self) -> None:
        """Make the folder this job's.

        Raises:
            Conflict: it holds other files, or another job's output.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._require_ours()
        content = json.dumps({"job": self._job}).encode() + b"\n"
        if not _created(self.root / JOB, content):
            self._require_ours()
        for folder in (QUARANTINE, COMMITS, TMP):
            (self.root / folder).mkdir(exist_ok=True)

    def is_claimed(self) -> bool:
        """Whether the folder is there and this job's."""
        try:
            owner = json.loads((self.root / JOB).read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return bool(owner == {"job": self._job})

    def temporary(self, shard: int, attempt: int) -> tuple[Path, Path]:
        """Where an attempt writes its output and its quarantine."""
        folder, name = self.root / TMP, f"{part(shard)}.{attempt}"
        return folder / f"{name}{self._suffix}", folder / f"{name}.quarantine.jsonl"

    @property
    def scratch(self) -> Path:
        """Where files may stand for a while."""
        return self.root / TMP

    def output_name(self, shard: int) -> str:
        """What the output of a shard is called."""
        return self.output(shard).name

    def quarantine_name(self, shard: int) -> str:
        """What its quarantine is called."""
        return f"{QUARANTINE}/{self.quarantine(shard).name}"

    def output(self, shard: int) -> Path:
        """Where the output of a shard stands once it is committed."""
        return self.root / f"{part(shard)}{self._suffix}"

    def quarantine(self, shard: int) -> Path:
        """Where its quarantine stands."""
        return self.root / QUARANTINE / f"{part(shard)}.jsonl"

    def commit(self, mine: Committed) -> Committed:
        """Commit a shard whose files are on the disk; gives whose attempt was the first.

        Raises:
            ConfigError: a former commit cannot be read.
        """
        if not _created(self._commit_file(mine.shard), mine.encode()):
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
        file = self._commit_file(shard)
        try:
            done = Committed.decode(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigError(f"{file} is damaged ({error}); remove it, and resume") from None
        if done.job != self._job:
            raise ConfigError(f"{file} is of another job, {done.job}; write into another folder")
        return done

    def settle(self, done: Committed) -> bool:
        """Put the files of a committed shard in their places; says whether all are there then."""
        output, quarantine = self.temporary(done.shard, done.attempt)
        targets = [(output, self.output(done.shard), done.output.size)]
        if done.quarantine is not None:
            targets.append((quarantine, self.quarantine(done.shard), done.quarantine.size))
        for finished, target, _ in targets:
            with suppress(FileNotFoundError):
                place(finished, target)
                sync_folder(target.parent)
        return all(_size(target) == size for _, target, size in targets)

    def discard(self, shard: int) -> None:
        """Forget what was committed of a shard, since its files are gone or changed."""
        for file in (self._commit_file(shard), self.output(shard), self.quarantine(shard)):
            file.unlink(missing_ok=True)
        (self.root / SUCCESS).unlink(missing_ok=True)

    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all, and of everything else."""
        if shard is not None:
            leftovers = list((self.root / TMP).glob(f"{part(shard)}.*"))
        else:
            folders = [self.root / name for name in ("", QUARANTINE, COMMITS)]
            hidden = [file for folder in folders for file in folder.glob(".*") if _is_ours(file)]
            leftovers = [*(self.root / TMP).iterdir(), *hidden]
        for file in leftovers:
            file.unlink(missing_ok=True)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Say that the output is whole: first what it holds, then that it does."""
        body = (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
        target = self.root / MANIFEST
        temporary = temporary_beside(target)
        _written(temporary, body)
        temporary.replace(target)
        sync_folder(self.root)
        _created(self.root / SUCCESS, b"")

    def is_finished(self) -> bool:
        """Whether the output is whole."""
        return (self.root / SUCCESS).is_file() and (self.root / MANIFEST).is_file()

    def _commit_file(self, shard: int) -> Path:
        return self.root / COMMITS / f"{part(shard)}.json"

    def _require_ours(self) -> None:
        try:
            owner = json.loads((self.root / JOB).read_bytes()).get("job")
        except FileNotFoundError:
            # What begins with a dot, a process may have left that died here.
            names = sorted(one.name for one in self.root.iterdir() if one.name[0] != ".")
            if not names:
                return
            msg = f"{self.root} holds other files, such as {names[0]}; name an empty folder"
            raise Conflict(msg) from None
        except (ValueError, AttributeError):
            owner = "nobody knows which"
        if owner != self._job:
            msg = (
                f"{self.root} holds the output of another job ({owner}): other rows, another "
                "version or other options; name another folder"
            )
            raise Conflict(msg)


def part(shard: int) -> str:
    """What files of a shard are called, without what they are."""
    return f"part-{shard:05d}"


def _created(target: Path, content: bytes) -> bool:
    """Create a file whole; false where there is one."""
    temporary = temporary_beside(target)
    try:
        _written(temporary, content)
        created = place(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return created


def _written(file: Path, content: bytes) -> None:
    with file.open("xb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return -1


def _is_ours(hidden: Path) -> bool:
    return hidden.name.startswith(("._", ".part-"))

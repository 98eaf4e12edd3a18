"""`python -m <package>.update`: the next version from a signed bundle, once it proved itself."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from serve_app.errors import ArtifactRejected, Conflict, InvalidInput, ServeError
from serve_app.export.runtime.bundle import Bundle, opened, public_key
from serve_app.export.runtime.download import download
from serve_app.export.runtime.edge import exported
from serve_app.export.runtime.slots import Content, Slots, State

SELF_TEST_TIMEOUT_S = 120.0
REFUSED = 1


class Updates:
    """What becomes of the updates of an installed package."""

    def __init__(self, package: str, slots: Slots, key: bytes | None = None) -> None:
        self._package = package
        self._slots = slots
        description = exported(package)
        self._own = Content(description["model"], description["version"], package)
        given = description["update_key"]
        self._key = key or (None if given is None else bytes.fromhex(given))

    def status(self) -> dict[str, Any]:
        """Which version is current, and where it stands."""
        state = self._slots.state()
        content = state.content or self._own
        return {
            "model": content.reference,
            "slot": state.current,
            "folder": str(self._slots.folder),
        }

    def update(self, source: str, *, allow_older: bool = False) -> dict[str, Any]:
        """Take a bundle from a file or an address, unless it is the current one already.

        The new version becomes current only after it answered its stored rows in a process of
        its own; else everything stays as it was.

        Raises:
            ArtifactRejected: it is not signed with the trusted key, or fails its self test.
            Conflict: it is older than the current version, or another update is under way.
            InvalidInput: there is no key, or nothing at `source`.
            NotReady: the server cannot be reached.
        """
        if self._key is None:
            raise InvalidInput(
                f"{self._package} trusts no key for updates: give --key, or export its wheel with "
                "--update-key"
            )
        with self._slots.alone():
            state = self._slots.state()
            fetched = download(source, state.etags.get(source))
            if fetched is None:
                return {"updated": False, **self.status()}
            bundle = opened(fetched.content, self._key)
            after = self._after(state, bundle, allow_older=allow_older)
            if fetched.etag is not None:
                after = replace(after, etags={**after.etags, source: fetched.etag})
            self._slots.save(after)
            return {"updated": after.contents != state.contents, **self.status()}

    def roll_back(self) -> dict[str, Any]:
        """Let the version before be the current one again.

        Raises:
            Conflict: nothing was updated yet.
        """
        with self._slots.alone():
            state = self._slots.state()
            if state.current is None and state.previous is None:
                raise Conflict(f"{self._own.reference} was not updated; there is nothing before it")
            # A bundle that was left must be offered again.
            self._slots.save(replace(state.rolled_back(), etags={}))
            return self.status()

    def current(self) -> Any:
        """The package of the current version, once it passed its self test.

        A version that fails it is left for the one before, and at last for the installed one.

        Raises:
            ArtifactRejected: the installed one fails it as well.
        """
        for slot, content in self._slots.state().tried():
            try:
                return _imported(self._slots.folder / slot, content.package)
            except Exception as error:  # noqa: BLE001 - its errors are of classes of its own
                words = f"{content.reference} is left, since it fails its self test: {error}"
                warnings.warn(words, RuntimeWarning, stacklevel=2)
        module = import_module(self._package)
        module.model()
        return module

    def _after(self, state: State, bundle: Bundle, *, allow_older: bool) -> State:
        if bundle.model != self._own.model:
            msg = f"the bundle holds {bundle.reference}, and this is a device of {self._own.model}"
            raise ArtifactRejected(msg)
        current = state.content or self._own
        if bundle.version == current.version:
            return state
        if bundle.version < current.version and not allow_older:
            msg = (
                f"the bundle holds {bundle.reference}, which is older than {current.reference}; "
                "give --allow-older, or --rollback to go back to the version before"
            )
            raise Conflict(msg)
        if bundle.package == self._package:
            msg = f"the bundle holds {bundle.reference}, which is installed; give --rollback"
            raise Conflict(msg)
        slot = state.free
        # Whoever dies from here on must not leave a state that names what is gone.
        kept = {name: one for name, one in state.contents.items() if name != slot}
        self._slots.save(replace(state, previous=None, contents=kept))
        folder = self._slots.put(slot, bundle)
        try:
            _prove(folder, bundle)
        except ArtifactRejected:
            self._slots.remove(slot)
            raise
        content = Content(bundle.model, bundle.version, bundle.package)
        return replace(state, contents=kept).turned_to(slot, content)


def _prove(folder: Path, bundle: Bundle) -> None:
    """Let a version answer its stored rows in a process of its own, which may die of it."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", bundle.package, "--self-test"]
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter itself, and a name without spaces
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=SELF_TEST_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        msg = f"{bundle.reference} did not end its self test within {SELF_TEST_TIMEOUT_S:.0f} s"
        raise ArtifactRejected(msg) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        msg = f"{bundle.reference} fails its self test here, and is not taken: {lines[-1]}"
        raise ArtifactRejected(msg)


def _imported(folder: Path, package: str) -> Any:
    sys.path.insert(0, str(folder))
    try:
        module = import_module(package)
    finally:
        sys.path.remove(str(folder))
    module.model()
    return module


def slots_of(package: str, folder: str | None) -> Slots:
    """The slots of a package's model, in the user's own folder where no other is given."""
    if folder is not None:
        return Slots(Path(folder))
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Slots(Path(home) / "serve-app-edge" / str(exported(package)["model"]))


def main(package: str, arguments: Sequence[str] | None = None) -> int:
    """Update, roll back or tell what is current; gives the exit code."""
    given = _parser(package).parse_args(arguments)
    try:
        key = None if given.key is None else public_key(Path(given.key).read_bytes())
        updates = Updates(package, slots_of(package, given.slots), key)
        if given.run:
            module = updates.current()
            inner = import_module(f"{module.__name__}._runtime.export.runtime.command")
            code: int = inner.main(module.__name__, module.model, [])
            return code
        if given.rollback:
            body = updates.roll_back()
        elif given.source is None:
            body = updates.status()
        else:
            body = updates.update(given.source, allow_older=given.allow_older)
    except ServeError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
        return REFUSED
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return REFUSED
    print(json.dumps(body))  # noqa: T201
    return 0


def _parser(package: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}.update",
        description="Take the next version from a signed bundle. It becomes current only after "
        "its self test; without options, the current version is shown. Exit codes: 0 done or "
        "nothing new, 1 refused, 2 called wrongly.",
    )
    parser.add_argument("--from", dest="source", help="the bundle: a file, or a http(s) address")
    parser.add_argument("--slots", help="the folder of the two slots [default: the user's data]")
    parser.add_argument("--key", help="the public key (PEM) to trust, in place of the wheel's own")
    parser.add_argument("--allow-older", action="store_true", help="take an older version as well")
    parser.add_argument("--rollback", action="store_true", help="go back to the version before")
    parser.add_argument(
        "--run", action="store_true", help="answer rows of standard input by the current version"
    )
    return parser

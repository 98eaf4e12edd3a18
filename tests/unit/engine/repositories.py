"""Git repositories for tests."""

import subprocess


def committed(folder, commits=1):
    """A repository in a folder with so many commits; the name of the last."""
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "-q")
    for number in range(commits):
        _git(
            folder, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-q",
            "--allow-empty", "-m", f"{folder.name} {number}",
        )  # fmt: skip
    return _git(folder, "rev-parse", "HEAD") if commits else None


def _git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

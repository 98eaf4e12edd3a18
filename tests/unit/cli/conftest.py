"""The command line as people use it."""

from dataclasses import dataclass

import pytest

from serve_app.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def serve_app(capsys):
    """Run `serve-app` in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Said(caught.value.code or 0, printed.out, printed.err)

    return run

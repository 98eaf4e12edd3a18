"""The one command of a case study: `python -m examples.diagnostics`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from examples.case_study import page
from examples.case_study.session import CHECKOUT, PORT, CaseStudyError, Session, emptied
from serve_app.errors import ServeError

PAGES = CHECKOUT / "docs" / "case-studies"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case study measured: blocks of its page and its pictures, by name; what to try next.

    A picture `cost` of the case study `diagnostics` is `docs/case-studies/diagnostics-cost.svg`.
    """

    blocks: Mapping[str, str]
    pictures: Mapping[str, str]
    next_steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """A case study: its name, one line about it, and what runs it to a live endpoint.

    `on_cluster`: that endpoint is one of a cluster, which the study starts.
    """

    name: str
    summary: str
    run: Callable[[Session], Outcome]
    on_cluster: bool = False

    @property
    def page(self) -> Path:
        """Its page of the documentation."""
        return PAGES / f"{self.name}.md"

    def picture(self, name: str) -> Path:
        """The file of one of its pictures."""
        return PAGES / f"{self.name}-{name}.svg"


def main(study: Study, arguments: Sequence[str] | None = None) -> int:
    """Run a case study, and leave its endpoint answering until Ctrl-C; gives the exit code."""
    options = _parser(study).parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Session(emptied(options.folder), options.port, _say) as session:
            outcome = study.run(session)
            _keep(session, outcome)
            if options.write_page:
                write(study, outcome)
            for line in outcome.blocks.values():
                _say(f"\n{line}")
            if not options.once:
                _stay(session, outcome)
    except (CaseStudyError, ServeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0


def _keep(session: Session, outcome: Outcome) -> None:
    """Write what was measured into the folder of the run."""
    folder = session.folder / "measured"
    folder.mkdir()
    for name, text in outcome.blocks.items():
        (folder / f"{name}.md").write_text(f"{text}\n")
    for name, text in outcome.pictures.items():
        (folder / f"{name}.svg").write_text(text)


def write(study: Study, outcome: Outcome) -> None:
    """Write what was measured into the page of a case study, and its pictures beside it."""
    study.page.write_text(page.rewritten(study.page.read_text(), outcome.blocks))
    for name, text in outcome.pictures.items():
        study.picture(name).write_text(text)


def differences(study: Study, outcome: Outcome) -> list[str]:
    """Where the page and the pictures of a case study differ from what was measured now.

    Figures may differ by one in their last digit, places of a picture by a unit of it.
    """
    here = page.measured(study.page.read_text())
    lines = [f"block {name} is not measured" for name in sorted(set(here) - set(outcome.blocks))]
    for name, text in outcome.blocks.items():
        lines += [f"{name}: {line}" for line in page.differences(here.get(name, ""), text)]
    for name, text in outcome.pictures.items():
        file = study.picture(name)
        before = file.read_text() if file.exists() else ""
        lines += [f"{file.name}: {line}" for line in page.differences(before, text, units=10.0)]
    return lines


def _parser(study: Study) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m examples.{study.name}", description=study.summary
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("case-studies") / study.name,
        help="where data, registry and runs lie; emptied first (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="the endpoint's port (default: %(default)s)"
    )
    parser.add_argument(
        "--once", action="store_true", help="end the endpoint when all is done, instead of Ctrl-C"
    )
    parser.add_argument(
        "--write-page", action="store_true", help="write what was measured into the documentation"
    )
    return parser


def _stay(session: Session, outcome: Outcome) -> None:
    _say(f"\nhttp://127.0.0.1:{session.port} answers until Ctrl-C. Try next:\n")
    for line in outcome.next_steps:
        _say(line)
    while True:
        signal.pause()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that what was started ends too."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)

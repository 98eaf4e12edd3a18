"""What each fault did, kept as JSON and shown as a table of the documentation.

`python -m tests.faults.outcomes` writes the table into docs/reliability.md.
"""

import datetime as dt
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "faults.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- the table that `make faults` writes -->"
END = "<!-- its end -->"
HEAD = """\
| fault | requests | failed | our client: failed | lost | back after |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Outcome:
    """What one fault did.

    `failed` counts requests of those `sent` without an answer of 200, `client_failed` those of
    our own client after its repetitions; `lost` what was acknowledged and is not there. `back_s`
    is until all was as before, none where nothing had to come back. `load` is the machine's load
    average over five minutes, which says how much else it did.
    """

    sent: int
    failed: int
    client_failed: int
    lost: int
    back_s: float | None
    day: str
    machine: str
    load: float


class Book:
    """Keeps the outcomes in a file, each by its fault; the last one stands."""

    def __init__(self, path):
        self._path = path

    def read(self):
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def add(self, fault, load, *, lost, back_s, also_sent=0, also_failed=0):
        """Keep what a load saw of a fault, and of requests that were sent besides."""
        outcome = Outcome(
            sent=load.report.sent + load.client_sent + also_sent,
            failed=load.report.failed + also_failed,
            client_failed=len(load.client_failed),
            lost=lost,
            back_s=None if back_s is None else round(back_s, 1),
            day=dt.datetime.now(dt.UTC).date().isoformat(),
            machine=f"{os.cpu_count()} cores, {platform.system()}",
            load=round(os.getloadavg()[1], 1),
        )
        outcomes = {**self.read(), fault: asdict(outcome)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(outcomes, indent=2) + "\n")
        return outcome


def table(outcomes):
    """The lines of a table, and when and where it was measured."""
    if not outcomes:
        return "Nothing has been measured yet: `make faults`.\n"
    lines = [
        f"| {fault} | {one['sent']:,} | {one['failed']} | {one['client_failed']} | {one['lost']} "
        f"| {'at once' if one['back_s'] is None else str(one['back_s']) + ' s'} |"
        for fault, one in outcomes.items()
    ]
    days = sorted({one["day"] for one in outcomes.values()})
    machines = sorted({one["machine"] for one in outcomes.values()})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    loads = [one["load"] for one in outcomes.values()]
    measured = (
        f"Measured {when} on {'; '.join(machines)}, with a load average of "
        f"{min(loads):.0f} to {max(loads):.0f} from this and other work."
    )
    return HEAD + "\n".join(lines) + f"\n\n{measured}\n"


def written(page, outcomes):
    """A page with the table of these outcomes."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(outcomes)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), Book(RESULTS).read()))

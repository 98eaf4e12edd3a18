"""Where `serve-app retrain demo` happens: its files, its first version, and its clients."""

from __future__ import annotations

import json
import re
import time
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.cli.demo_configs import config_for
from serve_app.cli.registries import open_registry
from serve_app.cli.retrain_place import RetrainingPlace
from serve_app.cli.simulated import HttpEndpoint
from serve_app.errors import ModelFailed
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.examples.crowd import Crowd
    from serve_app.examples.deliveries import DeliveryTable, Place
    from serve_app.examples.deliveries.visits import Deliveries

MODEL = "deliveries"
HISTORY_S = 60.0
"""The table begins so long before the first version, with as many rows as clients would send."""
_LONGEST_S = 1800.0
_SUBJECTS = 10_000_000
_FEEDBACK_S = 1.0
_CLIENTS = 16
"""So many that none of them is late with what it has to send, however slow a machine is."""
_WORDS = {"motorway": "further and faster", "town": "less far and slower"}


class Scene:
    """All that is there before the story begins. What it needs of files lies in the state folder.

    Where it was before, it goes on from where it was.
    """

    def __init__(self, place: RetrainingPlace, *, rate_per_s: float, seed: int) -> None:
        self.seed = seed
        self.folder = Path(place.state) / MODEL
        self._place = place
        self._rate_per_s = rate_per_s

    @cached_property
    def table(self) -> DeliveryTable:
        """The table on which is trained."""
        from serve_app.examples.deliveries import DeliveryTable

        return DeliveryTable(self.folder / "deliveries.csv")

    @cached_property
    def visits(self) -> Deliveries:
        """What clients ask about; who is served by a champion of one place is so at first."""
        from serve_app.examples.deliveries import World
        from serve_app.examples.deliveries.visits import Deliveries

        runs = self._place.ledger.runs(MODEL)
        promoted = [one.challenger for one in reversed(runs) if one.state == "PROMOTED"]
        champion = self._place.versions().champion(MODEL)
        # Each of them came after a move, the first one to the motorway.
        moves = promoted.index(champion) + 1 if champion in promoted else 0
        place: Place = "motorway" if moves % 2 else "town"
        return Deliveries(World(self.seed), _SUBJECTS, place)

    def pipeline(self) -> PipelineSettings:
        """The pipeline, whose file and table lie in the folder."""
        from serve_app.lifecycle.spec import read_pipeline

        path = self.folder / "pipeline.yaml"
        if not path.is_file():
            source = _quoted(self.folder / "deliveries.csv")
            text = _packaged("pipeline").replace("source: deliveries.csv", f"source: {source}")
            self._write(path, text)
        return read_pipeline(path)

    def config(self, http_port: int) -> Path:
        """The config, for that port, this state folder and this registry."""
        path = self.folder / "config.yaml"
        places = {"registry": self._place.registry, "state": self._place.state}

        def quoted(place: re.Match[str]) -> str:
            return _quoted(places[place[1]] + place[2])

        self._write(path, re.sub(r"\./(registry|state)([\w/]*)", quoted, _packaged("config")))
        return config_for(http_port, self.folder / "ports", str(path))

    def first_version(self) -> None:
        """Train one on rows of the past, for both aliases, unless there is a champion.

        Raises:
            ModelFailed: nothing was registered.
        """
        versions = self._place.versions()
        if versions.champion(MODEL) is not None:
            return
        self._write_history()
        training = self._place.training()
        run = training.work_on(training.create(self.pipeline()))
        registered = (run.result or {}).get("versions", [])
        if not registered:
            raise ModelFailed(f"training run {run.id} is {run.state}, and registered nothing")
        registry = open_registry(self._place.registry)
        for alias in ("champion", "challenger"):
            reason = "first version of the demo"
            registry.set_alias(MODEL, alias, registered[0], by=current_user(), reason=reason)

    def crowd(self, base: str) -> Crowd:
        """Clients of a gateway, which keep how deliveries turned out in the table."""
        from serve_app.examples.clients import Traffic
        from serve_app.examples.crowd import Crowd, Target
        from serve_app.examples.deliveries.visits import TabledEndpoint

        endpoint = TabledEndpoint(HttpEndpoint(base, MODEL, None, numeric=False), self.table)
        traffic = Traffic(
            self._rate_per_s, _LONGEST_S, subjects=_SUBJECTS, feedback_delay_s=_FEEDBACK_S
        )
        # Other deliveries than at the last time.
        seed = self.seed + len(self.table)
        return Crowd(
            [Target(MODEL, endpoint, self.visits, numeric=False)],
            traffic,
            clients=_CLIENTS,
            seed=seed,
        )

    def move(self) -> str:
        """Let the warehouse move; how vans drive since, in words."""
        visits = self.visits
        visits.place = "town" if visits.place == "motorway" else "motorway"
        return _WORDS[visits.place]

    def _write_history(self) -> None:
        count = round(HISTORY_S * self._rate_per_s)
        until_s = time.time()
        # Numbers that clients never ask about.
        for number in range(count):
            one = self.visits[_SUBJECTS + number]
            self.table.add(until_s - HISTORY_S * (1 - number / count), one.row, one.truth)
        self.table.write()

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.replace(path)


def _quoted(place: str | Path) -> str:
    """A place as a value of YAML, whatever is in its name."""
    return json.dumps(str(place))


def _packaged(name: str) -> str:
    return (resources.files("serve_app.examples.deliveries") / f"{name}.yaml").read_text()

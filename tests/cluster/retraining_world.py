"""Deliveries of a courier on a cluster: their table, those who ask about them, and what is seen."""

import json
import threading
import time
import urllib.request

from serve_app.cluster.node import Cluster
from serve_app.examples.deliveries import DeliveryTable, World

MODEL = "deliveries"
WORLD = World(7)
FLIPPED = {"late": "on time", "on time": "late"}


def rows(cluster, parts, *, shuffled=False, flipped=False):
    """Write the table: so many rows from each place, ten in a second, the last of them now."""
    table = DeliveryTable(cluster.home / "new.csv")
    count = sum(count for _, count in parts)
    begin_s, number = time.time() - count / 10, 0
    for place, part in parts:
        for _ in range(part):
            one = WORLD.delivery(number, place)
            outcome = FLIPPED[one.outcome] if flipped else one.outcome
            table.add(begin_s + number / 10, one.row, outcome)
            number += 1
    table.write_shuffled(3) if shuffled else table.write()
    (cluster.home / "new.csv").replace(cluster.home / "deliveries.csv")


def of_ray(cluster):
    """The folder in which Ray writes."""
    return (Cluster(cluster.home / "state").require().folder / "ray").resolve()


def let_go(cluster, version):
    """Whether a replica has said that it let a version go."""
    logs = [path.read_text() for path in of_ray(cluster).rglob("serve-app-*.jsonl")]
    said = [json.loads(line) for log in logs for line in log.splitlines() if version in line]
    return any(one["message"] == "version let go" and one["version"] == version for one in said)


def scraped(cluster):
    """All that Prometheus would scrape of the cluster now."""
    targets = json.loads((of_ray(cluster) / "prom_metrics_service_discovery.json").read_text())
    places = {place for one in targets for place in one["targets"]}
    return "".join(
        urllib.request.urlopen(f"http://{place}/metrics", timeout=10).read().decode()
        for place in places
    )


class Clients:
    """Predict, and say of each prediction what was true, until they are left."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.failed = None

    def _send(self):
        number = 0
        try:
            while not self._stop.is_set():
                items = []
                for _ in range(20):
                    one = WORLD.delivery(100_000 + number, "motorway")
                    answer = self._cluster.predict(MODEL, [one.row])
                    items.append({"prediction_id": answer["prediction_id"], "truth": one.outcome})
                    number += 1
                given = self._cluster.request(f"/v1/models/{MODEL}:feedback", {"feedback": items})
                assert given.status < 300, given.content
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.failed = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)

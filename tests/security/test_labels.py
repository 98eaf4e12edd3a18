"""Whatever clients make up, metrics have as many series as before."""

import asyncio
import itertools
import json
import random

import httpx
import pytest

from benchmarks.load import build_request, run_due
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import free_row
from tests.security.server import ROW, running

INVENTED = 10_000
CONTENT = json.dumps({"instances": [ROW]}).encode()
KNOWN = "/v1/models/logistic:predict"


@pytest.fixture
def server(models, tmp_path):
    register(Registry(str(tmp_path / "registry")), Candidate("logistic", *models["logistic"]))
    port = free_row(1)
    options = ("--metrics-port", str(port))
    with running(
        tmp_path, str(tmp_path / "registry"), *options, models=("logistic@1",)
    ) as one:  # fmt: skip
        yield one, f"http://127.0.0.1:{port}/metrics"


def invented(word):
    """Requests in which one thing each is made up that might become a label."""
    json_type = {"content-type": "application/json"}

    def post(path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return build_request("POST", path, {**json_type, **named}, CONTENT)

    return [
        post(f"/v1/models/{word}:predict"),
        post(f"/v1/models/logistic/versions/{word}:predict"),
        post(f"/v1/models/logistic/labels/{word}:predict"),
        post(f"/v1/models/logistic:{word}"),
        post(f"/v2/models/{word}/infer"),
        post(f"/v2/models/{word}/versions/7/infer"),
        post(f"/{word}/{word}"),
        post(f"/v1/models/{word}:feedback"),
        post(KNOWN, x_criticality=word),
        post(KNOWN, x_client=word, user_agent=word, x_request_id=word),
        build_request(word.upper(), KNOWN, json_type, CONTENT),
        build_request("POST", KNOWN, {"content-type": f"application/{word}"}, CONTENT),
    ]


def series(metrics):
    """The names and labels of all series."""
    lines = httpx.get(metrics).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def ask(port, requests):
    """Send each request once, as fast as may be."""
    at_once = [0.0] * len(requests)
    return asyncio.run(run_due("127.0.0.1", port, requests, at_once, connections=8))


def test_ten_thousand_invented_names_make_no_new_series(server):
    one, metrics = server
    draw = random.Random(5)
    words = (f"w{draw.getrandbits(64):x}" for _ in itertools.count())
    assert one.predicts()
    ask(one.port, invented(next(words)))
    before = series(metrics)
    assert any("logistic" in name for name in before)
    requests = list(itertools.islice(itertools.chain.from_iterable(map(invented, words)), INVENTED))
    report = ask(one.port, requests)
    assert report.sent == INVENTED, report.failed_by
    assert series(metrics) == before
    assert one.predicts()

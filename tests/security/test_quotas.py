"""A day's rows of one principal end, those of others do not, and answers say what is left."""

import secrets
import time

import httpx
import pytest

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from serve_app.storage.keys_file import KeysFile
from tests.security.server import ROW, running

PATH = "/v1/models/logistic:predict"
INFER = "/v2/models/logistic/infer"
CONFIG = """
applications:
- import_path: serve_app.app:gateway
  args:
    access: {mode: keys}
    limits: {principals: {trial: {rows_per_day: 1000}}}
- import_path: serve_app.app:control
  deployments:
  - name: Control
    user_config:
      endpoints:
        logistic: {route: {kind: single, model: logistic@1}}
"""


@pytest.fixture
def post(models, tmp_path):
    """Asks a server as one of two principals."""
    place = tmp_path / "keys.json"
    book = KeyBook(
        KeysFile(place), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    keys = {
        name: book.create(KeyOrder(name, ("predict",)), "ada").key for name in ("trial", "paid")
    }
    register(Registry(str(tmp_path / "registry")), Candidate("logistic", *models["logistic"]))
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    options = ("--config", str(config), "--keys-file", str(place))
    with (
        running(tmp_path, str(tmp_path / "registry"), *options, models=()) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield lambda who, body, path=PATH: client.post(
            path, json=body, headers={"x-api-key": keys[who]}
        )


def left(answer):
    return int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])


def test_rows_of_a_day_end_in_all_dialects_together(post):
    first = post("trial", {"instances": [ROW] * 600})
    assert first.status_code == 200
    assert first.headers["ratelimit-policy"] == '"rows-per-day";q=1000;w=86400'
    assert left(first) == 400
    tensors = [
        {"name": name, "shape": [300], "datatype": "FP64", "data": [value] * 300}
        for name, value in ROW.items()
    ]
    second = post("trial", {"inputs": tensors}, INFER)
    assert second.status_code == 200
    assert left(second) == 100
    above = post("trial", {"instances": [ROW] * 101})
    assert above.status_code == 429
    assert "rows to endpoint 'logistic' are limited to 1000 a day, of which 100" in above.text
    assert 1 <= int(above.headers["retry-after"]) <= 86_400
    assert post("trial", {"instances": [ROW] * 100}).status_code == 200
    ended = post("trial", {"instances": [ROW]})
    assert (ended.status_code, left(ended)) == (429, 0)
    other = post("paid", {"instances": [ROW] * 2_000})
    assert other.status_code == 200
    assert "ratelimit" not in other.headers

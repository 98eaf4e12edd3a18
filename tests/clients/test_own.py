"""The project's own client against a gateway on a real socket."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from serve_app import errors
from serve_app.cli.main import cli
from serve_app.client import AsyncClient, Client, Retries
from serve_app.models.frames import to_columns


@pytest.mark.parametrize("form", ["frame", "matrix", "rows"])
def test_rows_in_every_form_get_the_models_predictions(served, frame, form):
    head = frame.head(20)
    data = {"frame": head, "matrix": head.to_numpy(), "rows": head.to_dict("records")}[form]
    model = served.models["logistic@1"].predict(to_columns(head))
    with Client(f"http://{served.http}") as client:
        answer = client.predict("risk", data)
        names = [endpoint["name"] for endpoint in client.endpoints()]
    assert answer.predictions == model.values.tolist()
    assert np.array(answer.probabilities).tobytes() == model.probabilities.tobytes()
    assert len(answer.frame()) == 20
    assert sorted(names) == ["age", "risk"]


def test_errors_are_those_of_the_server(served, frame):
    with Client(f"http://{served.http}") as client:
        with pytest.raises(errors.InvalidInput) as refused:
            client.predict("risk", frame[["age"]])
        assert refused.value.details["violations"][0]["column"] == "dose"
        with pytest.raises(errors.NotFound, match="nobody"):
            client.predict("nobody", frame)


def test_values_that_no_model_takes_are_the_requests_fault_and_not_the_servers(served):
    # What is scaled overflows, and the classifier behind the scaler takes no infinities.
    row = {"age": -1.797e308, "dose": -1.797e308}
    with Client(f"http://{served.http}") as client:
        with pytest.raises(errors.RowsRefused, match="does not take these rows") as refused:
            client.predict("risk", [row])
        assert refused.value.message == (
            "the model does not take these rows: row 0, column 'dose', -1.797e+308: "
            "the rows hold NaN or infinities"
        )


async def test_many_requests_at_once_are_answered(served, frame):
    import asyncio

    async with AsyncClient(f"http://{served.http}", retries=Retries(attempts=1)) as client:
        one = frame.head(1)
        answers = await asyncio.gather(*(client.predict("age", one) for _ in range(50)))
    assert len({answer.predictions[0] for answer in answers}) == 1


async def test_feedback_is_kept_once_for_the_variant_that_answered(served, frame):
    with Client(f"http://{served.http}") as client:
        answer = client.predict("risk", frame.head(2))
        assert client.feedback("risk", answer, reward=0.5) == "stored"
    async with AsyncClient(f"http://{served.http}") as client:
        truth = frame["age"].head(2) > 50
        assert await client.feedback("risk", answer, truth=truth) == "completed"
        assert await client.feedback("risk", answer.prediction_id, truth=truth) == "repeated"
        with pytest.raises(errors.NotFound, match="nobody"):
            await client.feedback("nobody", answer, reward=1)
        with pytest.raises(errors.InvalidInput, match="'truth' or a 'reward'"):
            await client.feedback("risk", answer)
    (kept,) = served.feedback.all()
    assert (kept["truth"], kept["reward"]) == (truth.tolist(), 0.5)
    assert kept["variants"] == ["logistic@1"]


async def test_feedback_in_lists_is_kept_once_whatever_says_it(served, tmp_path):
    items = [{"key": "k-1", "truth": "ill"}, {"key": "k-2"}, {"key": 3, "reward": 0.5}]
    with Client(f"http://{served.http}") as client:
        said = client.feedback_all("risk", items)
        assert said.outcomes == ["stored", None, "stored"]
        assert [one["index"] for one in said.refused] == [1]
        with pytest.raises(errors.InvalidInput, match="none of the 1 items"):
            client.feedback_all("risk", [{"key": "k-2"}])
    async with AsyncClient(f"http://{served.http}") as client:
        assert (await client.feedback_all("risk", items[:1])).outcomes == ["repeated"]
        assert await client.feedback("risk", key="k-1", truth="well") == "amended"
    file = tmp_path / "labels.csv"
    file.write_text("order,outcome\nk-1,well\nk-4,ill\n,ill\n")
    command = [
        "feedback", "import", str(file), "--endpoint", "risk", "--id", "order",
        "--truth", "outcome", "--url", served.http, "--json",
    ]  # fmt: skip
    printed = CliRunner().invoke(cli, command)
    assert printed.exit_code == 1
    assert json.loads(printed.stdout) == {
        "rows": 3,
        "counts": {"repeated": 1, "stored": 1},
        "refused": [{"row": "line 4", "error": "it names no prediction: order is empty"}],
    }
    kept = [(one["key"], one["truth"], one["reward"]) for one in served.feedback.all("risk")]
    assert kept == [("k-1", "well", None), ("3", None, 0.5), ("k-4", "ill", None)]


PROXIES = [
    f"{kind}_{word}" for kind in ("http", "HTTP", "all", "ALL") for word in ("proxy", "PROXY")
]


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
async def test_a_server_on_this_machine_is_asked_past_any_proxy(served, frame, monkeypatch, proxy):
    for name in PROXIES:
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    head = frame.head(2)
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{served.http}".replace("127.0.0.1", host)
        with Client(url) as client:
            assert len(client.predict("risk", head).predictions) == 2
        async with AsyncClient(url) as other:
            assert len((await other.predict("risk", head)).predictions) == 2


def test_a_server_elsewhere_is_asked_through_the_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    client = Client("http://192.0.2.1", retries=Retries(attempts=1))
    with pytest.raises(errors.NotReady, match="refused"):
        client.endpoints()
    client.close()

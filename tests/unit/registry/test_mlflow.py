"""Addresses, credentials, downloads and the outbox of MLflow's servers, without such a server."""

import base64
import http.server
import json
import threading

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import (
    ArtifactRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    ServeError,
    ServerFault,
    Unauthenticated,
)
from serve_app.registry.mlflow import artifacts as artifacts_files
from serve_app.registry.mlflow.address import Address, Wanted, is_address, parse
from serve_app.registry.mlflow.artifacts import download
from serve_app.registry.mlflow.client import Credentials, MlflowClient, credentials_of
from serve_app.registry.mlflow.exporting import MOST_BYTES, batches
from serve_app.registry.mlflow.outbox import Outbox, Waiting


class Stub(http.server.BaseHTTPRequestHandler):
    """Answers as a test says, and keeps what it was sent."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Authorization")))
        status, body, headers = self.server.answer(self.path)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub():
    """Starts servers, each of which answers by a function of the path."""
    running = []

    def start(answer):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
        server.requests, server.answer = [], answer
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def gives(body, status=200, **headers):
    return lambda _: (status, body, headers)


@pytest.mark.parametrize(
    ("text", "server", "wanted"),
    [
        ("mlflow+http://h:5000#models:/m@best", "http://h:5000", Wanted("alias", "m", "best")),
        ("mlflow+https://h/ml/#models:/m/3", "https://h/ml", Wanted("version", "m", "3")),
        ("mlflow+http://h#models:/m/latest", "http://h", Wanted("latest", "m")),
        ("mlflow+http://h#models:/m-1f0", "http://h", Wanted("logged", "m-1f0")),
        ("mlflow+http://h#runs:/4f/a/b", "http://h", Wanted("run", "4f", "a/b")),
        ("mlflow+http://h#models:/my%20model@a-b", "http://h", Wanted("alias", "my model", "a-b")),
        ("mlflow+http://[::1]:5000#models:/m/1", "http://[::1]:5000", Wanted("version", "m", "1")),
    ],
)
def test_addresses_name_a_server_and_a_model(text, server, wanted):
    assert is_address(text)
    assert parse(text) == Address(server, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "mlflow+http://h:5000",
        "mlflow+http://h#",
        "mlflow+http://h#models:/m",
        "mlflow+http://h#models:/m/Production",
        "mlflow+http://h#models:/m/0",
        "mlflow+http://h#models:/@a",
        "mlflow+http://h#models:/m@",
        "mlflow+http://h#runs:/",
        "mlflow+http://h#s3://bucket/model",
        "mlflow+http://#models:/m/1",
        "mlflow+http://h:port#models:/m/1",
        "mlflow+http://h?x=1#models:/m/1",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidInput):
        parse(text)


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(InvalidInput, match="MLFLOW_TRACKING_PASSWORD") as caught:
        parse("mlflow+https://ada:hunter2@h#models:/m/1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({}, None),
        ({"MLFLOW_TRACKING_TOKEN": "t0k"}, "Bearer t0k"),
        (
            {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "ü:1"},
            f"Basic {base64.b64encode('ada:ü:1'.encode()).decode()}",
        ),
        ({"MLFLOW_TRACKING_USERNAME": "ada"}, None),
    ],
)
def test_credentials_are_those_of_the_environment(stub, environment, header):
    server = stub(gives({}))
    credentials = credentials_of(environment)
    MlflowClient(server.url, credentials).get("experiments/search")
    assert server.requests == [("/api/2.0/mlflow/experiments/search", header)]
    assert "t0k" not in repr(credentials)


def test_credentials_are_not_shown_to_another_server(stub):
    other = stub(gives({}))
    server = stub(gives({}, status=302, Location=f"{other.url}/elsewhere"))
    client = MlflowClient(server.url, Credentials("Bearer t0k"))
    with pytest.raises(ServeError, match="sends elsewhere"):
        client.get("experiments/search")
    assert not other.requests


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (429, NotReady),
        (500, ServerFault),
        (503, NotReady),
    ],
)
def test_refusals_are_in_the_servers_words(stub, status, kind):
    server = stub(gives({"error_code": "X", "message": "not like this"}, status=status))
    with pytest.raises(kind, match="not like this"):
        MlflowClient(server.url, Credentials()).get("runs/get", run_id="1")


def test_who_is_no_mlflow_is_named(stub):
    server = stub(gives(b"<html>hello</html>"))
    with pytest.raises(ServerFault, match="is it a server of MLflow's"):
        MlflowClient(server.url, Credentials()).get("runs/get")


def artifacts(files):
    """A server's artifacts: contents by path, or lists of what a folder holds."""

    def answer(path):
        place, _, query = path.partition("?path=")
        if query:
            return 200, {"files": files[query.replace("%2F", "/")]}, {}
        return 200, files[place.removeprefix("/api/2.0/mlflow-artifacts/artifacts/")], {}

    return answer


def test_folders_are_downloaded_whole(stub, tmp_path):
    server = stub(
        artifacts(
            {
                "0/m": [{"path": "MLmodel", "file_size": 3}, {"path": "data", "is_dir": True}],
                "0/m/data": [{"path": "model.skops", "file_size": 4}],
                "0/m/MLmodel": b"abc",
                "0/m/data/model.skops": b"defg",
            }
        )
    )
    download(MlflowClient(server.url, Credentials()), "mlflow-artifacts:/0/m", tmp_path)
    assert (tmp_path / "MLmodel").read_bytes() == b"abc"
    assert (tmp_path / "data/model.skops").read_bytes() == b"defg"


@pytest.mark.parametrize("name", ["..", "../..", "", "/", "a\\..\\b", "C:evil", "a\0b"])
def test_no_name_leads_out_of_the_folder(stub, tmp_path, name):
    server = stub(artifacts({"m": [{"path": name}], "m/x": b""}))
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(ServeError):
        download(MlflowClient(server.url, Credentials()), "mlflow-artifacts:/m", inside)
    assert list(tmp_path.rglob("*")) == [inside]


def test_a_file_that_breaks_off_is_refused(stub, tmp_path):
    server = stub(artifacts({"m": [{"path": "f", "file_size": 9}], "m/f": b"short"}))
    with pytest.raises(ArtifactRejected, match="9 bytes, of which 5 arrived"):
        download(MlflowClient(server.url, Credentials()), "mlflow-artifacts:/m", tmp_path)


def test_a_server_fills_no_disk(stub, tmp_path, monkeypatch):
    """Whatever it says of the length of a file, or does not say."""
    monkeypatch.setattr(artifacts_files, "MOST_BYTES", 10)
    server = stub(artifacts({"m": [{"path": "f"}], "m/f": bytes(8 << 20)}))
    with pytest.raises(ArtifactRejected, match="are larger than"):
        download(MlflowClient(server.url, Credentials()), "mlflow-artifacts:/m", tmp_path)
    assert (tmp_path / "f").stat().st_size <= 1 << 20


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mlflow-artifacts://elsewhere:5000/m", "another server"),
        ("dbfs:/m", "not read here"),
        ("http://169.254.169.254/latest", "not read here"),
        ("/no/such/folder", "the server's own disk"),
    ],
)
def test_places_that_are_not_read_are_said(stub, tmp_path, uri, words):
    with pytest.raises(InvalidInput, match=words):
        download(MlflowClient(stub(gives({})).url, Credentials()), uri, tmp_path)


def test_a_remote_server_names_no_folder_of_this_machine(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "MLmodel").write_text("x")
    client = MlflowClient("http://mlflow.example", Credentials())
    with pytest.raises(InvalidInput, match="the server's own disk"):
        download(client, str(tmp_path / "from"), tmp_path)


def test_stores_are_read_by_fsspec(monkeypatch, tmp_path):
    memory = MemoryFileSystem()
    memory.pipe({"/bucket/m/MLmodel": b"abc", "/bucket/m/data/model.skops": b"defg"})
    # A filesystem that needs no network stands for that of the scheme.
    monkeypatch.setattr(fsspec, "url_to_fs", lambda _: (memory, "/bucket/m"))
    download(MlflowClient("http://h", Credentials()), "gs://bucket/m", tmp_path)
    assert (tmp_path / "MLmodel").read_bytes() == b"abc"
    assert (tmp_path / "data/model.skops").read_bytes() == b"defg"
    memory.rm("/bucket", recursive=True)


SIZES = st.lists(st.integers(1, 6_000), max_size=30)


@given(st.integers(0, 2_500), SIZES, st.integers(0, 250))
def test_batches_hold_every_entry_once_within_the_limits(metrics, parameters, tags):
    entries = (
        [{"key": f"m{i}", "value": 0.5} for i in range(metrics)],
        [{"key": f"p{i}", "value": "x" * size} for i, size in enumerate(parameters * 20)],
        [{"key": f"t{i}", "value": "y"} for i in range(tags)],
    )
    made = list(batches(*entries))
    for kind, given_entries in zip(("metrics", "params", "tags"), entries, strict=True):
        assert [one for batch in made for one in batch[kind]] == given_entries
    for batch in made:
        assert len(batch["metrics"]) <= 1_000
        assert len(batch["params"]) <= 100
        assert len(batch["tags"]) <= 100
        assert 0 < sum(map(len, batch.values())) <= 1_000
        assert len(json.dumps({"run_id": "f" * 32, **batch})) <= MOST_BYTES


def waiting(reference, server="http://a", since="2026-11-27T10:00:00+00:00"):
    return Waiting(server, reference, "serve-app", since)


def test_what_a_server_took_waits_no_more(tmp_path):
    box, taken = Outbox(tmp_path / "box"), []
    box.add(waiting("churn@2", since="2026-11-27T11:00:00+00:00"))
    box.add(waiting("churn@1"))
    box.add(waiting("churn@1"))
    assert [one.why for one in box.deliver(taken.append)] == [None, None]
    assert [one.reference for one in taken] == ["churn@1", "churn@2"]
    assert box.waiting() == []


def test_a_server_that_is_away_is_asked_once_and_others_are_told(tmp_path):
    box, asked = Outbox(tmp_path), []
    for reference, server in (("a@1", "http://a"), ("a@2", "http://a"), ("b@1", "http://b")):
        box.add(waiting(reference, server))

    def tell(one):
        asked.append(one.reference)
        if one.server == "http://a":
            raise NotReady("away")

    outcome = {one.waiting.reference: one.why for one in box.deliver(tell)}
    assert outcome == {"a@1": "away", "a@2": "away", "b@1": None}
    assert asked == ["a@1", "b@1"]
    assert {one.reference: one.attempts for one in box.waiting()} == {"a@1": 1, "a@2": 0}


def test_one_that_is_refused_holds_up_no_other(tmp_path):
    box = Outbox(tmp_path)
    box.add(waiting("a@1"))
    box.add(waiting("a@2"))
    (tmp_path / "stranger.json").write_text("{}")

    def tell(one):
        if one.reference == "a@1":
            raise InvalidInput("not like this")

    assert [one.why for one in box.deliver(tell)] == ["not like this", None]
    assert [(one.reference, one.why) for one in box.waiting()] == [("a@1", "not like this")]

"""A real server of MLflow's: models come from it, and it is told of versions and aliases."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from serve_app.cli.main import main
from serve_app.engine.load import load
from serve_app.engine.registration.candidate import Candidate
from serve_app.engine.registration.register import register
from serve_app.errors import Conflict, NotFound
from serve_app.models.frames import to_columns
from serve_app.registry.lineage import DataFile, Dataset, Lineage, SourceCode
from serve_app.registry.mlflow.address import parse
from serve_app.registry.mlflow.aliases import sync_aliases
from serve_app.registry.mlflow.client import Credentials, MlflowClient
from serve_app.registry.mlflow.documents import LONGEST_VALUE
from serve_app.registry.mlflow.exporting import export_version
from serve_app.registry.mlflow.locating import locate
from serve_app.registry.store import Registry
from tests.clients import foreign
from tests.cluster.stranger import blocks

# MLflow's processes take seconds to import, and minutes on a machine that has other work.
START_S = 600
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server that hands out artifacts."""
    folder = tmp_path_factory.mktemp("mlflow")
    program, variables = foreign.program("mlflow", foreign.MLFLOW)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    variables = {**variables, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=variables, cwd=folder, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_S
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its workers are processes of their own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Calls MLflow's own client."""
    log = tmp_path_factory.mktemp("client") / "stderr"
    with foreign.running("mlflow_registry.py", log, foreign.MLFLOW) as calling:
        yield calling


@dataclass(frozen=True)
class Trained:
    """A model that somebody trained, logged and registered with MLflow."""

    frame: object
    first: dict
    second: dict


@pytest.fixture(scope="module")
def rows():
    import pandas as pd

    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"age": rng.uniform(18, 90, 60), "visits": rng.normal(5, 2, 60)})
    return frame, (frame["visits"] < 5).astype(int)


@pytest.fixture(scope="module")
def trained(call, server, rows):
    frame, labels = rows
    given = {"rows": frame.to_dict("records"), "labels": labels.tolist()}
    first = call("train", server=server, name="churn", alias="champion", penalty=1.0, **given)
    second = call("train", server=server, name="churn", alias=None, penalty=0.1, **given)
    return Trained(frame, first, second)


@pytest.fixture
def client(server):
    return MlflowClient(server, Credentials())


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path / "registry"), user="ada")


@pytest.fixture
def version(registry, rows):
    """Registers a version of a model, and gives its manifest."""
    frame, labels = rows

    def made(name, penalty=1.0, **lineage):
        fitted = LogisticRegression(C=penalty).fit(frame, labels)
        candidate = Candidate(
            name, fitted, frame, truth=labels, evaluate=False, lineage=Lineage(**lineage)
        )
        return register(registry, candidate, compile="never")

    return made


def serve_app(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    printed = capsys.readouterr()
    return caught.value.code or 0, printed.out, printed.err


def test_a_model_of_an_alias_is_registered_and_answers_as_it_did_there(
    server, trained, registry, capsys
):
    place = f"mlflow+{server}#models:/churn@champion"
    code, out, err = serve_app(
        capsys, "register", "churn", place, "--registry", registry.url, "--alias", "champion"
    )
    assert code == 0, err
    assert "registered churn@1" in out
    manifest = registry.manifest("churn", registry.alias("churn", "champion"))
    run = trained.first["run"]
    assert manifest.origin == f"mlflow+{server}#models:/churn/1, run {run}"
    assert manifest.lineage.run_id == run
    assert manifest.lineage.metrics == {"accuracy": trained.first["accuracy"]}
    answer = load(registry, "churn", 1).model.predict(to_columns(trained.frame))
    np.testing.assert_allclose(
        answer.probabilities, trained.first["probabilities"], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        ("models:/churn@champion", "first"),
        ("models:/churn/1", "first"),
        ("models:/churn/2", "second"),
        ("models:/churn/latest", "second"),
        ("models:/{model}", "second"),
        ("runs:/{run}/model", "second"),
    ],
)
def test_every_form_of_an_address_leads_to_its_run(client, trained, wanted, which):
    place = wanted.format(**trained.second)
    located = locate(client, parse(f"mlflow+{client.server}#{place}"))
    assert located.run_id == getattr(trained, which)["run"]
    assert located.uri.startswith("mlflow-artifacts:/")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("models:/churn@best", "best"),
        ("models:/churn/99", "99"),
        ("models:/nobody@champion", "nobody"),
        ("models:/nobody/latest", "nobody"),
        ("models:/m-0123456789abcdef", "m-0123456789abcdef"),
        ("runs:/0123456789abcdef/model", "0123456789abcdef"),
    ],
)
def test_what_is_not_there_is_named_in_the_servers_words(client, trained, wanted, words):
    with pytest.raises(NotFound, match=words):
        locate(client, parse(f"mlflow+{client.server}#{wanted}"))


def test_a_version_is_told_once_however_often_it_is_exported(
    client, server, call, version, tmp_path
):
    training = Dataset(
        rows=60, fingerprint="5" * 64,
        files=(DataFile(path="train.csv", sha256="6" * 64, size_bytes=9),),
    )  # fmt: skip
    manifest = version(
        "renewal", run_id="nightly-7", metrics={"roc_auc": 0.91}, data=(training,),
        code=SourceCode(commit="c0ffee"), duration_s=2.5,
    )  # fmt: skip
    told = export_version(client, manifest, experiment="renewals")
    assert export_version(client, manifest, experiment="renewals") == told
    held = call("models", server=server, name="renewal")
    assert {one["run_id"] for one in held["versions"].values()} == {told.run_id}
    assert held["versions"][told.version]["tags"]["serve_app.version"] == "renewal@1"
    run = call("run", server=server, run_id=told.run_id)
    assert run["status"] == "FINISHED"
    assert run["params"]["C"] == "1.0"
    assert run["metrics"] == {"run/roc_auc": 0.91}
    assert run["tags"]["serve_app.digest"] == manifest.digest
    assert run["tags"]["mlflow.source.git.commit"] == "c0ffee"
    (dataset,) = run["datasets"]
    assert (dataset["digest"], json.loads(dataset["profile"])) == ("5" * 36, {"num_rows": 60})
    files = call(
        "artifacts", server=server, run_id=told.run_id, path="serve_app", into=str(tmp_path)
    )
    assert files == ["manifest.json"]
    assert (tmp_path / "serve_app/manifest.json").read_bytes() == manifest.encode()


def test_more_than_a_batch_takes_is_told_in_several(client, server, call, version):
    manifest = version("wide", metrics={f"m{i}": i / 7 for i in range(2_300)})
    long = "x" * (LONGEST_VALUE + 1)
    many = {**{f"p {i} é": i for i in range(250)}, "long": long}
    manifest = manifest.model_copy(update={"parameters": many})
    run_id = export_version(client, manifest, experiment="wide").run_id
    run = call("run", server=server, run_id=run_id)
    assert run["metrics"] == {f"run/m{i}": i / 7 for i in range(2_300)}
    assert len(run["params"]) == 251
    assert len(run["params"]["long"]) == LONGEST_VALUE
    changed = manifest.model_copy(update={"parameters": {**many, "long": "y"}})
    # The digest is kept beside the manifest; of the same run it asks for another parameter.
    changed.__dict__["digest"] = manifest.digest
    with pytest.raises(Conflict, match="written once"):
        export_version(client, changed, experiment="wide")


def test_a_server_that_is_away_is_told_later(server, call, version, registry, tmp_path, capsys):
    version("late")
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    places = ("--registry", registry.url, "--outbox", tmp_path / "outbox")
    code, _, err = serve_app(capsys, "mlflow", "export", "late", "--server", nobody, *places)
    assert code == 0
    assert "late@1 waits in the outbox" in err
    assert serve_app(capsys, "mlflow", "deliver", *places)[0] == 1
    (file,) = (tmp_path / "outbox").glob("*.json")
    body = json.loads(file.read_text())
    assert body["attempts"] == 2
    file.write_text(json.dumps({**body, "server": server}))
    code, out, err = serve_app(capsys, "mlflow", "deliver", *places, "--json")
    assert code == 0, err
    assert json.loads(out)["deliveries"] == [
        {"version": "late@1", "server": server, "waits_for": None}
    ]
    assert list(call("models", server=server, name="late")["versions"]) == ["1"]


def test_aliases_follow_the_side_that_leads_and_never_both(client, server, call, version, registry):
    for penalty in (1.0, 0.1):
        export_version(client, version("lead", penalty), experiment="lead")
    registry.set_alias("lead", "champion", 1, by="ada")
    registry.set_alias("lead", "v3", 1, by="ada")
    changes = {one.alias: one for one in sync_aliases(client, registry, "lead", "here")}
    assert changes["champion"].version == "1"
    assert changes["v3"].skipped is not None
    assert sync_aliases(client, registry, "lead", "here") == [changes["v3"]]
    call("set_alias", server=server, name="lead", alias="theirs", version="2")
    registry.set_alias("lead", "champion", 2, by="ada")
    sync_aliases(client, registry, "lead", "here")
    assert call("models", server=server, name="lead")["aliases"] == {
        "champion": "2", "theirs": "2",
    }  # fmt: skip
    with pytest.raises(Conflict, match=r"follow those here"):
        sync_aliases(client, registry, "lead", "mlflow")
    registry.remove_alias("lead", "champion", by="ada")
    sync_aliases(client, registry, "lead", "here")
    assert call("models", server=server, name="lead")["aliases"] == {"theirs": "2"}


def test_aliases_here_follow_those_of_mlflow(client, server, call, version, registry):
    for penalty in (1.0, 0.1):
        export_version(client, version("follow", penalty), experiment="follow")
    registry.set_alias("follow", "own", 1, by="ada")
    call("set_alias", server=server, name="follow", alias="champion", version="2")
    call("set_alias", server=server, name="follow", alias="Upper", version="1")
    changes = {one.alias: one for one in sync_aliases(client, registry, "follow", "mlflow")}
    assert changes["champion"].version == "2"
    assert changes["Upper"].skipped == "it cannot be an alias here"
    assert registry.alias_history("follow", "champion")[-1].by == "mlflow"
    call("set_alias", server=server, name="follow", alias="champion", version=None)
    sync_aliases(client, registry, "follow", "mlflow")
    assert registry.aliases("follow") == {"own": 1}


def test_the_lines_of_the_page_do_what_it_says(server, trained, tmp_path):
    texts = [one.text for one in blocks() if one.document.name == "mlflow.md"]
    assert len(texts) == 4
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    variables["MLFLOW_TRACKING_URI"] = server
    ended = {}
    for line in "\n".join(texts).replace("http://127.0.0.1:5000", server).splitlines():
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        ended[line] = (done.returncode, done.stdout + done.stderr)
    *others, (code, words) = ended.values()
    assert [code for code, _ in others] == [0] * len(others), ended
    # The first call decided which side leads.
    assert code == 1
    assert "follow those here" in words

"""Exported graphs under onnxruntime-web: Node and Chromium give what the server gives."""

import json
import shutil
import subprocess
import tarfile
import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import numpy as np
import onnx
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.export.onnx import export_onnx
from serve_app.registry.store import Registry
from tests.unit.export.test_onnx import label, prepared, table

pytestmark = pytest.mark.platforms

PACKAGE = "onnxruntime-web@1.30.0"
BUNDLE = "ort.wasm.bundle.min.mjs"
HERE = Path(__file__).parent
ROWS = 1_000
ESTIMATORS = {
    "linear": LogisticRegression(),
    "forest": RandomForestClassifier(12, random_state=0),
    "boosted": xgboost.XGBClassifier(n_estimators=8),
    "three-classes": xgboost.XGBClassifier(n_estimators=8),
    "numbers": LinearRegression(),
}
IN_NODE = """
import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "./ort/BUNDLE";
import { answers } from "./answers.mjs";
ort.env.wasm.numThreads = 1;
const jobs = JSON.parse(readFileSync("jobs.json", "utf8"));
const made = {};
for (const [name, { columns, types }] of Object.entries(jobs)) {
  made[name] = await answers(ort, readFileSync(`${name}.onnx`), columns, types);
}
writeFileSync("node.json", JSON.stringify(made));
"""
IN_A_PAGE = """<!doctype html><meta charset="utf-8"><title>graphs</title><script type="module">
const made = {};
try {
  const ort = await import("/ort/BUNDLE");
  const { answers } = await import("/answers.mjs");
  ort.env.wasm.numThreads = 1;
  const jobs = await (await fetch("/jobs.json")).json();
  for (const [name, { columns, types }] of Object.entries(jobs)) {
    const graph = new Uint8Array(await (await fetch(`/${name}.onnx`)).arrayBuffer());
    made[name] = await answers(ort, graph, columns, types);
  }
} catch (error) { made.error = String(error); }
await fetch("/answers", { method: "POST", body: JSON.stringify(made) });
</script>"""


def wanted_rows(frame):
    """1,000 rows near and far from what was learned, with gaps and words never met."""
    rng = np.random.default_rng(9)
    rows = frame.sample(ROWS, replace=True, random_state=3).reset_index(drop=True)
    rows["age"] = rows["age"] * rng.uniform(0.2, 3, ROWS)
    rows.loc[::5, "plan"] = "platinum"
    return rows


def plain(values):
    """A column as JSON has it: nothing for a gap."""
    return [None if isinstance(one, float) and np.isnan(one) else one for one in values.tolist()]


def types_of(content):
    """The tensors' element type of each column, in ONNX' words."""
    graph = onnx.load_from_string(content).graph
    return {
        one.name: onnx.TensorProto.DataType.Name(one.type.tensor_type.elem_type).lower()
        for one in graph.input
    }


def write_jobs(folder):
    """The graphs and their rows in a folder, and what the server answers to these."""
    store = Registry(str(folder / "registry"))
    frame = table()
    rows = wanted_rows(frame)
    jobs, served = {}, {}
    for name, estimator in ESTIMATORS.items():
        target = label(frame) + (frame["visits"] > 5 if name == "three-classes" else 0)
        register(store, Candidate(name, prepared(estimator).fit(frame, target), frame))
        content = export_onnx(store, name, 1).content
        (folder / f"{name}.onnx").write_bytes(content)
        columns = {column: rows[column] for column in rows}
        jobs[name] = {
            "columns": {column: plain(values) for column, values in columns.items()},
            "types": types_of(content),
        }
        batch = Columns.of({column: values.to_numpy() for column, values in columns.items()})
        served[name] = load(store, name, 1).model.predict(batch)
    (folder / "jobs.json").write_text(json.dumps(jobs))
    return served


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What Node and a page need: the package from npm, the graphs, the rows."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    made = tmp_path_factory.mktemp("javascript")
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=made, check=True, timeout=300)
    with tarfile.open(next(made.glob("*.tgz"))) as archive:
        archive.extractall(made, filter="data")
    (made / "package" / "dist").rename(made / "ort")
    shutil.copy(HERE / "answers.mjs", made)
    return made


@pytest.fixture(scope="module")
def served(folder):
    return write_jobs(folder)


@pytest.fixture(scope="module")
def in_node(folder, served):
    (folder / "run.mjs").write_text(IN_NODE.replace("BUNDLE", BUNDLE))
    subprocess.run(["node", "run.mjs"], cwd=folder, check=True, timeout=300)
    return json.loads((folder / "node.json").read_text())


@pytest.fixture(scope="module")
def in_chromium(folder, served):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    (folder / "index.html").write_text(IN_A_PAGE.replace("BUNDLE", BUNDLE))
    got: Queue[bytes] = Queue()

    class Pages(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def do_POST(self):
            got.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={folder / 'profile'}", f"http://127.0.0.1:{server.server_port}/",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return json.loads(got.get(timeout=300))
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()


@pytest.mark.parametrize("place", ["in_node", "in_chromium"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_answers_as_the_server_does(place, name, served, request):
    answers = request.getfixturevalue(place)
    assert "error" not in answers, answers
    wanted, answer = served[name], answers[name]
    print(f"{place} {name}: {answer['passed_ms']:.0f} ms from graph to {ROWS} answers")
    if wanted.probabilities is None:
        np.testing.assert_allclose(answer["values"], wanted.values, rtol=1e-9)
        return
    assert answer["label"] == wanted.values.tolist()
    shares = np.reshape(answer["probabilities"], wanted.probabilities.shape)
    np.testing.assert_allclose(shares, wanted.probabilities, rtol=0, atol=1e-6)

"""Wheels of versions on a 64-bit ARM processor, which qemu plays.

ONNX Runtime's own library ends with a segmentation fault when this emulator imports it, so that
NumPy walks the trees here.
"""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.export.place import write
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.registry.store import Registry
from tests.platforms.aarch64 import Machine
from tests.unit.export.test_onnx import ESTIMATORS, label, prepared, table

pytestmark = pytest.mark.platforms

ANSWER = """
import platform, sys
import numpy as np
import PACKAGE
assert platform.machine() == "aarch64"
columns = dict(np.load(sys.argv[1], allow_pickle=True))
shares = PACKAGE.predict_proba(columns)
np.savez(sys.argv[2], values=PACKAGE.predict(columns).astype(str), shares=shares)
"""
FORESTS = ["forest", "boosted", "gradients"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = Machine(tmp_path_factory.mktemp("machine"))
    made.install("numpy")
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Registry(str(tmp_path_factory.mktemp("store") / "registry"))
    frame = table()
    for name in ("linear", *FORESTS):
        pipeline = prepared(ESTIMATORS[name]).fit(frame, label(frame))
        register(made, Candidate(name, pipeline, frame))
    return made


@pytest.fixture(scope="module", params=["linear", *FORESTS])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def installed(name, store, machine, tmp_path_factory):
    exported = export_wheel(store, name, 1, WheelOptions(onnxruntime=False))
    machine.install_wheel(write(exported, tmp_path_factory.mktemp("wheel")))
    return machine


def test_it_answers_as_the_server_does(installed, name, store, tmp_path):
    rows = table(1_000)
    columns = Columns.of({column: rows[column].to_numpy() for column in rows})
    np.savez(tmp_path / "rows.npz", **columns.as_dict())
    (tmp_path / "answer.py").write_text(ANSWER.replace("PACKAGE", f"{name}_1"))
    done = installed.python("answer.py", "rows.npz", "answers.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    served = load(store, name, 1).model.predict(columns)
    answers = np.load(tmp_path / "answers.npz")
    assert answers["values"].tolist() == [str(one) for one in served.values.tolist()]
    apart = np.abs(answers["shares"] - served.probabilities).max()
    print(f"{name}: {len(rows)} rows, at most {apart:.1e} apart")
    np.testing.assert_allclose(answers["shares"], served.probabilities, rtol=0, atol=1e-12)


def test_its_self_test_holds_there(installed, name, tmp_path):
    done = installed.python("-m", f"{name}_1", "--self-test", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

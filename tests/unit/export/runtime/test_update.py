"""Updates as devices take them: signed, proven in a process of their own, and undone."""

import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.export.bundle import export_bundle
from serve_app.export.runtime.bundle import header, opened, public_key
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.security.signing import key_pair, private_key, signature_of

PRIVATE, PUBLIC = key_pair()
KEY = private_key(PRIVATE)
ROW = {"age": 61.5, "dose": 2.25}


@pytest.fixture
def device(registry, models, tmp_path):
    """A folder that holds the unpacked wheel of logistic@1, which takes updates."""
    for _ in range(2):
        register(registry, Candidate("logistic", *models["other"]))
    wheel = export_wheel(registry, "logistic", 1, WheelOptions(update_key=public_key(PUBLIC)))
    return Device(tmp_path, wheel.content)


DYING = """
import os, sys
from logistic_1.update import main

slots, source, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
changes = 0

def hook(event, arguments):
    global changes
    changing = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
    writes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
    if (changing or writes) and str(arguments[0]).startswith(slots):
        changes += 1
        if changes == last:
            os._exit(9)

sys.addaudithook(hook)
code = main("logistic_1", ["--slots", slots, "--from", source])
print(changes)
sys.exit(code)
"""
"""Takes an update, and ends as by SIGKILL before it changes so many things of the slots."""
DEATHS = 8


class Device:
    def __init__(self, folder, wheel):
        self.folder = folder
        self.slots = folder / "slots"
        (folder / "1.whl").write_bytes(wheel)
        with zipfile.ZipFile(folder / "1.whl") as archive:
            archive.extractall(folder / "site")

    def python(self, *arguments, rows=""):
        paths = [str(self.folder / "site"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "no_proxy": "*"}
        return subprocess.run(
            [sys.executable, *arguments], input=rows, env=environment, cwd=self.folder,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    def update(self, *arguments, rows=""):
        line = ["-m", "logistic_1.update", "--slots", str(self.slots), *map(str, arguments)]
        return self.python(*line, rows=rows)

    def current(self):
        done = self.update()
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["model"]

    def write(self, content):
        path = self.folder / "next.edge"
        path.write_bytes(content)
        return path


def spoilt(bundle):
    """The same bundle, signed, of a version that answers otherwise than at registration."""
    inner = opened(bundle, public_key(PUBLIC))
    folder = f"{inner.package}/data/manifest.json"
    source, target = zipfile.ZipFile(io.BytesIO(inner.content)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == folder:
                body = json.loads(content)
                first = body["sample"]["expected"]["values"]
                first[0] = "ill" if first[0] == "well" else "well"
                content = json.dumps(body).encode()
            archive.writestr(name, content)
    wheel = f"{inner.package}-1.0.0-py3-none-any.whl"
    lines = header(inner.model, inner.version, wheel, target.getvalue())
    return lines + signature_of(lines, KEY).hex().encode() + b"\n" + target.getvalue()


def test_a_device_takes_an_update_and_goes_back(device, registry):
    second = export_bundle(registry, "logistic", 2, KEY).content
    assert device.current() == "logistic@1"
    done = device.update("--from", device.write(second))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["updated"] is True
    assert device.current() == "logistic@2"
    answer = device.update("--run", rows=json.dumps([ROW]))
    assert json.loads(answer.stdout)["model"] == "logistic@2"
    code = f"from logistic_1.update import current; print(current({str(device.slots)!r}).__name__)"
    assert device.python("-c", code).stdout == "logistic_2\n"
    assert json.loads(device.update("--from", device.write(second)).stdout)["updated"] is False

    third = export_bundle(registry, "logistic", 3, KEY).content
    assert device.update("--from", device.write(third)).returncode == 0
    assert device.current() == "logistic@3"
    older = device.update("--from", device.write(second))
    assert older.returncode == 1
    assert "is older than logistic@3; give --allow-older" in older.stderr
    assert device.update("--rollback").returncode == 0
    assert device.current() == "logistic@2"


def test_what_fails_its_self_test_is_not_taken(device, registry):
    device.update("--from", device.write(export_bundle(registry, "logistic", 2, KEY).content))
    third = export_bundle(registry, "logistic", 3, KEY).content
    done = device.update("--from", device.write(spoilt(third)))
    assert done.returncode == 1
    assert "logistic@3 fails its self test here, and is not taken" in done.stderr
    assert "row 0 of the version's sample" in done.stderr
    assert device.current() == "logistic@2"
    assert device.update("--from", device.write(third)).returncode == 0
    assert device.current() == "logistic@3"


def test_a_device_that_dies_amid_an_update_answers_and_takes_it_later(device, registry):
    second, third = (export_bundle(registry, "logistic", n, KEY).content for n in (2, 3))
    assert device.update("--from", device.write(second)).returncode == 0
    source, before = str(device.write(third)), device.folder / "before"
    shutil.copytree(device.slots, before)

    def dying(last):
        shutil.rmtree(device.slots)
        shutil.copytree(before, device.slots)
        return device.python("-c", DYING, str(device.slots), source, str(last))

    whole = dying(0)
    assert whole.returncode == 0, whole.stderr
    changes = int(whole.stdout.splitlines()[-1])
    seen = set()
    for last in {1, 2, *range(3, changes, changes // DEATHS), changes - 1, changes}:
        assert dying(last).returncode == 9
        answer = device.update("--run", rows=json.dumps([ROW]))
        seen.add(json.loads(answer.stdout)["model"])
        assert device.update("--from", source).returncode == 0
        assert device.current() == "logistic@3"
    assert seen <= {"logistic@2", "logistic@3"}
    assert "logistic@2" in seen


def test_what_breaks_later_is_left_for_the_version_before(device, registry):
    for number in (2, 3):
        bundle = export_bundle(registry, "logistic", number, KEY).content
        assert device.update("--from", device.write(bundle)).returncode == 0
    code = f"from logistic_1.update import current; print(current({str(device.slots)!r}).__name__)"
    for name, left in (("logistic_3", "logistic_2"), ("logistic_2", "logistic_1")):
        (broken,) = device.slots.glob(f"*/{name}/data/compiled.npz")
        broken.write_bytes(b"PK")
        done = device.python("-c", code)
        assert done.stdout == f"{left}\n", done.stderr
        assert "is left, since it fails its self test" in done.stderr


def test_others_bundles_are_refused(device, registry, models):
    other = private_key(key_pair()[0])
    done = device.update(
        "--from", device.write(export_bundle(registry, "logistic", 2, other).content)
    )
    assert done.returncode == 1
    assert "not signed with the key that this device trusts" in done.stderr
    done = device.update("--from", device.write(export_bundle(registry, "line", 1, KEY).content))
    assert "the bundle holds line@1, and this is a device of logistic" in done.stderr
    assert device.current() == "logistic@1"
    assert "nothing before it" in device.update("--rollback").stderr


def test_a_server_is_not_asked_for_the_same_bundle_twice(device, registry):
    content = export_bundle(registry, "logistic", 2, KEY).content
    statuses = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            same = self.headers.get("If-None-Match") == '"two"'
            missing = self.path != "/churn.edge"
            statuses.append(404 if missing else 304 if same else 200)
            self.send_response(statuses[-1])
            self.send_header("ETag", '"two"')
            self.send_header("Content-Length", "0" if statuses[-1] != 200 else str(len(content)))
            self.end_headers()
            if statuses[-1] == 200:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        first = device.update("--from", f"{address}/churn.edge")
        second = device.update("--from", f"{address}/churn.edge")
        lost = device.update("--from", f"{address}/other.edge")
        server.shutdown()
    assert json.loads(first.stdout)["updated"] is True, first.stderr
    assert json.loads(second.stdout)["updated"] is False
    assert statuses == [200, 304, 404]
    assert "the server answered 404" in lost.stderr
    gone = device.update("--from", f"{address}/churn.edge")
    assert gone.returncode == 1
    assert "cannot be fetched" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "nowhere.edge"], "nowhere.edge is no file"),
        (["--from", "ftp://x/y"], "a file, http:// or https://"),
        (["--key", "1.whl"], "no public key of Ed25519"),
        (["--key", "nowhere.pem"], "nowhere.pem: No such file"),
    ],
)
def test_mistakes_are_told_in_words(device, arguments, words):
    done = device.update(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_state_says_what_to_do(device):
    device.slots.mkdir()
    (device.slots / "state.json").write_text("{")
    done = device.update()
    assert done.returncode == 1
    assert "is damaged; remove" in done.stderr

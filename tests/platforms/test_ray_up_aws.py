"""`ray up` on AWS as far as SSH: moto's server takes the calls, and shows what came of them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from serve_app.platforms.ray_up.description import Description
from serve_app.platforms.ray_up.places import Aws
from serve_app.platforms.ray_up.written import text
from tests.clients import foreign
from tests.unit.platforms.ray_up.clusters import IMAGE

pytestmark = pytest.mark.platforms

DEADLINE_S = 120.0
ZONES = ("eu-central-1a", "eu-central-1b")
# Ray, and behind everything of ours Amazon's library, whose pins exclude ours.
_RAY = """
import glob, sys
sys.path += glob.glob(sys.argv.pop(1) + "/lib/python*/site-packages")
from ray.scripts.scripts import main
sys.argv[0] = "ray"
main()
"""


def _until(condition, process, what):
    deadline_s = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert process.poll() is None, what()
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.1)
    return value


def _answers(place):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{place}/", timeout=5):
        return True
    return False


@pytest.fixture
def account():
    """The address of an account of our own."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{one.getsockname()[1]}"
    python, variables = foreign.program("python")
    process = subprocess.Popen(
        [python, "-m", "moto.server", "-p", place.rpartition(":")[2]],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: _answers(place), process, lambda: "the server does not answer")
        yield place
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def ray_up(account, tmp_path):
    """Runs `ray up` on a file, which waits for SSH in the end; gone after the test."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://{account}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    before = set(Path("/tmp").glob("ray_ssh_*"))
    started = []

    def run(file, log):
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", _RAY, str(foreign.ENVIRONMENT), "up", "-y", str(file)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=tmp_path,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for folder in set(Path("/tmp").glob("ray_ssh_*")) - before:
        for one in sorted(folder.rglob("*"), reverse=True):
            one.rmdir() if one.is_dir() else one.unlink()
        folder.rmdir()


def test_the_head_is_a_machine_that_nobody_reaches_and_that_keeps_its_keys(
    account, ray_up, tmp_path
):
    key, log, file = tmp_path / "key.pem", tmp_path / "log", tmp_path / "cluster.yaml"
    (tmp_path / "configs").mkdir()
    (tmp_path / "ray-token").write_text("token")
    with foreign.running("ec2_calls.py", tmp_path / "said") as call:
        given = call("prepare", place=account, key=str(key))
        place = Aws(
            region="eu-central-1",
            zones=ZONES,
            image_id=given["image_id"],
            security_group=given["security_group"],
            subnets=tuple(given["subnets"]),
            key_name="serve-app",
        )
        file.write_text(text(Description(image=IMAGE, ssh_key=str(key)), place, "aws"))
        before = call("standing", place=account)
        process = ray_up(file, log)
        _until(
            lambda: "Waiting for SSH to become available" in log.read_text(),
            process,
            log.read_text,
        )
        after = call("standing", place=account)
    (head,) = after.pop("machines")
    assert before.pop("machines") == []
    # No group and no role was made beside ours.
    assert after == before
    assert head["InstanceType"] == "m6i.xlarge"
    assert head["profile"].endswith("/serve-app-head")
    assert [one["GroupName"] for one in head["SecurityGroups"]] == ["machines"]
    assert head["SubnetId"] in given["subnets"]
    assert head["PublicIpAddress"] is None
    assert head["MetadataOptions"]["HttpTokens"] == "required"
    assert head["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert {"Key": "ray-cluster-name", "Value": "serve-app"} in head["Tags"]
    assert "Ray runtime will not be started" not in log.read_text()

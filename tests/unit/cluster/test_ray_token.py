"""The token of a cluster is made where none is, kept, and nobody else's to read."""

import os
import stat

import pytest

from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Cluster, NodeOptions
from serve_app.cluster.private_files import require_own_folder, write_private
from serve_app.cluster.ray_token import cluster_token, require_token
from serve_app.errors import Conflict, InvalidInput


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_token_is_made_once_for_its_owner_alone(tmp_path):
    state = tmp_path / "a" / "state"
    path = cluster_token(state)
    assert mode(path) == 0o600
    assert mode(state) == 0o700
    token = path.read_text()
    assert len(token) == 64
    assert cluster_token(state).read_text() == token
    assert cluster_token(tmp_path / "other").read_text() != token


def test_a_token_that_others_could_read_is_replaced(tmp_path):
    path = cluster_token(tmp_path)
    former = path.read_text()
    path.chmod(0o644)
    assert cluster_token(tmp_path).read_text() != former
    assert mode(path) == 0o600


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_token_is_none(tmp_path, content):
    write_private(tmp_path / "ray-token", content)
    assert len(cluster_token(tmp_path).read_text()) == 64


def test_a_planted_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("known to the attacker")
    victim.chmod(0o600)
    (tmp_path / "ray-token").symlink_to(victim)
    assert cluster_token(tmp_path).read_text() != "known to the attacker"
    assert victim.read_text() == "known to the attacker"


def test_a_folder_that_is_a_link_or_open_to_others_is_not_taken_as_it_is(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match="is a link"):
        require_own_folder(tmp_path / "link")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    require_own_folder(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives folders away")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(Conflict, match="somebody else"):
        require_own_folder(tmp_path / "theirs")


def test_a_file_that_was_given_must_have_a_token(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        require_token(tmp_path / "none")
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(InvalidInput, match="is empty"):
        require_token(tmp_path / "empty")
    (tmp_path / "token").write_text("x")
    (tmp_path / "a").mkdir()
    assert require_token(tmp_path / "a" / ".." / "token") == (tmp_path / "token").resolve()


def test_who_joins_says_what_the_token_is_or_that_there_is_none(tmp_path):
    options = NodeOptions(ports=Ports(), home=tmp_path)
    with pytest.raises(InvalidInput, match="--token-file"):
        Cluster(tmp_path / "state").join("127.0.0.1:1", options)
    assert not (tmp_path / "state").exists()

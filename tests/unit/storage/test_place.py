"""A state is a folder or a URL, and no password of it is ever shown."""

import builtins
import logging
import sys

import pytest
from pydantic import ValidationError

from serve_app.config import ControlArgs, GatewayArgs
from serve_app.errors import ConfigError, RegistryFailed
from serve_app.storage.place import place_of
from serve_app.storage.snapshots import SnapshotStore


@pytest.mark.parametrize(
    ("state", "file"),
    [
        ("state", "state/serve-app.db"),
        ("/var/state", "/var/state/serve-app.db"),
        ("sqlite:////var/a b.db", "/var/a b.db"),
    ],
)
def test_folders_and_files(state, file):
    assert str(place_of(state).file) == file
    assert place_of(state).shown == file


@pytest.mark.parametrize("args", [ControlArgs, GatewayArgs])
def test_relative_paths_are_those_of_the_folder_that_the_cluster_started_in(
    args, monkeypatch, tmp_path
):
    monkeypatch.setenv("SERVE_APP_HOME", str(tmp_path))
    assert args().state == f"{tmp_path}/state"
    assert args(state="sqlite:///./deep/x.db").state == f"sqlite:///{tmp_path}/deep/x.db"
    assert args(state="sqlite:////var/x.db").state == "sqlite:////var/x.db"
    assert place_of(args(state="sqlite:///x.db").state).file == tmp_path / "x.db"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("mysql://u:secret@host/db", "folder, sqlite:///<file> or postgresql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite://x.db", "needs a file"),
        ("postgresql+psycopg2://u:secret@host/db", "folder, sqlite:///<file> or postgresql"),
    ],
)
def test_other_urls_are_refused_in_words(state, words):
    with pytest.raises(ConfigError, match=words) as refused:
        place_of(state)
    assert "secret" not in refused.value.message
    with pytest.raises(ValidationError, match=words) as invalid:
        ControlArgs(state=state)
    assert "secret" not in str(invalid.value)


def test_other_mistakes_show_no_password_either():
    args = {"state": "postgresql+psycopg://u:secret@h/d", "grpc_port": 8000}
    with pytest.raises(ValidationError) as invalid:
        GatewayArgs(**args, listeners=[{"port": 8000, "profile": "all"}])
    assert "secret" not in str(invalid.value)
    assert "secret" not in repr(GatewayArgs(**args))


URLS = [
    ("postgresql+psycopg://u:secret@db.example:5432/serve", "postgresql://db.example:5432/serve"),
    ("postgresql://u:secret@db/serve?sslmode=require", "postgresql://db/serve"),
    ("postgresql+psycopg://u:secret@[::1]:5432/serve", "postgresql://[::1]:5432/serve"),
    ("postgresql+psycopg://u:secret/a@db/serve", "postgresql://db/serve"),
    ("postgresql+psycopg://u:secret?a@db/serve", "postgresql://db/serve"),
    ("postgresql+psycopg://u:a@secret@db/serve", "postgresql://…"),
    ("postgresql+psycopg://db/serve?password=a@secret", "postgresql://…"),
    ("postgresql+psycopg:///serve?host=/run&user=u", "postgresql:///serve"),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_server_is_shown_without_who_asks(url, shown):
    place = place_of(url)
    assert place.shown == shown
    assert "secret" not in repr(place)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:secret@127.0.0.1:1/serve",
        "postgresql+psycopg://u:a@secret@127.0.0.1:1/serve",
        "postgresql+psycopg://u:secret@127.0.0.1:port/serve",
        "postgresql+psycopg://127.0.0.1:1/serve?user=u&password=secret",
    ],
)
def test_a_server_that_cannot_be_reached_is_named_and_no_password(url, caplog):
    caplog.set_level(logging.DEBUG)
    for use in (lambda s: s.save(1, "hash", {}), lambda s: s.latest()):
        with pytest.raises((RegistryFailed, ConfigError), match="postgresql://") as refused:
            use(SnapshotStore(url))
        assert "secret" not in refused.value.message
    assert "secret" not in caplog.text


def test_what_must_be_installed_is_told(monkeypatch):
    real = builtins.__import__

    def without_psycopg(name, *rest, **more):
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'")
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    with pytest.raises(ConfigError, match=r"pip install 'serve-app\[postgres\]'"):
        SnapshotStore("postgresql+psycopg://u:secret@host/db").latest()

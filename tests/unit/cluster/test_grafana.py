"""Grafana lets nobody in without a name, and is started as its version wants to be."""

import configparser
import stat

import pytest

from serve_app.cluster import grafana
from serve_app.errors import InvalidInput
from tests.unit.cluster import watchers


def settings(tmp_path, port=3000):
    read = configparser.ConfigParser(interpolation=None)
    read.read(grafana.write_settings(tmp_path / "grafana", port, tmp_path / "files"))
    return read


def test_nobody_gets_in_without_a_name_and_nobody_from_outside(tmp_path):
    read = settings(tmp_path, 3100)
    assert read["auth.anonymous"]["enabled"] == "false"
    assert read["users"]["allow_sign_up"] == "false"
    assert (read["server"]["http_addr"], read["server"]["http_port"]) == ("127.0.0.1", "3100")
    assert read["analytics"]["reporting_enabled"] == "false"
    assert read["paths"]["provisioning"] == str(tmp_path / "files" / "provisioning")


def test_the_password_is_drawn_once_and_stands_in_a_file_of_its_own(tmp_path):
    read = settings(tmp_path)
    path = tmp_path / "grafana" / grafana.PASSWORD
    password = path.read_text()
    assert len(password) >= 24
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read["security"]["admin_password"] == f"$__file{{{path}}}"
    assert password not in (tmp_path / "grafana" / "grafana.ini").read_text()
    settings(tmp_path)
    assert path.read_text() == password


def test_a_program_without_its_pages_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"has no conf/defaults.ini beside it"):
        grafana.program(watchers.program(tmp_path / "bin" / "grafana"))


def test_the_one_on_the_path_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert grafana.program(None) is None
    binary = watchers.grafana(tmp_path / "installed")
    monkeypatch.setenv("PATH", str(binary.parent))
    assert grafana.program(None) == grafana.Program(str(binary), tmp_path / "installed")


def test_servers_of_old_versions_are_programs_of_their_own(tmp_path):
    old = grafana.Program("/opt/bin/grafana-server", tmp_path)
    new = grafana.Program("/opt/bin/grafana", tmp_path)
    ini = tmp_path / "grafana.ini"
    assert old.command(ini) == [
        "/opt/bin/grafana-server",
        f"--homepath={tmp_path}",
        f"--config={ini}",
    ]
    assert new.command(ini)[1] == "server"

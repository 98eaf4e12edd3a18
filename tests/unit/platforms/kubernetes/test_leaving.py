"""Before a pod ends, its replicas are handed over; nothing keeps it from ending."""

import pytest

from serve_app.platforms.kubernetes import leaving


def test_a_pod_without_a_node_of_ray_ends_at_once(monkeypatch, capsys):
    monkeypatch.setattr(leaving.psutil, "process_iter", lambda: iter(()))
    assert leaving.main(["--timeout-s=5"], {}) == 0
    assert capsys.readouterr().err == ""


def test_a_head_that_is_gone_is_said_and_is_no_error(monkeypatch, capsys):
    class Raylet:
        def name(self):
            return "raylet"

        def cmdline(self):
            return ["raylet", "--node_id=ab12"]

    monkeypatch.setattr(leaving.psutil, "process_iter", lambda: iter((Raylet(),)))
    assert leaving.main(["--timeout-s=5"], {"RAY_ADDRESS": "127.0.0.1:1"}) == 0
    assert "the head at 127.0.0.1:1 does not answer" in capsys.readouterr().err


def test_it_has_to_be_said_how_long_it_may_take():
    with pytest.raises(SystemExit):
        leaving.main([], {})

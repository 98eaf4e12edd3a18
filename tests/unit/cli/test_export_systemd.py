"""`serve-app export systemd` as people call it."""

import json


def test_a_unit_is_written_for_the_folder_and_environment_that_are_named(serve_app, tmp_path):
    out = tmp_path / "serve-app.service"
    line = ("export", "systemd", "--folder", "/srv/models", "--environment", "/opt/serve-app")
    made = serve_app(*line, "--out", out, "--json", "--", "--node-ip", "10.0.0.1", "--cpus", "8")
    assert made.code == 0, made.err
    assert json.loads(made.out) == {"file": str(out), "user": "serve-app"}
    text = out.read_text()
    assert "ExecStart=/opt/serve-app/bin/serve-app cluster start --foreground --supervise" in text
    assert "--node-ip 10.0.0.1 --cpus 8\n" in text
    assert "WorkingDirectory=/srv/models\n" in text
    assert "is there already" in serve_app(*line, "--out", out).err
    assert serve_app(*line, "--out", out, "--force").code == 0


def test_a_unit_of_a_node_that_joins_takes_the_options_of_joining(serve_app, tmp_path):
    out = tmp_path / "serve-app.service"
    line = ("export", "systemd", "--out", out, "--join", "10.0.0.1:6379")
    made = serve_app(*line, "--", "--node-ip", "10.0.0.2", "--token-file", __file__)
    assert made.code == 0, made.err
    assert "serve-app cluster join 10.0.0.1:6379 --foreground --supervise" in out.read_text()
    refused = serve_app(*line, "--force", "--", "--dashboard-port", "8266")
    assert (refused.code, "No such option" in refused.err) == (2, True)


def test_options_that_cluster_start_does_not_have_are_refused(serve_app, tmp_path):
    out = tmp_path / "serve-app.service"
    said = serve_app("export", "systemd", "--out", out, "--", "--node-adress", "10.0.0.1")
    assert said.code == 2
    assert "No such option" in said.err
    assert not out.exists()

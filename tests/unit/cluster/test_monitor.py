"""What watches a cluster starts with it and ends with it."""

import json
import stat

import pytest
import yaml

from serve_app.cluster.monitor import (
    Monitor,
    MonitorOptions,
    Watching,
    expects,
    prometheus_config,
    shipped,
)
from serve_app.cluster.node import Cluster
from serve_app.errors import Conflict, InvalidInput, NotReady, ServerFault
from tests.ports import free_port
from tests.unit.cluster import watchers


@pytest.fixture
def state(tmp_path):
    """A state folder, whatever is started for which is stopped again."""
    folder = tmp_path / "a state"
    yield folder
    Cluster(folder).stop()


@pytest.fixture
def options(tmp_path):
    return MonitorOptions(
        prometheus=watchers.program(tmp_path / "prometheus"), grafana_port=free_port()
    )


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


pytestmark = pytest.mark.usefixtures("nothing_installed")


def seen(state, port):
    """With which arguments and in which environment a program was started."""
    return json.loads((state / "monitor" / f"seen-{port}.json").read_text())


def test_prometheus_is_started_on_this_machine_alone_and_stopped(state, options):
    port, monitor = free_port(), Monitor(state)
    watching = monitor.up(watchers.running(state, port), options)
    assert watching == monitor.watching() == Watching(port)
    arguments, _ = seen(state, port)
    assert f"--web.listen-address=127.0.0.1:{port}" in arguments
    assert f"--storage.tsdb.path={state.resolve() / 'monitor' / 'prometheus' / 'data'}" in arguments
    assert monitor.down() == 1
    assert monitor.watching() is None
    assert monitor.down() == 0


def test_what_runs_already_is_not_started_again(state, options):
    port, monitor = free_port(), Monitor(state)
    monitor.up(watchers.running(state, port), options)
    before = [process.pid for process in Cluster(state).processes()]
    assert monitor.up(watchers.running(state, port), options) == Watching(port)
    assert [process.pid for process in Cluster(state).processes()] == before


def test_what_stops_the_cluster_stops_it(state, options):
    monitor = Monitor(state)
    monitor.up(watchers.running(state, free_port()), options)
    assert Cluster(state).stop() == 1
    assert monitor.watching() is None


def test_another_port_than_the_dashboard_expects_is_known(state, options):
    running, port = watchers.running(state, 9090), free_port()
    chosen = MonitorOptions(prometheus=options.prometheus, prometheus_port=port)
    assert Monitor(state).up(running, chosen) == Watching(port)
    assert expects(running, Watching(9090))
    assert not expects(running, Watching(port))


def test_it_scrapes_this_cluster_by_the_rules_that_are_shipped(state):
    running = watchers.running(state, 9090)
    config = prometheus_config(running, Watching(19_090))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (discovery,) = jobs["ray"]["file_sd_configs"][0]["files"]
    assert discovery == f"{running.folder}/ray/prom_metrics_service_discovery.json"
    assert jobs["haproxy"]["static_configs"] == [{"targets": ["127.0.0.1:19101"]}]
    assert jobs["prometheus"]["static_configs"] == [{"targets": ["127.0.0.1:19090"]}]
    assert config["rule_files"] == [str(shipped() / "prometheus" / "rules" / "*.yml")]
    given = yaml.safe_load((shipped() / "prometheus" / "prometheus.yml").read_text())
    assert config["global"] == given["global"]
    assert jobs["ray"]["metric_relabel_configs"]


def test_where_there_is_no_prometheus_it_is_said_how_to_get_it(state):
    with pytest.raises(NotReady, match="apt-get download prometheus"):
        Monitor(state).up(watchers.running(state, 9090), MonitorOptions())
    assert not state.exists()


@pytest.mark.parametrize("what", ["missing", "a folder", "a text"])
def test_what_cannot_be_run_is_refused(state, tmp_path, what):
    path = tmp_path / "given"
    if what == "a folder":
        path.mkdir()
    elif what == "a text":
        path.write_text("x")
    with pytest.raises(InvalidInput, match="is no program that can be run"):
        Monitor(state).up(watchers.running(state, 9090), MonitorOptions(prometheus=path))


def test_a_taken_port_is_named(state, options):
    port = free_port()
    monitor = Monitor(state)
    monitor.up(watchers.running(state, port), options)
    other = state.parent / "other"
    with pytest.raises(Conflict, match=rf"port {port} \(Prometheus\) is taken by process \d+"):
        Monitor(other).up(watchers.running(other, port), options)


def test_what_does_not_start_says_why_and_leaves_nothing(state, tmp_path):
    options = MonitorOptions(prometheus=watchers.program(tmp_path / "prometheus", watchers.FAILS))
    with pytest.raises(ServerFault, match="no space left on device"):
        Monitor(state).up(watchers.running(state, free_port()), options)
    assert Monitor(state).watching() is None


def test_what_never_answers_is_ended(state, tmp_path):
    silent = watchers.program(tmp_path / "prometheus", "import time; time.sleep(600)")
    times = iter([0.0, 10.0, 70.0])
    monitor = Monitor(state, clock=lambda: next(times), sleep=lambda _: None)
    with pytest.raises(ServerFault, match="prometheus did not start"):
        monitor.up(watchers.running(state, free_port()), MonitorOptions(prometheus=silent))
    assert Cluster(state).processes() == []


def test_grafana_is_started_where_it_is(state, options, tmp_path):
    port = free_port()
    running = watchers.running(state, port)
    chosen = MonitorOptions(
        prometheus=options.prometheus,
        grafana=watchers.grafana(tmp_path / "grafana"),
        grafana_port=options.grafana_port,
    )
    monitor = Monitor(state)
    watching = monitor.up(running, chosen)
    assert watching.grafana_url == f"http://127.0.0.1:{options.grafana_port}"
    arguments, environment = seen(state, options.grafana_port)
    assert arguments[0] == "server"
    assert f"--homepath={tmp_path / 'grafana'}" in arguments
    assert environment["PROMETHEUS_URL"] == watching.prometheus_url
    assert environment["SERVE_APP_DASHBOARDS"] == str(shipped() / "grafana" / "dashboards")
    assert environment["RAY_DASHBOARDS"].startswith(f"{running.folder}/ray/session_latest/")
    assert monitor.down() == 2


def test_where_grafana_does_not_start_prometheus_is_stopped_again(state, options, tmp_path):
    chosen = MonitorOptions(
        prometheus=options.prometheus,
        grafana=watchers.grafana(tmp_path / "grafana", watchers.FAILS),
        grafana_port=options.grafana_port,
    )
    with pytest.raises(ServerFault, match="grafana did not start"):
        Monitor(state).up(watchers.running(state, free_port()), chosen)
    assert Cluster(state).processes() == []


def test_the_folder_is_its_owners_alone(state, options):
    Monitor(state).up(watchers.running(state, free_port()), options)
    assert stat.S_IMODE((state / "monitor" / "prometheus").stat().st_mode) == 0o700

"""A lean node is Ray's, but for the files in which dashboard and workers begin."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

from ray._private import arrow_serialization, parameter, services
from ray.dashboard.subprocesses.handle import SubprocessModuleHandle

from serve_app.cluster.processes import DASHBOARD
from serve_app.serving.lean import start

SHOWN = """
import json, sys
from serve_app.serving.lean import worker
worker.runpy.run_path = lambda path, run_name: print(end="")
worker.main()
import ray.serve
kept = sorted(name for name in ("pandas", "pyarrow") if name in sys.modules)
import pandas
print(json.dumps([kept, pandas.DataFrame({"a": [1]}).shape]))
"""


def test_workers_begin_in_our_files_and_ray_client_is_not_started():
    options = start.LeanParams(ray_client_server_port=10001, num_cpus=2)
    assert Path(options.worker_path).is_file()
    assert Path(options.setup_worker_path).is_file()
    assert options.ray_client_server_port is None
    assert options.num_cpus == 2
    assert isinstance(options, parameter.RayParams)


def test_the_dashboard_begins_in_our_file_and_is_known_as_before():
    usual = str(Path(services.RAY_PATH) / "dashboard" / "dashboard.py")
    command = start.with_lean_dashboard([sys.executable, usual, "--port=8265"])
    assert command == [sys.executable, str(start.DASHBOARD), "--port=8265"]
    assert command[1].endswith(DASHBOARD)
    assert start.DASHBOARD.is_file()


def test_what_is_replaced_in_ray_is_there():
    assert "dashboard.py" in inspect.getsource(services.start_api_server)
    assert callable(arrow_serialization._register_custom_datasets_serializers)
    for name in ("start_module", "wait_for_module_ready", "destroy_module", "proxy_request"):
        assert callable(getattr(SubprocessModuleHandle, name))


def test_serve_is_imported_without_pandas_which_is_there_for_others():
    done = subprocess.run(
        [sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True, env=os.environ
    )
    kept, shape = json.loads(done.stdout.splitlines()[-1])
    assert kept == []
    assert shape == [1, 1]

"""A real PostgreSQL server of the tests' own."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

PASSWORD = "p@ss/w?rd"
START_S = 60


def binaries():
    """The folder of `initdb` and `postgres`, or none where there is no server installed."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0,
        reverse=True,
    )
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _account():
    """Who the server runs as: root may not."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise RuntimeError("a PostgreSQL server needs an account that is not root's")


def _free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextmanager
def server(host="127.0.0.1", port=None):
    """Runs a server until the block ends, and gives its address as psycopg takes it.

    It takes passwords from everywhere that reaches `host`. Where none is installed the test is
    skipped; in CI it fails.
    """
    folder = binaries()
    if folder is None:
        message = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    account = _account()
    home = Path(tempfile.mkdtemp(prefix="serve-app-postgres-"))
    secret = home / "password"
    secret.write_text(PASSWORD)
    if account:
        for path in (home, secret):
            os.chown(path, account["user"], account["group"])
    data, port = home / "data", _free_port(host) if port is None else port
    options = {"cwd": home, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **account}
    try:
        made = subprocess.run(
            [folder / "initdb", "-D", data, "-U", "tester", "-E", "UTF8", "--locale=C", "-N",
             "--auth=scram-sha-256", f"--pwfile={secret}"],
            **options, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                [folder / "postgres", "-D", data, "-p", str(port), "-h", host,
                 "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=50"],
                **{**options, "stdout": log},
            )  # fmt: skip
        try:
            address = {"host": host, "port": port, "user": "tester", "password": PASSWORD}
            _wait(address, process, home / "log")
            yield address
        finally:
            process.send_signal(subprocess.signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(address, process, log):
    deadline = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(**address, dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@contextmanager
def database(address):
    """A database of its own, until the block ends; gives its URL."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(address, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield f"postgresql+psycopg://tester:p%40ss%2Fw%3Frd@127.0.0.1:{address['port']}/{name}"
    finally:
        _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(address, command):
    """Run a command over a connection of its own: the server may be started anew meanwhile."""
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as connection:
        connection.execute(command)

"""What is typed of the edge reaches it whole, and halves are refused."""

import click
import pytest
from click.testing import CliRunner

from serve_app.cli import edge_options
from serve_app.cluster.edge.options import EdgeOptions, Tls


def taken(*arguments):
    made = {}

    @click.command()
    @click.option("--other")
    @edge_options.of_the_edge
    def command(**options):
        made.update(edge_options.taken_from(options))

    done = CliRunner().invoke(command, arguments)
    return made, done


def test_what_nobody_types_is_the_default():
    made, done = taken("--other", "x")
    assert done.exit_code == 0
    assert made == {"other": "x", "edge": EdgeOptions()}


def test_what_is_typed_reaches_the_edge(tmp_path):
    files = [tmp_path / name for name in ("a.crt", "a.key", "ca.pem")]
    for file in files:
        file.touch()
    made, done = taken(
        *("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "192.0.2.1"),
        *("--allowed-host", "models.example.com", "--client-connections", "0"),
        *("--client-requests-per-s", "7", "--client-refusals-per-minute", "8"),
        *("--head-timeout-s", "90", "--tls-certificate", str(files[0])),
        *("--tls-key", str(files[1]), "--client-ca", str(files[2]), "--tls-min", "1.3"),
    )
    assert done.exit_code == 0
    assert made["edge"] == EdgeOptions(
        trusted_proxies=("10.0.0.0/8", "192.0.2.1"),
        allowed_hosts=("models.example.com",),
        connections=0,
        requests_per_s=7,
        refusals_per_minute=8,
        head_timeout_s=90,
        tls=Tls(*files, minimum="1.3"),
    )


@pytest.mark.parametrize("options", [["--tls-certificate"], ["--tls-key"], ["--client-ca"]])
def test_half_of_what_tls_needs_is_refused(tmp_path, options):
    (tmp_path / "file").touch()
    _, done = taken(*options, str(tmp_path / "file"))
    assert done.exit_code == 2
    assert "--tls-certificate and --tls-key" in done.output

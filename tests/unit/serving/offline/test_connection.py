"""What a driver prints beside its results."""

import ray._private.worker as driver

from serve_app.serving.offline.connection import errors_on_stderr

DIED = {"lines": ["a node died"], "pid": "raylet", "is_err": False, "ip": "", "localhost": ""}


def test_what_ray_says_of_deaths_is_not_among_results(capsys):
    usual = driver.print_to_stdstream
    with errors_on_stderr():
        driver.print_to_stdstream(DIED, ignore_prefix=False)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "a node died" in printed.err
    assert driver.print_to_stdstream is usual

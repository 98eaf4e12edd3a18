"""Every complaint about a config can name its line."""

from serve_app.documents.yaml_lines import Positions

TEXT = """\
applications:
- name: gateway
  deployments:
  - {name: Gateway, max_ongoing_requests: 5}
- name: control
  deployments:
  - name: Control
    user_config:
      endpoints:
        diagnosis:
          route: {kind: single}
        diagnosis:
          route: {kind: split}
"""


def test_the_line_is_that_of_the_deepest_key_that_the_file_has():
    positions = Positions.of(TEXT)
    assert positions.line(("applications", 0, "name")) == 2
    assert positions.line(("applications", 0, "deployments", 0, "max_ongoing_requests")) == 4
    assert positions.line(("applications", 1, "deployments", 0, "user_config", "nothing")) == 8
    assert positions.line(()) == 1


def test_a_key_that_stands_twice_is_found_with_both_its_lines():
    (duplicate,) = Positions.of(TEXT).duplicates()
    assert duplicate.path[-1] == "diagnosis"
    assert (duplicate.first_line, duplicate.line) == (10, 12)

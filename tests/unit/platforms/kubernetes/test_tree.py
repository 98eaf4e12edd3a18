"""A document with gaps says the same as a template and for given values."""

import pytest
import yaml

from serve_app.platforms.kubernetes.tree import (
    Block,
    Given,
    Named,
    OfRelease,
    Release,
    Shared,
    Sum,
    Text,
    Value,
    Words,
    helper,
    resolved,
    template,
)

RELEASE = Release("churn", "Helm", {"a": {"b": 3}, "no": False, "text": "x\ny\n\n"})


@pytest.mark.parametrize(
    ("gap", "filled", "written"),
    [
        (Value("a"), {"b": 3}, "{{ .Values.a | toJson }}"),
        (Text("a.b"), "3", "{{ .Values.a.b | toString | toJson }}"),
        (Sum("a.b", 4), 7, "{{ add 4 (int .Values.a.b) }}"),
        (Named("-svc"), "churn-svc", '{{ include "serve-app.fullname" . }}-svc'),
        (Words("<", Sum("a.b", 1), ">"), "<4>", '"<{{ add 1 (int .Values.a.b) }}>"'),
        (Words("<", Text("a.b"), ">"), "<3>", '"<{{ .Values.a.b | toString }}>"'),
        (OfRelease("Name"), "churn", "{{ .Release.Name | toJson }}"),
        (OfRelease("Service"), "Helm", "{{ .Release.Service | toJson }}"),
        ("true", "true", '"true"'),
        ("8080", "8080", '"8080"'),
        (8080, 8080, "8080"),
        (None, None, "null"),
        ("a: b", "a: b", '"a: b"'),
    ],
)
def test_a_gap_is_filled_in_and_written(gap, filled, written):
    assert resolved({"key": gap}, RELEASE) == {"key": filled}
    assert template({"key": gap}) == f"key: {written}\n"


def test_what_no_value_asks_for_is_left_out():
    tree = {"one": 1, Given("no"): {"two": 2}, Given("a.b"): {"three": 3}}
    assert resolved(tree, RELEASE) == {"one": 1, "three": 3}
    assert template(tree).splitlines() == [
        "one: 1", "{{- if .Values.no }}", "two: 2", "{{- end }}",
        "{{- if .Values.a.b }}", "three: 3", "{{- end }}",
    ]  # fmt: skip


def test_items_of_lists_are_left_out_too():
    tree = {"all": [1, Given("no", (2,)), Given("a.b", ({"x": 3, "z": 4},))]}
    assert resolved(tree, RELEASE) == {"all": [1, {"x": 3, "z": 4}]}
    assert "{{- if .Values.a.b }}\n  - x: 3\n    z: 4\n{{- end }}\n" in template(tree)


def test_a_text_of_several_lines_ends_with_one_line_break():
    tree = {"spec": {"config": Block("text")}}
    assert resolved(tree, RELEASE) == {"spec": {"config": "x\ny\n"}}
    assert template(tree) == ('spec:\n  config: |\n{{ .Values.text | trimAll "\\n" | indent 4 }}\n')


def test_a_shared_part_is_a_helper():
    shared = Shared("own.list", [{"name": "x"}])
    tree = {"env": [shared, {"name": "z"}], "labels": Shared("own.labels", {"a": "b"})}
    assert resolved(tree, RELEASE) == {
        "env": [{"name": "x"}, {"name": "z"}],
        "labels": {"a": "b"},
    }
    written = template(tree)
    assert '{{- include "own.list" . | nindent 2 }}\n  - name: z' in written
    assert 'labels:\n{{- include "own.labels" . | nindent 2 }}' in written
    assert helper(shared) == '{{- define "own.list" }}\n- name: x\n{{- end }}\n'


def test_what_has_no_gaps_is_yaml():
    tree = {"a": [], "b": {}, "c": [{"d": [1, "x"], "e": "no"}], "f": 'he said "yes"'}
    assert yaml.safe_load(template(tree)) == tree

"""What a deploy would change, as people see it."""

from serve_app.core.signature import Column, Output, Signature
from serve_app.serving.planning.difference import (
    applications,
    endpoints,
    least_cpus,
    schema_changes,
)

MODEL = {
    "name": "churn-1",
    "import_path": "serve_app.app:model",
    "args": {"model": "churn", "version": 1},
    "deployments": [
        {"name": "Model", "num_replicas": 1, "ray_actor_options": {"num_cpus": 0.5},
         "max_ongoing_requests": 16},
    ],
}  # fmt: skip


def with_options(**options):
    (deployment,) = MODEL["deployments"]
    return {**MODEL, "deployments": [{**deployment, **options}]}


def planned(before, after):
    old, new = ({one["name"]: one for one in given} for given in (before, after))
    return [(one.action, one.name, one.words) for one in applications(old, new)]


def test_what_runs_already_changes_nothing():
    assert planned([MODEL], [dict(MODEL)]) == []
    assert planned([MODEL], [{**MODEL, "logging_config": None}]) == []


def test_applications_come_and_go():
    other = {**MODEL, "name": "churn-2"}
    assert planned([MODEL], [other]) == [
        ("remove", "churn-1", "serve_app.app:model"),
        ("add", "churn-2", "serve_app.app:model"),
    ]


def test_what_makes_replicas_start_anew_is_told_from_what_does_not():
    anew = "its replicas start anew, one after the other: "
    assert planned([MODEL], [{**MODEL, "args": {"model": "churn", "version": 2}}]) == [
        ("restart", "churn-1", f"{anew}args")
    ]
    assert planned([MODEL], [with_options(ray_actor_options={"num_cpus": 1})]) == [
        ("restart", "churn-1", f"{anew}Model.ray_actor_options")
    ]
    assert planned([MODEL], [with_options(num_replicas=3)]) == [
        ("scale", "churn-1", "Model.num_replicas")
    ]
    assert planned([MODEL], [with_options(max_ongoing_requests=8)]) == [
        ("change", "churn-1", "Model.max_ongoing_requests")
    ]
    # Declared endpoints are told one by one.
    assert planned([MODEL], [with_options(user_config={"endpoints": {}})]) == []


def test_endpoints_come_go_and_ask_others():
    single = {"route": {"kind": "single", "model": "churn@1"}, "timeout_s": 5}
    variants = [{"model": "churn@1", "weight": 90}, {"model": "churn@2", "weight": 10}]
    split = {"route": {"kind": "split", "variants": variants, "key": "id"}}
    changes = list(endpoints({"a": single, "gone": single}, {"a": split, "new": single}))
    assert [
        (one.action, one.name, one.words, one.before, one.after, one.breaks_clients)
        for one in changes
    ] == [
        (
            "change", "a", "versions and weights",
            {"churn@1": 1.0}, {"churn@1": 90.0, "churn@2": 10.0}, False,
        ),
        ("change", "a", "timeout_s", 5, None, False),
        ("change", "a", "route.key", None, "id", False),
        ("change", "a", "route.kind", "single", "split", False),
        ("remove", "gone", "was answered by churn@1, and answers no more", None, None, True),
        ("add", "new", "answered by churn@1", None, None, False),
    ]  # fmt: skip
    assert list(endpoints({"a": split}, {"a": split})) == []


def test_clients_hear_of_columns_that_are_new_gone_or_other():
    before = Signature(
        (
            Column("age", "int64", nullable=True),
            Column("sex", "string", categories=("f", "m", "x")),
            Column("old", "float64"),
            Column("same", "float64"),
        ),
        Output("classification", ("no", "yes")),
    )
    after = Signature(
        (
            Column("age", "float64"),
            Column("sex", "string", categories=("f", "m")),
            Column("same", "float64"),
            Column("x", "int64"),
            Column("y", "int64", nullable=True),
        ),
        Output("classification", ("no", "yes", "maybe")),
    )
    changes = [(one.action, one.words, one.breaks_clients) for one in
               schema_changes("churn", before, after)]  # fmt: skip
    assert changes == [
        ("change", "type of column age", True),
        ("change", "column age may have no gaps any more", True),
        ("change", "categories of column sex that are not known any more", True),
        ("add", "column x now required", True),
        ("add", "column y may be given", False),
        ("remove", "column old is not looked at any more", False),
        ("change", "classes", True),
    ]
    assert list(schema_changes("churn", before, before)) == []


def test_cpus_are_those_of_the_least_number_of_replicas():
    scaled = with_options(
        num_replicas=None, autoscaling_config={"min_replicas": 2, "max_replicas": 9}
    )
    bare = {"name": "bare", "deployments": [{"name": "Model"}]}
    auto = with_options(num_replicas="auto")
    for given, cpus in (([MODEL], 0.5), ([scaled], 1.0), ([bare], 1.0), ([auto], 0.5), ([], 0.0)):
        assert least_cpus({"applications": given}) == cpus

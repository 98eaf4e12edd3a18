"""A RayService is looked at group by group, whatever somebody wrote."""

from serve_app.platforms.kubernetes.groups import groups, number


def test_the_head_comes_first_and_each_group_knows_where_it_stands(production):
    head, serving = groups(production)
    assert (head.is_head, serving.is_head) == (True, False)
    assert serving.name == "serving"
    assert serving.path == ("spec", "rayClusterConfig", "workerGroupSpecs", 0)
    assert serving.container["name"] == "ray-worker"
    assert serving.container_path[-2:] == ("containers", 0)
    assert head.parameters["num-cpus"] == "0"


def test_variables_from_elsewhere_have_no_value(production):
    head = groups(production)[0]
    assert head.environment["PGPASSWORD"] is None
    assert head.environment["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert head.variable_path("PGPASSWORD")[-1] == len(head.environment) - 2
    assert head.variable_path("nothing")[-1] == "env"


def test_what_is_not_there_is_empty():
    (head,) = groups({})
    assert head.pod == head.container == head.parameters == head.environment == {}


def test_a_flag_is_no_number():
    assert number(3) == 3
    assert number(True) is None
    assert number("3") is None

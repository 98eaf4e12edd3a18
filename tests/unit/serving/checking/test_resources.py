"""What no node can ever hold is said in words, before anything waits for it."""

import pytest

from serve_app.serving.checking.resources import refused, unplaceable, without_gpu

GIB = 1024**3
TWO = {"CPU": 2.0, "memory": 4.0 * GIB, "node:10.0.0.1": 1.0}
BIG = {"CPU": 16.0, "memory": 64.0 * GIB}
GPU = {"CPU": 4.0, "GPU": 2.0, "memory": 8.0 * GIB, "accelerator_type:A100": 1.0, "disk": 3.0}


def asks(**options):
    return {"name": "Model", "ray_actor_options": options}


def bundles(*given, strategy="PACK", **options):
    return {
        **asks(**options), "placement_group_bundles": list(given),
        "placement_group_strategy": strategy,
    }  # fmt: skip


@pytest.mark.parametrize(
    "deployment",
    [
        {"name": "Model"},
        asks(),
        asks(num_cpus=0),
        asks(num_cpus=0.3, memory=None),
        asks(num_cpus=2, memory=4 * GIB),
        asks(num_cpus=16),
        asks(num_gpus=0.25, num_cpus=4, resources={"disk": 3}),
        asks(num_gpus=2, accelerator_type="A100"),
        asks(num_cpus=0.1 + 0.2),
        asks(num_cpus="2", memory="4e9"),
        bundles({"CPU": 16}, {"CPU": 4, "GPU": 1}),
        bundles({"CPU": 2}, {"CPU": 14}, strategy="STRICT_PACK"),
        bundles({"CPU": 2}, {"CPU": 2}, {"CPU": 2}, strategy="STRICT_SPREAD"),
    ],
)
def test_what_some_node_has_is_nothing_to_speak_of(deployment):
    assert list(refused(deployment)) == []
    assert list(unplaceable(deployment, [TWO, BIG, GPU])) == []


@pytest.mark.parametrize(
    ("deployment", "nodes", "where", "words"),
    [
        (asks(num_cpus=8), [TWO], ("ray_actor_options", "num_cpus"),
         "asks for 8 CPUs; the largest node has 2 CPUs; ask for less, or add a larger node"),
        (asks(num_cpus=17), [TWO, BIG, GPU], ("ray_actor_options", "num_cpus"),
         "asks for 17 CPUs; the largest node has 16 CPUs; ask for less, or add a larger node"),
        (asks(), [{"CPU": 0.5}], ("ray_actor_options", "num_cpus"),
         "asks for 1 CPU; the largest node has 0.5 CPUs; ask for less, or add a larger node"),
        (asks(num_cpus=1, num_gpus=1), [TWO, BIG], ("ray_actor_options", "num_gpus"),
         "asks for 1 GPU; no node has any; ask for less, or add a node that has it"),
        (asks(memory=100 * GIB), [BIG], ("ray_actor_options", "memory"),
         ("asks for 100 GiB of memory; the largest node has 64 GiB of memory; "
          "ask for less, or add a larger node")),
        (asks(resources={"disk": 4}), [TWO, GPU], ("ray_actor_options", "resources", "disk"),
         ("asks for 4 of 'disk'; the largest node has 3 of 'disk'; "
          "ask for less, or add a larger node")),
        (asks(num_cpus=1, accelerator_type="H100"), [GPU],
         ("ray_actor_options", "accelerator_type"),
         ("asks for an accelerator of the type 'H100'; no node has any; "
          "ask for less, or add a node that has it")),
        (asks(num_cpus=8, num_gpus=1), [TWO, BIG, GPU, TWO], ("ray_actor_options",),
         ("asks for 8 CPUs, 1 GPU at once, which no node has: 2 CPUs, 0 GPUs | 16 CPUs, 0 GPUs | "
          "4 CPUs, 2 GPUs; ask for less, or add a node that has all of it")),
        (bundles({"CPU": 1}, {"CPU": 4}), [TWO, TWO], ("placement_group_bundles", 1),
         "asks for 4 CPUs on one node, which none has: 2 CPUs"),
        (bundles({"CPU": 2}, {"CPU": 2}, strategy="STRICT_PACK"), [TWO, TWO],
         ("placement_group_bundles",), "asks for 4 CPUs on one node, which none has: 2 CPUs"),
        (bundles({"CPU": 1}, {"CPU": 1}, strategy="STRICT_SPREAD"), [BIG],
         ("placement_group_bundles",),
         "asks for 2 nodes, one for each bundle (STRICT_SPREAD); the cluster has 1"),
        (bundles({"CPU": 2}, {"CPU": 2}), [TWO], ("placement_group_bundles",),
         "asks for 4 CPUs in all; all nodes together have 2 CPUs"),
    ],
)  # fmt: skip
def test_what_no_node_has_is_told_with_what_there_is(deployment, nodes, where, words):
    assert list(unplaceable(deployment, nodes)) == [(where, words)]


def test_without_a_cluster_nothing_is_said_of_nodes():
    assert list(unplaceable(asks(num_cpus=10_000), ())) == []


@pytest.mark.parametrize(
    ("deployment", "where", "words"),
    [
        (asks(num_gpus=1.5), ("ray_actor_options", "num_gpus"), "write 1 or 2, or less than 1"),
        (asks(num_cpus=0.00001), ("ray_actor_options", "num_cpus"), "less than Ray counts"),
        (asks(num_cpus=float("nan"), resources={"disk": float("nan")}),
         ("ray_actor_options", "resources", "disk"), "nan is no amount of disk"),
        (asks(resources={"disk": -1}), ("ray_actor_options", "resources", "disk"),
         "-1 disk cannot be; write 0 or more"),
        (asks(resources={"disk": "two"}), ("ray_actor_options", "resources", "disk"),
         "'two' is no amount of disk; write a number"),
        (asks(resources={"CPU": 2}), ("ray_actor_options", "resources", "CPU"),
         "write `num_cpus` in `ray_actor_options` instead of 'CPU' here"),
        (asks(resources={"TPU": 2.5}), ("ray_actor_options", "resources", "TPU"), "2.5 TPUs"),
        (bundles({"CPU": -1}, num_cpus=0), ("placement_group_bundles", 0, "CPU"), "-1 CPU"),
        (bundles({"CPU": 1}, {"CPU": 4}, num_cpus=2), ("ray_actor_options", "num_cpus"),
         ("asks for 2 CPUs, but a replica lies in the first of its `placement_group_bundles`, "
          "which has 1 CPU")),
    ],
)  # fmt: skip
def test_what_ray_refuses_anywhere_is_told_without_a_cluster(deployment, where, words):
    (found,) = list(refused(deployment))
    assert found[0] == where
    assert words in found[1]


def test_negative_options_are_left_to_serves_own_schema_and_nonsense_breaks_nothing():
    assert list(refused(asks(num_cpus=-1, num_gpus="x"))) == []
    for nonsense in (None, 3, [], "x"):
        odd = {"ray_actor_options": nonsense, "placement_group_bundles": nonsense}
        assert list(refused(odd)) == []
        assert list(unplaceable(odd, [TWO])) == []


def test_a_part_of_a_gpu_is_a_gpu_that_is_seen():
    assert not without_gpu(asks(num_gpus=0.1))
    assert without_gpu(asks(num_gpus=0))
    assert without_gpu({"name": "Model"})

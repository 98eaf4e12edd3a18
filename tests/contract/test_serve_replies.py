"""What Serve's controller asks of replicas, beside what Ray puts into a reply."""

from ray import cloudpickle
from ray.serve._private.config import DeploymentConfig
from ray.serve._private.version import DeploymentVersion

from serve_app.cluster.environment import INLINE_BYTES

RAYS_OWN_BYTES = 100 * 1024


def test_what_a_replica_says_of_itself_fits_into_a_reply():
    config = DeploymentConfig(num_replicas=1)
    said = cloudpickle.dumps((config, DeploymentVersion("code", config, {"num_cpus": 1})))
    # Where it is smaller than this by itself, the variable has nothing to do any more.
    assert RAYS_OWN_BYTES < len(said) < INLINE_BYTES / 4

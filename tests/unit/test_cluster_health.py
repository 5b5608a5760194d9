"""What is said of a part from what Serve says of its deployment."""

import pytest
from ray.serve.schema import DeploymentStatus, DeploymentStatusOverview, DeploymentStatusTrigger

from stt_ai.deployments.health import part_health


@pytest.mark.parametrize(
    ("status", "replicas", "well"),
    [
        (DeploymentStatus.HEALTHY, {}, True),
        (DeploymentStatus.HEALTHY, {"RUNNING": 1}, True),
        (DeploymentStatus.UPSCALING, {"STARTING": 1}, True),
        (DeploymentStatus.DOWNSCALING, {"STOPPING": 1}, True),
        (DeploymentStatus.UPDATING, {"RUNNING": 1, "STARTING": 1}, True),
        (DeploymentStatus.UPDATING, {"STARTING": 1}, False),
        (DeploymentStatus.UNHEALTHY, {"STARTING": 1}, False),
        (DeploymentStatus.DEPLOY_FAILED, {}, False),
    ],
)
def test_a_part_is_well_that_serves_or_is_just_being_loaded(
    status: DeploymentStatus, replicas: dict[str, int], well: bool
) -> None:
    overview = DeploymentStatusOverview(
        status=status,
        status_trigger=DeploymentStatusTrigger.AUTOSCALING,
        replica_states=replicas,
        message="",
    )
    part = part_health("summarizer", overview)
    assert part.ok == well
    assert bool(part.detail) != well

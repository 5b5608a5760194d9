"""What is said of a part from what Serve says of its deployment, and of what serves it."""

import asyncio

import pytest
from ray.serve.schema import DeploymentStatus, DeploymentStatusOverview, DeploymentStatusTrigger

from stt_ai.deployments.health import ClusterHealth, part_health
from stt_ai.errors import ModelUnavailable, SttError
from stt_ai.types import LoadedModel, ServiceHealth


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


class Loaded:
    """What is known of a model. ``answer``: what it says when it is asked."""

    def __init__(self, answer: LoadedModel | SttError | None = None, known: LoadedModel | None = None) -> None:
        self.answer, self.known, self.failed, self.asked = answer, known, False, 0

    async def get(self) -> LoadedModel:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, SttError):
            self.failed = isinstance(self.answer, ModelUnavailable)
            raise self.answer
        self.known = self.answer
        assert self.known is not None
        return self.known


def running(name: str) -> DeploymentStatusOverview:
    trigger = DeploymentStatusTrigger.AUTOSCALING
    return DeploymentStatusOverview(
        status=DeploymentStatus.HEALTHY, status_trigger=trigger, replica_states={"RUNNING": 1}, message=""
    )


async def health_of(transcribers: dict[str, Loaded], others: dict[str, Loaded], kept: set[str]) -> ServiceHealth:
    names = ["decoder", *(f"transcriber-{name}" for name in transcribers), *others]
    health = ClusterHealth(transcribers, others, kept, {"decoder"}, lambda: {name: running(name) for name in names})
    return await health.health()


async def test_parts_and_models_say_what_serves_them_without_loading_what_is_not_kept() -> None:
    base = LoadedModel("whisper-base", origin="packages", reason="There is no hub: whisper-base serves.")
    summaries, small = Loaded(known=LoadedModel("qwen", origin="hub")), Loaded()
    found = await health_of(
        {"large": Loaded(base), "small": small},
        {"diarizer": Loaded(LoadedModel("demo-diarization", True)), "summarizer": summaries},
        kept={"transcriber-large", "diarizer"},
    )
    parts = {part.name: part for part in found.parts}
    assert found.ok and found.demo_models and found.models == {"large": base}
    assert (parts["transcriber-large"].model, parts["transcriber-large"].detail) == (base, base.reason)
    assert parts["diarizer"].detail == "a demo model serves"
    assert parts["summarizer"].model == summaries.known and not parts["summarizer"].detail
    assert parts["decoder"].model is None and parts["transcriber-small"].model is None
    assert summaries.asked == small.asked == 0


async def test_a_kept_model_that_cannot_be_loaded_is_no_longer_said_to_serve() -> None:
    lost = Loaded(ModelUnavailable("gone"), known=LoadedModel("large"))
    found = await health_of({"large": lost, "small": Loaded(known=LoadedModel("small"))}, {}, {"transcriber-large"})
    parts = {part.name: part for part in found.parts}
    assert found.models == {"large": None, "small": LoadedModel("small")}
    assert not parts["transcriber-large"].ok and not parts["transcriber-large"].ready
    assert parts["transcriber-large"].model is None and not found.demo_models


async def test_a_model_that_is_still_loading_is_waited_for_only_briefly() -> None:
    found = await health_of({"large": Loaded()}, {}, {"transcriber-large"})
    (part,) = (part for part in found.parts if part.name == "transcriber-large")
    assert found.models == {} and part.ok and not part.ready

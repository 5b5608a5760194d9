"""How many replicas there are, by Serve's own state of a deployment: replicas' reports go in, decisions come out."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ray import cloudpickle
from ray.serve import autoscaling_policy
from ray.serve._private import autoscaling_state
from ray.serve._private.common import (
    RUNNING_REQUESTS_KEY,
    DeploymentHandleSource,
    DeploymentID,
    HandleMetricReport,
    ReplicaID,
    ReplicaMetricReport,
    TimeStampedValue,
)
from ray.serve.config import AutoscalingConfig

from stt_ai.app import build
from stt_ai.deployments.scaling import (
    AUDIO_S,
    LIVE,
    METRICS_S,
    PIECES,
    AudioPolicy,
    BusyShare,
    by_audio,
    replicas_for,
    total,
)
from stt_ai.pipeline.backlog import Backlog
from stt_ai.settings import Settings
from tests.unit.test_cluster import applications

TARGET, PIECE = 960.0, 30.0
NAME = DeploymentID("transcriber", "app")
DOWN, UNLOAD = 100.0, 200.0
TICK = 5.0

seconds = st.floats(0, 1e6, allow_subnormal=False)
pieces = st.integers(0, 10_000)
busy = st.floats(0, 100, allow_subnormal=False)


def wanted(audio_s: float, count: float, live: float) -> float:
    return replicas_for(audio_s, count, live, target_audio_s=TARGET, target_live=0.6)


@given(seconds, pieces, busy, seconds, pieces, busy)
def test_more_to_do_never_wants_fewer(a: float, n: int, live: float, more: float, others: int, busier: float) -> None:
    assert wanted(a + more, n + others, live + busier) >= wanted(a, n, live)


@given(seconds, st.integers(1, 10_000), busy)
def test_something_to_do_wants_a_replica_and_no_more_than_there_are_pieces(a: float, n: int, live: float) -> None:
    assert 0 <= wanted(a, n, 0) <= n
    assert (wanted(a, n, live) > 0) == (a > 0 or live > 0)


def test_a_file_that_fills_two_batches_fills_one_replica() -> None:
    assert wanted(32 * 30, 32, 0) == 1
    assert wanted(4 * 32 * 30, 4 * 32, 0) == 4
    assert wanted(0, 0, 2 * 0.6) == 2


class Clock:
    """Serve's clock, which stands until it is turned."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


class Deployment:
    """A deployment as Serve's controller sees it; replicas come as soon as they are wanted, and report each tick."""

    def __init__(self, clock: Clock, min_replicas: int, max_replicas: int) -> None:
        options = by_audio(
            min_replicas=min_replicas,
            max_replicas=max_replicas,
            target_audio_s=TARGET,
            piece_s=PIECE,
            target_live=0.6,
            downscale_delay_s=DOWN,
            idle_unload_s=UNLOAD,
        )
        config = AutoscalingConfig(**options)
        config.policy._cached_policy = cloudpickle.loads(config.policy.get_serialized_policy_def())
        self._clock = clock
        self._state = autoscaling_state.DeploymentAutoscalingState(NAME)
        info = SimpleNamespace(
            deployment_config=SimpleNamespace(autoscaling_config=config, gang_scheduling_config=None),
            config_changed=lambda _: True,
            target_capacity=None,
            target_capacity_direction=None,
        )
        self.target = self._state.register(info, min_replicas)  # type: ignore[arg-type]
        self._series: dict[ReplicaID, dict[str, list[TimeStampedValue]]] = {}
        self.decisions: list[int] = []

    def tick(self, audio_s: float, queued: int = 0, live: float = 0.0) -> int:
        """Five seconds with this load, shared evenly; then Serve's decision."""
        self._clock.now += TICK
        running = [ReplicaID(str(n), NAME) for n in range(self.target)]
        self._series = {replica: self._series.get(replica, {}) for replica in running}
        self._state.update_running_replica_ids(running)
        for replica, series in self._series.items():
            said = {AUDIO_S: audio_s, PIECES: audio_s / PIECE, LIVE: live}
            for name, value in said.items():
                points = series.setdefault(name, [])
                points.append(TimeStampedValue(self._clock.now, value / self.target))
                series[name] = [point for point in points if point.timestamp > self._clock.now - METRICS_S]
            self._state.record_request_metrics_for_replica(
                ReplicaMetricReport(replica_id=replica, timestamp=self._clock.now, metrics=dict(series))
            )
        waiting = [TimeStampedValue(self._clock.now, float(queued))]
        self._state.record_request_metrics_for_handle(
            HandleMetricReport(
                deployment_id=NAME,
                handle_id="handle",
                actor_id="actor",
                handle_source=DeploymentHandleSource.REPLICA,
                queued_requests=waiting,
                metrics={RUNNING_REQUESTS_KEY: {}},
                timestamp=self._clock.now,
            )
        )
        self.target = self._state.get_decision_num_replicas(self.target)
        self.decisions.append(self.target)
        return self.target

    def run(self, duration: float, audio_s: float, **more: Any) -> int:
        for _ in range(round(duration / TICK)):
            self.tick(audio_s, **more)
        return self.target


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for module in (autoscaling_state, autoscaling_policy):
            patch.setattr(module, "time", clock)
        yield clock


loads = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.0, 5.0, TARGET / 2, TARGET, 3 * TARGET, 50 * TARGET])),
    min_size=1,
    max_size=8,
)
bounds = st.tuples(st.integers(0, 2), st.integers(2, 5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads, bounds)
def test_whatever_the_load_bounds_are_kept_and_nothing_flaps(
    clock: Clock, load: list[tuple[int, float]], bounds: tuple[int, int]
) -> None:
    min_replicas, max_replicas = bounds
    deployment = Deployment(clock, min_replicas, max_replicas)
    asked, before = [], deployment.target
    for ticks, audio_s in load:
        for _ in range(ticks):
            asked.append(audio_s)
            after = deployment.tick(audio_s, queued=0 if deployment.target else int(audio_s > 0))
            assert min_replicas <= after <= max_replicas
            decided = deployment.decisions
            if after < before:
                quiet = round((UNLOAD if after == 0 else DOWN) / TICK)
                recent = decided[-quiet - 1 :]
                assert recent == sorted(recent, reverse=True), "it grew shortly before"
                assert after > 0 or not any(asked[-quiet:]), "it was not idle"
            before = after


@pytest.mark.parametrize(("audio_s", "replicas"), [(0.0, 1), (5.0, 1), (TARGET, 1), (2.5 * TARGET, 3), (9e9, 4)])
def test_under_a_steady_load_it_settles_and_stays(clock: Clock, audio_s: float, replicas: int) -> None:
    deployment = Deployment(clock, 1, 4)
    assert deployment.run(120, audio_s) == replicas
    deployment.run(2 * UNLOAD, audio_s)
    assert set(deployment.decisions[-round(2 * UNLOAD / TICK) :]) == {replicas}


def test_live_speech_that_keeps_replicas_busy_is_load_though_it_is_few_seconds(clock: Clock) -> None:
    deployment = Deployment(clock, 1, 4)
    assert deployment.run(60, audio_s=20, live=0.5) == 1
    assert deployment.run(60, audio_s=20, live=0.9) == 2


def test_a_moments_load_starts_nothing(clock: Clock) -> None:
    deployment = Deployment(clock, 1, 4)
    deployment.run(60, 0)
    assert deployment.run(TICK, 3 * TARGET) == 1
    assert deployment.run(60, 0) == 1


def test_a_model_that_nobody_wants_leaves_memory_and_comes_at_the_first_request(clock: Clock) -> None:
    deployment = Deployment(clock, 0, 4)
    assert deployment.run(UNLOAD, 0) == 0
    assert deployment.tick(0, queued=1) == 1
    assert deployment.run(10 * UNLOAD, 5.0) == 1, "it is at work"
    assert deployment.run(UNLOAD, 0) == 1
    assert deployment.run(2 * METRICS_S, 0) == 0


def said(**values: float) -> dict[str, Any]:
    """What one replica said, once."""
    return {name: {"a": [TimeStampedValue(1.0, value)]} for name, value in values.items()}


def context(**known: Any) -> Any:
    nothing = {"current_num_replicas": 1, "raw_metrics": {}, "total_queued_requests": 0, "total_num_requests": 0}
    return SimpleNamespace(**{**nothing, **known})


@pytest.mark.parametrize("running", [0, 3])
def test_while_replicas_have_said_nothing_they_are_left_as_they_are(running: int) -> None:
    policy = AudioPolicy(TARGET, PIECE)
    asked = context(current_num_replicas=running, target_num_replicas=3, total_num_requests=running)
    assert policy(asked) == (3, {})


def test_idle_is_only_who_did_nothing_and_has_nothing_before_it() -> None:
    policy = AudioPolicy(TARGET, PIECE)
    idle = said(audio_s=0, pieces=0, live=0, busy=0)
    assert policy(context(raw_metrics=idle)) == (0, {})
    assert policy(context(raw_metrics=idle, total_num_requests=0.2)) == (1, {})
    assert policy(context(raw_metrics=said(audio_s=0, pieces=0, busy=0.01))) == (1, {})
    assert policy(context(raw_metrics=idle, total_queued_requests=96)) == (96 * PIECE / TARGET, {})


def test_what_one_said_before_the_others_came_is_not_counted_beside_what_they_say() -> None:
    alone = [TimeStampedValue(at, 900.0) for at in (1.0, 2.0, 3.0)]
    shared = [TimeStampedValue(4.0, 300.0), TimeStampedValue(5.0, 400.0)]
    assert total([alone, [], []]) == 900
    assert total([alone + shared, shared, shared]) == 3 * 350
    assert total([alone, shared]) == 900 + 350, "its last word stands until there is another"


def test_serves_controller_needs_nothing_of_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    options = by_audio(
        min_replicas=0, max_replicas=4, target_audio_s=TARGET, piece_s=PIECE, downscale_delay_s=1, idle_unload_s=2
    )
    dumped = AutoscalingConfig(**options).policy.get_serialized_policy_def()
    for name in [name for name in sys.modules if name.split(".")[0] == "stt_ai"]:
        monkeypatch.setitem(sys.modules, name, None)
    policy = cloudpickle.loads(dumped)(TARGET, PIECE)
    assert policy(context(raw_metrics=said(audio_s=2 * TARGET, pieces=64, live=0.5)))[0] == 2.5


def scaling(**args: Any) -> dict[str, AutoscalingConfig]:
    built = build(Settings.model_validate(args))
    found = {one._bound_deployment.name: one._bound_deployment for one in applications(built)}
    return {name: one._deployment_config.autoscaling_config for name, one in found.items()}


def test_what_is_kept_has_a_replica_from_the_start_and_the_rare_models_none() -> None:
    found = scaling(models={"preload": ["small"]}, transcriber={"idle_unload_s": 77})
    kept = {"transcriber-large-v3-turbo": 1, "transcriber-small": 1, "transcriber-medium": 0, "transcriber-large-v3": 0}
    for name, min_replicas in kept.items():
        config = found[name]
        assert (config.min_replicas, config.initial_replicas, config.max_replicas) == (min_replicas, min_replicas, 1)
        assert config.downscale_to_zero_delay_s == 77
        assert config.policy.get_policy().__name__ == "AudioPolicy"
    assert found["diarizer"].min_replicas == 1
    assert found["summarizer"].min_replicas == 0


def test_replicas_are_as_many_as_the_operator_says_else_by_the_device() -> None:
    assert scaling(transcriber={"max_replicas": 3})["transcriber-small"].max_replicas == 3
    on_gpu = scaling(transcriber={"device": "cuda"}, diarizer={"device": "cuda"})
    assert on_gpu["transcriber-small"].max_replicas == on_gpu["diarizer"].max_replicas == 4
    assert on_gpu["transcriber-small"].policy.policy_kwargs["target_audio_s"] == 2 * 16 * 30


def test_how_much_of_one_file_is_before_the_others_is_the_operators_to_say() -> None:
    ingress = build(Settings.model_validate({"ingress": {"windows_in_flight": 128}}))
    assert ingress._bound_deployment.init_kwargs["windows_in_flight"] == 128
    backlog = Backlog(60, 0, ahead_s=128 * 30)
    with backlog.begin() as tell:
        tell(36_000)
        assert backlog.seconds == 128 * 30


def test_a_share_of_time_is_of_what_passed_since_it_was_last_asked() -> None:
    clock = Clock()
    share = BusyShare(clock.time)
    assert share.take() == 0
    clock.now += 10
    with share.busy():
        clock.now += 10
    assert share.take() == 0.5
    clock.now += 5
    with share.busy():
        clock.now += 15
        assert share.take() == 0.75
        clock.now += 5
        assert share.take() == 1
        clock.now += 3
    clock.now += 1
    assert share.take() == 0.75
    clock.now += 1
    assert share.take() == 0


def test_half_of_the_time_of_two_places_is_one_that_is_taken() -> None:
    clock = Clock()
    share = BusyShare(clock.time)
    share.places = 2
    with share.busy():
        clock.now += 10
        assert share.take() == 0.5
        with share.busy():
            clock.now += 10
        clock.now += 10
        assert share.take() == 0.75

"""What a redeploy under load rests on: the new ones beside the old, and an HAProxy that lives as long as these."""

from typing import Any

import pytest

from stt_ai.app import build
from stt_ai.environment import NODE, values
from stt_ai.settings import Settings


def deployments(device: str) -> dict[str, Any]:
    """Those that somebody may be waiting for at this moment."""
    ingress = build(Settings.model_validate({"transcriber": {"device": device}}))._bound_deployment
    parts = ingress.init_kwargs
    bound = [parts["decoder"], parts["billing"], *parts["transcribers"].values()]
    return {found.name: found for found in [ingress, *(one._bound_deployment for one in bound)]}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_waited_for_is_there_before_the_old_one_goes(device: str) -> None:
    """A GPU may have no room for both, and then a redeploy would never end."""
    surge = {name: found._deployment_config.max_surge_percent for name, found in deployments(device).items()}
    assert surge["ingress"] == surge["billing"] == surge["decoder"] == 100
    assert {share for name, share in surge.items() if "transcriber" in name} == {100 if device == "cpu" else 0}


def test_haproxy_leaves_requests_their_connection_as_long_as_the_old_ingress_lives() -> None:
    said = values(NODE)
    grace = deployments("cpu")["ingress"]._deployment_config.graceful_shutdown_timeout_s
    assert int(said["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]) > grace
    # An ingress that goes takes new connections for 30 s: until then nobody may have kept one that leads to it alone.
    assert int(said["RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S"]) < 30

"""What a connector's resource tells."""

from __future__ import annotations

import json

import pytest
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2

from sandbox.executors.agent import resources
from sandbox.executors.api import AttemptPhase, ErrorKind

Phase = execution_pb2.TaskExecution


@pytest.mark.parametrize("phase", Phase.Phase.values())
def test_every_phase_has_a_meaning(phase: int) -> None:
    progress = resources.progress(agent_pb2.Resource(phase=phase, message="m"))
    if phase in (Phase.UNDEFINED, Phase.ABORTED, Phase.FAILED, Phase.RETRYABLE_FAILED):
        assert progress.error is not None
        assert progress.error.recoverable == (phase in (Phase.UNDEFINED, Phase.RETRYABLE_FAILED))
        assert progress.error.kind is ErrorKind.USER
    else:
        assert progress.error is None
        assert progress.phase.value == "QUEUED" or progress.phase.value == Phase.Phase.Name(phase)


def test_a_phase_of_the_future_is_the_systems_fault() -> None:
    progress = resources.progress(agent_pb2.Resource(phase=99))
    assert progress.phase is AttemptPhase.FAILED
    assert progress.error is not None
    assert progress.error.kind is ErrorKind.SYSTEM


def test_a_state_counts_only_without_a_phase() -> None:
    both = agent_pb2.Resource(phase=Phase.RUNNING, state=agent_pb2.SUCCEEDED)
    assert resources.progress(both).phase is AttemptPhase.RUNNING
    assert resources.progress(agent_pb2.Resource(state=agent_pb2.SUCCEEDED)).phase is AttemptPhase.SUCCEEDED


def test_information_beyond_measure_is_left_out_and_said_so() -> None:
    resource = agent_pb2.Resource(phase=Phase.RUNNING)
    resource.custom_info.update({"text": "x" * 100_000})
    assert "omitted" in json.loads(resources.progress(resource).info)

"""Launching what is due, as any client would: by CreateExecution.

The name of a scheduled execution is made of the launch plan and the time, so that it is launched once,
however often and by however many schedulers it is asked for.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime

import grpc
from flyteidl.admin import execution_pb2, launch_plan_pb2
from flyteidl.core import literals_pb2
from flyteidl.service import admin_pb2_grpc
from google.protobuf import timestamp_pb2

from sandbox.idl.identifiers import EntityId

_LOG = logging.getLogger(__name__)
_TIMEOUT = 30.0
_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
    }
)
"""Answers after which the same request may succeed."""


class NotNow(Exception):
    """Admin can't take the request at the moment."""


class Launcher:
    """Launches executions at admin."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._admin = admin_pb2_grpc.AdminServiceStub(channel)

    def launch(self, plan: EntityId, spec: launch_plan_pb2.LaunchPlanSpec, at: datetime) -> bool:
        """Launch what was due at that time; False: it was refused, or launched before. Raises NotNow."""
        try:
            self._admin.CreateExecution(request(plan, spec, at), timeout=_TIMEOUT)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code in _LATER:
                raise NotNow(f"{code.name}: {details}") from error
            if code is not grpc.StatusCode.ALREADY_EXISTS:
                _LOG.warning("%s can't be launched for %s: %s", plan, at.isoformat(), details)
            return False
        return True


def request(
    plan: EntityId, spec: launch_plan_pb2.LaunchPlanSpec, at: datetime
) -> execution_pb2.ExecutionCreateRequest:
    """What asks for the execution that is due at that time."""
    moment = timestamp_pb2.Timestamp()
    moment.FromDatetime(at)
    metadata = execution_pb2.ExecutionMetadata(
        mode=execution_pb2.ExecutionMetadata.SCHEDULED, scheduled_at=moment
    )
    inputs = literals_pb2.LiteralMap()
    kickoff = spec.entity_metadata.schedule.kickoff_time_input_arg
    if kickoff:
        inputs.literals[kickoff].scalar.primitive.datetime.CopyFrom(moment)
    return execution_pb2.ExecutionCreateRequest(
        project=plan.project,
        domain=plan.domain,
        name=name(plan, at),
        spec=execution_pb2.ExecutionSpec(launch_plan=plan.to_proto(), metadata=metadata),
        inputs=inputs,
    )


def name(plan: EntityId, at: datetime) -> str:
    """The one name of the execution of a launch plan that is due at a time."""
    words = (plan.project, plan.domain, plan.name, plan.version, at.isoformat())
    return "f" + hashlib.sha256("\n".join(words).encode()).hexdigest()[:19]

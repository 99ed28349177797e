"""What can be launched: a launch plan, or the one that was made around a lone task."""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl.admin import launch_plan_pb2

from sandbox.admin import errors
from sandbox.store import launch_plans


@dataclass(frozen=True, slots=True)
class Launchable:
    """A launch plan, and the rows that an execution of it refers to."""

    spec: launch_plan_pb2.LaunchPlanSpec
    closure: launch_plan_pb2.LaunchPlanClosure
    workflow_id: int
    launch_plan_id: int | None
    """None: a lone task's."""
    task_id: int | None
    """Set for a lone task."""

    @property
    def size(self) -> int:
        """Bytes, serialised."""
        return int(self.spec.ByteSize() + self.closure.ByteSize())


def from_row(plan: launch_plans.LaunchPlan, task_id: int | None = None) -> Launchable:
    """A launch plan; with a task's row id the one around that task."""
    if plan.workflow_id is None:
        raise errors.WrongState(f"The {plan.entity} belongs to no workflow: register it again")
    return Launchable(
        launch_plan_pb2.LaunchPlanSpec.FromString(plan.spec),
        launch_plan_pb2.LaunchPlanClosure.FromString(plan.closure),
        plan.workflow_id,
        plan.id if task_id is None else None,
        task_id,
    )

"""The serialised workflows of `data/`, and a stand-in for the registry: what was registered before, by id."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import compiler_pb2, interface_pb2

from sandbox.compiler import launching, tasks, workflows
from sandbox.idl.identifiers import EntityId

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.pb"))


@dataclass
class Registry:
    """Registers entities as admin does, compiling each."""

    tasks: dict[EntityId, compiler_pb2.CompiledTask] = field(default_factory=dict)
    specs: dict[EntityId, workflow_pb2.WorkflowSpec] = field(default_factory=dict)
    closures: dict[EntityId, compiler_pb2.CompiledWorkflowClosure] = field(default_factory=dict)
    launch_plans: dict[EntityId, launch_plan_pb2.LaunchPlanClosure] = field(default_factory=dict)

    def load(self, name: str) -> EntityId:
        """Register all of `data/<name>.pb`; the id of its workflow is returned."""
        last: EntityId | None = None
        for tag, body in records(DATA / f"{name}.pb"):
            match tag:
                case b"T":
                    self.add_task(task_pb2.TaskSpec.FromString(body))
                case b"W":
                    last = self.add_workflow(workflow_pb2.WorkflowSpec.FromString(body))
                case b"L":
                    self.add_launch_plan(launch_plan_pb2.LaunchPlan.FromString(body))
        if last is None:
            raise ValueError(f"{name} has no workflow")
        return last

    def add_task(self, spec: task_pb2.TaskSpec) -> None:
        self.tasks[EntityId.from_proto(spec.template.id)] = tasks.compile(spec.template)

    def add_workflow(self, spec: workflow_pb2.WorkflowSpec) -> EntityId:
        identity = EntityId.from_proto(spec.template.id)
        self.specs[identity] = spec
        self.closures[identity] = self.compile(spec)
        return identity

    def compile(self, spec: workflow_pb2.WorkflowSpec) -> compiler_pb2.CompiledWorkflowClosure:
        needed = workflows.required(spec.template, spec.sub_workflows)
        return workflows.compile(
            spec.template,
            spec.sub_workflows,
            {identity: self.tasks[identity] for identity in needed.tasks},
            {identity: self.launch_plans[identity] for identity in needed.launch_plans},
        )

    def add_launch_plan(self, plan: launch_plan_pb2.LaunchPlan) -> None:
        closure = self.closures[EntityId.from_proto(plan.spec.workflow_id)]
        interface: interface_pb2.TypedInterface = closure.primary.template.interface
        expected, _ = launching.launch_plan_expected_inputs(plan.spec, interface)
        self.launch_plans[EntityId.from_proto(plan.id)] = launch_plan_pb2.LaunchPlanClosure(
            expected_inputs=expected, expected_outputs=interface.outputs
        )


def records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    data = path.read_bytes()
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position + 1)
        yield data[position : position + 1], data[position + 5 : position + 5 + length]
        position += 5 + length

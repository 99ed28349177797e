"""Workflows: from templates as clients register them to a compiled closure that an engine can run.

Follows Flyte's compiler (`flytepropeller/pkg/compiler`): every mistake is collected, not only the first,
and what compiles gets its `start-node`, its `end-node` and the connections between nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyteidl.core import compiler_pb2, workflow_pb2

from sandbox.idl.identifiers import EntityId
from sandbox.idl.interfaces import LaunchPlanInterface


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be registered before a workflow can be compiled."""

    tasks: frozenset[EntityId]
    launch_plans: frozenset[EntityId]


def required(
    template: workflow_pb2.WorkflowTemplate, subworkflows: Sequence[workflow_pb2.WorkflowTemplate]
) -> Requirements:
    """The tasks and launch plans that the workflow and its subworkflows refer to.

    Raises CompilationFailed when a subworkflow is referred to but not given, or given twice.
    """
    raise CompilationPending


def compile(
    template: workflow_pb2.WorkflowTemplate,
    subworkflows: Sequence[workflow_pb2.WorkflowTemplate],
    tasks: Mapping[EntityId, compiler_pb2.CompiledTask],
    launch_plans: Mapping[EntityId, LaunchPlanInterface],
) -> compiler_pb2.CompiledWorkflowClosure:
    """Validate the workflow with all that it refers to. Raises CompilationFailed."""
    raise CompilationPending


class CompilationPending(Exception):
    pass

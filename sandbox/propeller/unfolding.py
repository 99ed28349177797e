"""Unfolding: from what a dynamic task wrote (futures.pb) to the workflow that its node goes on with.

The compiled workflow is kept beside the attempt's other data and never changes: the event that unfolds the
node carries its URI, and whoever folds the history later reads it again from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flyteidl.admin import launch_plan_pb2, node_execution_pb2, task_pb2
from flyteidl.core import compiler_pb2, dynamic_job_pb2
from google.protobuf import message

from sandbox.compiler import dynamic
from sandbox.compiler.errors import CompilationFailed
from sandbox.idl.identifiers import EntityId
from sandbox.propeller.core import events, graph
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node
from sandbox.propeller.running import Running
from sandbox.store import errors, launch_plans
from sandbox.store import tasks as task_rows
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore

_FAILED = "DynamicWorkflowBuildFailed"


class NotUnfoldable(Exception):
    """What the task wrote is no workflow that can be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A node goes on with a workflow that its task made: the event that says so, and what belongs to it."""

    event: events.AttemptFinished | events.NodePrepared
    graph: graph.ClosureGraph
    description: bytes
    """`admin.DynamicWorkflowNodeMetadata`, for those who look at the node."""


class Unfolder:
    """Compiles what dynamic tasks want to be run."""

    def __init__(self, objects: ObjectStore, database: Database) -> None:
        self._objects = objects
        self._database = database

    def unfold(
        self, running: Running, node: Node, finished: events.AttemptFinished
    ) -> Unfolded | events.AttemptFinished:
        """What comes of an attempt that ended well and wrote futures.pb: a workflow, or a failure.

        The same attempt always gives the same. Raises store.errors.Unavailable when it should be tried again.
        """
        places = running.places.attempt(node, finished.attempt)
        try:
            closure = self._compile(running, node, finished.attempt, self._objects.get(places.futures))
            built = graph.build(closure)
        except (NotUnfoldable, CompilationFailed, graph.BadGraph) as error:
            text = f"the workflow that dynamic task {node.template.id.name} made can't be run: {error}"
            return replace(finished, failure=Failure(_FAILED, text, USER))
        except errors.ObjectNotFound as error:
            text = f"what dynamic task {node.template.id.name} wrote is gone: {error}"
            return replace(finished, failure=Failure(_FAILED, text, SYSTEM))
        self._objects.put(places.compiled_dynamic, closure.SerializeToString(deterministic=True))
        description = node_execution_pb2.DynamicWorkflowNodeMetadata(
            id=closure.primary.template.id, compiled_workflow=closure, dynamic_job_spec_uri=places.futures
        )
        event = replace(finished, unfolds=places.compiled_dynamic)
        return Unfolded(event, built, description.SerializeToString())

    def _compile(
        self, running: Running, node: Node, attempt: int, data: bytes
    ) -> compiler_pb2.CompiledWorkflowClosure:
        try:
            spec = dynamic_job_pb2.DynamicJobSpec.FromString(data)
        except message.DecodeError as error:
            raise NotUnfoldable(f"futures.pb holds no DynamicJobSpec: {error}") from error
        parent = node.template
        template = dynamic.workflow(spec, parent, node.spec.node_id, running.key(node, attempt))
        tasks = dynamic.tasks(spec, parent)
        wanted = dynamic.required(spec, template)
        others, plans = self._registered(wanted.tasks - tasks.keys(), wanted.launch_plans)
        return dynamic.compile(spec, template, {**others, **tasks}, plans)

    def _registered(
        self, tasks: frozenset[EntityId], plans: frozenset[EntityId]
    ) -> tuple[dict[EntityId, compiler_pb2.CompiledTask], dict[EntityId, launch_plan_pb2.LaunchPlanClosure]]:
        """What the workflow refers to without bringing it along; what isn't there the compiler misses."""
        if not tasks and not plans:
            return {}, {}
        with self._database.reading() as connection:
            found_tasks = task_rows.get_many(connection, tasks)
            found_plans = launch_plans.get_many(connection, plans)
        compiled = task_pb2.TaskClosure.FromString
        expected = launch_plan_pb2.LaunchPlanClosure.FromString
        return (
            {entity: compiled(row.closure).compiled_task for entity, row in found_tasks.items()},
            {entity: expected(row.closure) for entity, row in found_plans.items()},
        )


def load(objects: ObjectStore, uri: str) -> graph.ClosureGraph:
    """The workflow that an attempt made, as it was compiled then. Raises BadGraph, store errors."""
    try:
        closure = compiler_pb2.CompiledWorkflowClosure.FromString(objects.get(uri))
    except message.DecodeError as error:
        raise graph.BadGraph(f"{uri} holds no compiled workflow: {error}") from error
    return graph.build(closure)

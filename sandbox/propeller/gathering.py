"""Gathering: the outputs of an array's elements become the array's, a list for each variable.

An element that failed has None in its place. What each element gives is declared by the task, or, where a
launch plan is mapped, by the launch plan as it is registered.
"""

from __future__ import annotations

from flyteidl.admin import launch_plan_pb2
from flyteidl.core import literals_pb2, types_pb2

from sandbox.idl import literals
from sandbox.idl.identifiers import EntityId
from sandbox.propeller import clock, offloading
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node
from sandbox.propeller.elements import elements_of
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.running import Running
from sandbox.propeller.settings import OffloadingSettings
from sandbox.store import errors, launch_plans
from sandbox.store.database import Database

_INLINE = 50
"""Of how many elements at most the outputs are put together on the core thread."""

ListTypes = dict[str, types_pb2.LiteralType]


class Gatherer:
    """Answers GatherElements."""

    def __init__(self, literal_store: LiteralStore, database: Database, settings: OffloadingSettings) -> None:
        self._literals = literal_store
        self._database = database
        self._settings = settings

    def takes_long(self, node: Node) -> bool:
        """Whether it is not to be done on the core thread."""
        return node.spec.task is None or (node.elements is not None and node.elements.size > _INLINE)

    def gather(self, running: Running, node: Node) -> events.ElementsGathered:
        """Write the array's outputs. Raises store.errors.Unavailable when it should be tried again."""
        kinds = self._list_types(node)
        try:
            together = self._together(running, node, kinds)
            prefix = running.places.attempt(node, node.attempt.number).prefix
            outputs = offloading.offloaded(self._literals, self._settings, together, prefix, kinds)
        except (errors.ObjectNotFound, UnreadableLiterals) as error:
            message = f"an output of the array node {node.spec.node_id} can't be read: {error}"
            return _failed(node, Failure("OutputsNotFound", message, SYSTEM))
        except offloading.LiteralTooLarge as error:
            message = f"array node {node.spec.node_id}: {error}"
            return _failed(node, Failure("OutputSizeExceeded", message, USER))
        self._literals.put(running.places.outputs(node), outputs)
        return events.ElementsGathered(clock.now(), node.number, outputs=bool(kinds))

    def _together(self, running: Running, node: Node, kinds: ListTypes) -> literals_pb2.LiteralMap:
        together = literals_pb2.LiteralMap()
        for name in kinds:
            together.literals[name].collection.SetInParent()
        for element in elements_of(running, node):
            outputs = self._outputs(running, element)
            for name in kinds:
                value = outputs.literals[name] if name in outputs.literals else literals.none()
                together.literals[name].collection.literals.append(value)
        return together

    def _outputs(self, running: Running, element: Node) -> literals_pb2.LiteralMap:
        if not element.has_succeeded or not element.outputs:
            return literals_pb2.LiteralMap()
        return self._literals.get(running.places.outputs(element))

    def _list_types(self, node: Node) -> ListTypes:
        """The types of an array's outputs. Its task declares the lists, or (one of its own) their items, as
        a launch plan does.
        """
        declared = self._declared(node)
        declares_items = node.spec.proto.array_node.is_original_sub_node_interface.value
        return {
            name: types_pb2.LiteralType(collection_type=kind) if declares_items else kind
            for name, kind in declared.items()
        }

    def _declared(self, node: Node) -> ListTypes:
        if node.spec.task is not None:
            variables = node.spec.task.interface.outputs.variables
            return {name: variable.type for name, variable in variables.items()}
        plan = EntityId.from_proto(node.spec.proto.array_node.node.workflow_node.launchplan_ref)
        with self._database.reading() as connection:
            closure = launch_plans.get(connection, plan).closure
        expected = launch_plan_pb2.LaunchPlanClosure.FromString(closure).expected_outputs
        return {name: variable.type for name, variable in expected.variables.items()}


def _failed(node: Node, failure: Failure) -> events.ElementsGathered:
    return events.ElementsGathered(clock.now(), node.number, failure)

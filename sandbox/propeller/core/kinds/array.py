"""Array nodes (`map_task`, `array_node`): one task, or one launch plan, over the elements of lists.

The elements are laid out as nodes of their own once the lists' length is known, and begin in order, as many
at a time as the array allows. The array only counts: each element that ends costs the same, however many
there are. It succeeds when enough elements did and none is under way any more; as soon as that can't happen,
it aborts the others and fails, unless it is told to let all run (`run_all_sub_nodes`)
(`flytepropeller/pkg/controller/nodes/array/handler.go`).

People see one task execution, whose external resources are the elements.
"""

from __future__ import annotations

import math
from decimal import Decimal

from flyteidl.core import workflow_pb2

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Attempt, Elements, Node, NodePhase, State
from sandbox.propeller.core.step import Step

FAILING = "ArrayNodeFailing"
_TOLD = 3
"""How many elements' failures the array's own failure tells of."""
_FLOAT_DIGITS = 7


class ArrayKind:
    """A node that runs a task, or launches a plan, for each element of its inputs."""

    takes_slot = True

    def begin(self, step: Step, node: Node) -> None:
        if node.spec.element is not None:
            step.prepare(node)
            return
        message = (
            f"node {node.spec.node_id} maps neither a task nor a launch plan; nothing else can be mapped. "
            "Put it into a launch plan of its own, and map that."
        )
        step.fail(node, Failure("Unimplemented", message, USER))

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        minimum = min_successes(node.spec.proto.array_node, event.size)
        elements = step.lay_out(node, event.size, minimum)
        attempt = Attempt(0, step.at, phase="RUNNING", started_at=step.at)
        node.attempts.append(attempt)
        step.run(node)
        step.record_attempt(node)
        self._go_on(step, node, elements)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        elements = node.elements
        if elements is None or not elements.live:
            self._end_attempt(step, node, "ABORTED")
            return False
        self._abort_elements(step, elements, reason)
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        elements = node.elements
        if elements is None:
            return []
        if elements.gathering:
            return [commands.GatherElements(node.number)]
        return [commands.RecordElement(elements.base)]

    def element_ended(self, step: Step, node: Node, element: Node) -> None:
        """Count an element that ended, and go on."""
        elements = node.elements
        if elements is None or node.phase.is_terminal:
            return
        elements.live.pop(element.number, None)
        if element.has_succeeded:
            elements.succeeded += 1
        elif element.phase in (NodePhase.FAILED, NodePhase.TIMED_OUT):
            elements.failed += 1
            if len(elements.failures) < _TOLD and element.failure is not None:
                elements.failures.append((element.index, element.failure))
        self._note_memory(node, element)
        if node.aborting is None:
            self._go_on(step, node, elements)
        elif not elements.live:
            self._end_attempt(step, node, "ABORTED")
            step.aborted(node)

    def gathered(self, step: Step, node: Node, event: events.ElementsGathered) -> None:
        """The outputs are together."""
        if event.failure is not None:
            self._fail(step, node, event.failure)
            return
        task = node.spec.task
        outputs = event.outputs if task is None else bool(task.interface.outputs.variables)
        node.attempt.outputs = outputs
        self._end_attempt(step, node, "SUCCEEDED")
        step.succeed(node, outputs=outputs)

    def _go_on(self, step: Step, node: Node, elements: Elements) -> None:
        array = node.spec.proto.array_node
        hopeless = elements.size - elements.failed < elements.minimum
        if hopeless and not elements.failing and not array.run_all_sub_nodes:
            elements.failing = True
            self._abort_elements(step, elements, FAILING)
        if not elements.failing:
            self._fill(step, node, elements)
        if elements.live:
            return
        if elements.succeeded < elements.minimum:
            self._fail(step, node, _failure(elements))
        else:
            elements.gathering = True
            step.emit(commands.GatherElements(node.number))

    def _fill(self, step: Step, node: Node, elements: Elements) -> None:
        """Begin elements until the limit is reached."""
        limit = node.spec.proto.array_node.parallelism or elements.size
        while elements.started < elements.size and len(elements.live) < limit:
            number = elements.base + elements.started
            elements.started += 1
            elements.live[number] = None
            step.ready(step.state.nodes[number])

    def _abort_elements(self, step: Step, elements: Elements, reason: str) -> None:
        for number in list(elements.live):
            step.abort(step.state.nodes[number], reason)

    def _fail(self, step: Step, node: Node, failure: Failure) -> None:
        node.attempt.failure = failure
        self._end_attempt(step, node, "FAILED")
        step.fail(node, failure)

    def _end_attempt(self, step: Step, node: Node, phase: str) -> None:
        if not node.attempts or node.attempt.is_terminal:
            return
        node.attempt.phase = phase
        node.attempt.ended_at = step.at
        step.record_attempt(node)

    def _note_memory(self, node: Node, element: Node) -> None:
        """The array used as much memory as the element that used most."""
        if not element.attempts or element.attempt.peak_memory is None:
            return
        node.attempt.peak_memory = max(node.attempt.peak_memory or 0, element.attempt.peak_memory)
        node.attempt.memory_limit = element.attempt.memory_limit


def min_successes(array: workflow_pb2.ArrayNode, size: int) -> int:
    """How many of `size` elements must succeed.

    The ratio travels as a 32-bit float: 0.6 arrives as 0.60000002, and must not ask for one element more.
    """
    match array.WhichOneof("success_criteria"):
        case "min_successes":
            return int(array.min_successes)
        case "min_success_ratio":
            return math.ceil(Decimal(f"{array.min_success_ratio:.{_FLOAT_DIGITS}g}") * size)
        case _:
            return size


def _failure(elements: Elements) -> Failure:
    if not elements.failures:
        message = f"{elements.minimum} elements are to succeed, but there are only {elements.size}"
        return Failure(FAILING, message, USER)
    told = "\n".join(f"[{index}]: {failure.message}" for index, failure in elements.failures)
    more = elements.failed - len(elements.failures)
    if more > 0:
        told += f"\n… and {more} more"
    kinds = {failure.kind for _, failure in elements.failures}
    return Failure(elements.failures[0][1].code, told, SYSTEM if kinds == {SYSTEM} else USER)

"""What the compiler says when it refuses.

    CompilationFailed       a task or workflow; holds every CompileError that was found
    InputsRejected          the inputs of an execution or of a launch plan; holds one line for each

The codes are those of Flyte's compiler (`flytepropeller/pkg/compiler/errors`).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class ErrorCode(enum.StrEnum):
    """What kind of mistake it is."""

    CYCLE_DETECTED = "CycleDetected"
    BRANCH_NODE_ID_NOT_FOUND = "BranchNodeIdNotFound"
    BRANCH_NODE_HAS_NO_CONDITION = "BranchNodeHasNoCondition"
    BRANCH_NODE_HAS_NO_DEFAULT = "BranchNodeHasNoDefault"
    VALUE_REQUIRED = "ValueRequired"
    INVALID_VALUE = "InvalidValue"
    NODE_REFERENCE_NOT_FOUND = "NodeReferenceNotFound"
    TASK_REFERENCE_NOT_FOUND = "TaskReferenceNotFound"
    WORKFLOW_REFERENCE_NOT_FOUND = "WorkflowReferenceNotFound"
    VARIABLE_NAME_NOT_FOUND = "VariableNameNotFound"
    DUPLICATE_ALIAS = "DuplicateAlias"
    DUPLICATE_NODE_ID = "DuplicateId"
    MISMATCHING_TYPES = "MismatchingTypes"
    MISMATCHING_BINDINGS = "MismatchingBindings"
    PARAMETER_BOUND_MORE_THAN_ONCE = "ParameterBoundMoreThanOnce"
    PARAMETER_NOT_BOUND = "ParameterNotBound"
    UNREACHABLE_NODES = "UnreachableNodes"
    UNRECOGNIZED_VALUE = "UnrecognizedValue"
    VALUE_COLLISION = "ValueCollision"
    NO_NODES_FOUND = "NoNodesFound"
    ILLEGAL_ENUM_VALUE = "IllegalEnumValue"
    AMBIGUOUS_BINDING_UNION_VALUE = "AmbiguousBindingUnionValue"
    INCOMPATIBLE_BINDING_UNION_VALUE = "IncompatibleBindingUnionValue"
    NO_CONDITION_FOUND = "NoConditionFound"
    FIELD_NOT_FOUND = "FieldNotFound"


@dataclass(frozen=True, slots=True, order=True)
class CompileError:
    """One mistake, and the node it is at."""

    code: ErrorCode
    node: str
    """The node's id; for what belongs to no node, `start-node`, or the workflow's or task's name."""
    description: str

    def __str__(self) -> str:
        return f"Code: {self.code}, Node Id: {self.node}, Description: {self.description}"


class CompilationFailed(Exception):
    """The task or workflow does not compile."""

    def __init__(self, errors: Sequence[CompileError]) -> None:
        self.errors = tuple(errors)
        lines = "".join(f"\n\tError {number}: {error}" for number, error in enumerate(self.errors))
        super().__init__(f"Collected Errors: {len(self.errors)}{lines}")


class InputsRejected(Exception):
    """Inputs are unknown, missing, of the wrong type, or fixed."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(self.reasons))


class Problems:
    """Collects the mistakes of one compilation, each once, in the order in which they are found."""

    def __init__(self) -> None:
        self._errors: dict[CompileError, None] = {}

    def add(self, code: ErrorCode, node: str, description: str) -> None:
        self._errors.setdefault(CompileError(code, node, description))

    def extend(self, others: Problems, where: str) -> None:
        """Take over the mistakes found elsewhere, saying where: node ids are unique within a workflow
        only."""
        for error in others._errors:
            self.add(error.code, error.node, f"{error.description} ({where})")

    def __len__(self) -> int:
        return len(self._errors)

    def raise_any(self) -> None:
        """Raises CompilationFailed if there is any."""
        if self._errors:
            raise CompilationFailed(list(self._errors))

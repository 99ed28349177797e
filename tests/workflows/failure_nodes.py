"""Workflows with a node that runs when they fail. It notes what it is told about the failure."""

import typing

from flytekit import LaunchPlan, task, workflow
from flytekit.core.workflow import WorkflowFailurePolicy
from flytekit.types.error.error import FlyteError


def _note(journal: str, line: str) -> None:
    with open(journal, "a") as file:
        file.write(line + "\n")


@task
def divide(a: int, b: int) -> float:
    return a / b


@task
def clean_up(b: int, journal: str, err: typing.Optional[FlyteError] = None) -> None:
    if err is None:
        _note(journal, f"clean up {b}: no error")
    else:
        _note(journal, f"clean up {b}: {err.failed_node_id}: {err.message.strip().splitlines()[-1]}")


@task
def clean_up_badly(b: int, journal: str, err: typing.Optional[FlyteError] = None) -> None:
    raise RuntimeError("cleaning up made it worse")


@workflow(on_failure=clean_up)
def cleaned(b: int, journal: str) -> float:
    return divide(a=2, b=divide_whole(a=divide_whole(a=8, b=4), b=b))


@task
def divide_whole(a: int, b: int) -> int:
    return a // b


@workflow(on_failure=clean_up_badly)
def cleaned_badly(b: int, journal: str) -> float:
    return divide(a=1, b=b)


# --- a workflow that cleans up -------------------------------------------------------------------------------


@workflow
def clean_up_twice(b: int, journal: str, err: typing.Optional[FlyteError] = None) -> None:
    clean_up(b=b, journal=journal, err=err)
    clean_up(b=b, journal=journal)


@workflow(on_failure=clean_up_twice)
def cleaned_by_workflow(b: int, journal: str) -> float:
    return divide(a=1, b=b)


# --- inside and outside --------------------------------------------------------------------------------------


@workflow(on_failure=clean_up, failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def cleaned_inside_and_outside(b: int, journal: str) -> float:
    note_start(journal=journal)
    return cleaned(b=b, journal=journal)


@task
def note_start(journal: str) -> None:
    _note(journal, "start")


cleaned_plan = LaunchPlan.get_or_create(cleaned, "failure_nodes.cleaned_plan")


@workflow(on_failure=clean_up)
def cleaned_child(b: int, journal: str) -> float:
    return cleaned_plan(b=b, journal=journal)

"""Who serves which type."""

from __future__ import annotations

from flyteidl.admin import agent_pb2

from sandbox.executors.agent import directory
from sandbox.executors.agent.directory import ANY_VERSION, Offer, Service


def offer(endpoint: str, *types: str, is_up: bool = True) -> Offer:
    return Offer(endpoint, {(name, 0): False for name in types}, is_up=is_up, answered=True)


def test_the_first_endpoint_that_is_up_serves_a_type() -> None:
    down, first, second = offer("a", "job", is_up=False), offer("b", "job"), offer("c", "job")
    assert directory.find([down, first, second], "job", 0) == Service("b", False, True)


def test_an_endpoint_that_is_down_keeps_the_types_that_nobody_else_serves() -> None:
    offers = [offer("a", "job", is_up=False), offer("b", "other")]
    assert directory.find(offers, "job", 0) == Service("a", False, False)
    assert directory.find(offers, "third", 0) is None


def test_categories_count_more_than_the_names_beside_them() -> None:
    new = agent_pb2.Agent(
        supported_task_types=["job"],
        supported_task_categories=[agent_pb2.TaskCategory(name="job", version=2)],
        is_sync=True,
    )
    old = agent_pb2.Agent(supported_task_types=["old-job"])
    assert directory.categories([new, old]) == {("job", 2): True, ("old-job", ANY_VERSION): False}


def test_of_two_agents_for_one_category_the_first_counts() -> None:
    category = agent_pb2.TaskCategory(name="job")
    agents = [
        agent_pb2.Agent(supported_task_categories=[category], is_sync=True),
        agent_pb2.Agent(supported_task_categories=[category]),
    ]
    assert directory.categories(agents) == {("job", 0): True}


def test_what_is_served_is_told_to_people() -> None:
    told = directory.described([offer("a:1", "job", "airflow"), offer("b:2", is_up=False)])
    assert told == "a:1 serves airflow, job; b:2 serves nothing, but does not answer now"
    assert directory.described([]) == "none is configured"

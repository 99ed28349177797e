"""Who may start and who waits, when projects have quotas."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from flyteidl.admin import matchable_resource_pb2
from flyteidl.core import tasks_pb2

from sandbox.propeller import policies, quotas
from sandbox.propeller.admission import Admission, Place, Scope
from sandbox.propeller.quotas import Amount, Quota
from sandbox.store import attributes
from tests.unit.propeller.building import task

HERE, THERE = Scope("flytesnacks", "development"), Scope("other", "development")
ONE = Amount(tasks=Decimal(1))


def place(number: int) -> Place:
    return Place(1, number, 0)


def admission(**found: Quota) -> Admission:
    one = Admission()
    one.set_quotas(lambda scope: found.get(scope.project))
    return one


def test_without_a_quota_nobody_waits() -> None:
    one = admission()
    assert [one.ask(place(number), HERE, ONE, 0) for number in range(100)] == [""] * 100


def test_over_the_quota_an_attempt_waits_and_is_told_why() -> None:
    one = admission(flytesnacks=Quota(tasks=Decimal(2)))
    assert [one.ask(place(number), HERE, ONE, 0) for number in range(2)] == ["", ""]
    reason = one.ask(place(2), HERE, ONE, 0)
    assert reason.startswith("the quota of flytesnacks/development is 2 tasks at once, of which 2 are taken")
    assert one.waits(place(2))
    assert one.release(place(0)) == [place(2)]
    assert not one.waits(place(2))


def test_a_flood_in_one_project_holds_nobody_up_in_another() -> None:
    one = admission(flytesnacks=Quota(tasks=Decimal(1)))
    assert one.ask(place(0), HERE, ONE, 0) == ""
    assert all(one.ask(place(number), HERE, ONE, 0) for number in range(1, 1000))
    assert one.ask(place(1000), THERE, ONE, 5) == ""


def test_the_earliest_deadline_is_first_and_among_equals_the_first_to_come() -> None:
    one = admission(flytesnacks=Quota(tasks=Decimal(1)))
    one.ask(place(0), HERE, ONE, 0)
    for number, deadline in ((1, 30), (2, 10), (3, 20), (4, 10)):
        assert one.ask(place(number), HERE, ONE, deadline)
    order, current = [], 0
    while admitted := one.release(place(current)):
        [(_, current, _)] = admitted
        order.append(current)
    assert order == [2, 4, 3, 1]


def test_small_attempts_do_not_starve_a_large_one_and_what_never_fits_stands_aside() -> None:
    one = admission(flytesnacks=Quota(cpu=Decimal(4)))
    assert one.ask(place(0), HERE, Amount(cpu=Decimal(3)), 0) == ""
    assert "4 CPUs at once, of which 3 are taken and 2 more" in one.ask(
        place(1), HERE, Amount(cpu=Decimal(2)), 1
    )
    assert "come first" in one.ask(place(2), HERE, Amount(cpu=Decimal(1)), 2)
    never = one.ask(place(3), HERE, Amount(cpu=Decimal(5)), 0)
    assert "this attempt alone needs 5" in never
    assert "sandbox quota set" in never
    assert one.release(place(0)) == [place(1), place(2)]
    assert one.waits(place(3))
    assert one.set_quotas(lambda scope: Quota(cpu=Decimal(8))) == [place(3)]


def test_a_quota_that_is_raised_or_removed_lets_the_next_in_at_once() -> None:
    one = admission(flytesnacks=Quota(tasks=Decimal(0)))
    assert all(one.ask(place(number), HERE, ONE, number) for number in range(4))
    assert one.set_quotas(lambda scope: Quota(tasks=Decimal(1))) == [place(0)]
    assert one.set_quotas(lambda scope: None) == [place(1), place(2), place(3)]


def test_a_quota_that_is_set_later_knows_what_runs_already() -> None:
    one = admission()
    one.ask(place(0), HERE, ONE, 0)
    one.hold(place(1), HERE, ONE)
    one.hold(place(1), HERE, ONE)
    one.set_quotas(lambda scope: Quota(tasks=Decimal(2)))
    assert one.ask(place(2), HERE, ONE, 0)
    assert one.release(place(1)) == [place(2)]


def test_one_that_gives_up_waiting_makes_room_for_those_behind_it() -> None:
    one = admission(flytesnacks=Quota(cpu=Decimal(4)))
    one.ask(place(0), HERE, Amount(cpu=Decimal(3)), 0)
    one.ask(place(1), HERE, Amount(cpu=Decimal(4)), 1)
    one.ask(place(2), HERE, Amount(cpu=Decimal(1)), 2)
    assert one.release(place(1)) == [place(2)]
    assert one.release(place(1)) == []


def test_an_execution_that_goes_leaves_all_its_places() -> None:
    one = admission(flytesnacks=Quota(tasks=Decimal(2)))
    for number in range(5):
        one.ask(place(number), HERE, ONE, number)
    assert one.drop([place(0), place(1), place(2)]) == [place(3), place(4)]


@pytest.mark.parametrize("seed", range(20))
def test_no_quota_is_ever_exceeded_and_nobody_is_forgotten(seed: int) -> None:
    chance = random.Random(seed)
    quota = Quota(tasks=Decimal(5), cpu=Decimal(8))
    one = admission(flytesnacks=quota)
    sizes = {number: Amount(Decimal(1), Decimal(chance.randint(0, 8))) for number in range(200)}
    running: list[int] = []
    ended = 0
    waiting = list(sizes)
    while waiting or running:
        if waiting and chance.random() < 0.6:
            number = waiting.pop()
            if not one.ask(place(number), HERE, sizes[number], chance.random()):
                running.append(number)
        elif running:
            number = running.pop(chance.randrange(len(running)))
            ended += 1
            running += [admitted.node for admitted in one.release(place(number))]
        assert quota.exceeded_by(sum((sizes[number] for number in running), Amount())) is None
    assert ended == 200


def cluster(project: str, domain: str = "", **values: str) -> attributes.Attributes:
    matching = matchable_resource_pb2.MatchingAttributes(
        cluster_resource_attributes=matchable_resource_pb2.ClusterResourceAttributes(attributes=values)
    )
    return attributes.Attributes(
        matchable_resource_pb2.CLUSTER_RESOURCE,
        attributes.Scope(project, domain),
        matching.SerializeToString(),
        None,  # type: ignore[arg-type]
    )


def test_quotas_are_read_from_cluster_resource_attributes() -> None:
    found = policies.of_rows(
        [
            cluster("p", projectQuotaCpu="4", projectQuotaMemory="4Gi", other="x"),
            cluster("p", "staging", projectQuotaTasks="3"),
            cluster("q", "staging", other="x"),
        ]
    )
    whole = Quota(cpu=Decimal(4), memory=Decimal(4 * 2**30))
    assert found.quota(Scope("p", "development")) == whole
    assert found.quota(Scope("p", "staging")) == Quota(tasks=Decimal(3))
    assert found.quota(Scope("q", "staging")) is None


def test_an_attempt_takes_what_its_container_or_its_pod_asks_for() -> None:
    template = task(type="python-task")
    entry = tasks_pb2.Resources.ResourceEntry
    template.container.resources.requests.extend(
        [
            entry(name=tasks_pb2.Resources.CPU, value="500m"),
            entry(name=tasks_pb2.Resources.MEMORY, value="1Gi"),
        ]
    )
    assert quotas.taken_by(template) == Amount(Decimal(1), Decimal("0.5"), Decimal(2**30))
    pod = task(type="sidecar")
    pod.k8s_pod.pod_spec.update(
        {
            "containers": [
                {"resources": {"requests": {"cpu": "500m"}}},
                {"resources": {"requests": {"cpu": 2}}},
            ]
        }
    )
    assert quotas.taken_by(pod) == Amount(Decimal(1), Decimal("2.5"))
    assert quotas.taken_by(task()) == Amount(Decimal(1))

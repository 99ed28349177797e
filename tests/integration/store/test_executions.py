"""Executions, their nodes and attempts, signals and attributes in a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import ExecutionId, UniqueNodeId
from sandbox.store import (
    attributes,
    errors,
    executions,
    leases,
    node_executions,
    signals,
    tables,
    task_executions,
)
from sandbox.store.attributes import Scope
from sandbox.store.database import Connection, Database
from sandbox.store.listing import Listing, SortBy
from tests.integration.store import rows


def _names(connection: Connection, filters: str = "", **fields: object) -> list[str]:
    request = Listing(filters=filters, **fields)  # type: ignore[arg-type]
    page = executions.list_page(connection, "flytesnacks", "development", "", request)
    return [execution.execution.name for execution in page.items]


def test_a_created_execution_is_found_with_the_names_of_its_relations(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        plan = rows.add_launch_plan(connection, workflow, "plan")
        task = rows.add_task(connection, "t")
        parent = rows.add_execution(connection, workflow, "parent")
        node = rows.add_node_execution(connection, parent.id, "n0")
        created = rows.add_execution(
            connection,
            workflow,
            "child",
            launch_plan_id=plan.id,
            task_id=task.id,
            source_execution_id=parent.id,
            parent_node_execution_id=node,
            tags=[("team", "red"), ("plain", "")],
            mode=3,
            user="ada",
        )
        found = executions.get(connection, ExecutionId("flytesnacks", "development", "child"))
        assert found == created
        assert executions.get_by_id(connection, created.id) == created
        assert executions.children(connection, node) == [created]
    assert (found.workflow, found.launch_plan, found.task) == (workflow.entity, plan.entity, task.entity)
    assert found.source == parent.execution
    assert found.parent_node == executions.NodeReference(parent.execution, UniqueNodeId("n0"))
    assert sorted(found.tags) == [("plain", ""), ("team", "red")]
    assert (found.phase, found.mode, found.user, found.terminal) == ("UNDEFINED", 3, "ada", False)
    assert (parent.launch_plan, parent.task, parent.source, parent.parent_node, parent.tags) == (
        None,
        None,
        None,
        None,
        (),
    )


def test_creating_announces_the_row_and_a_taken_name_does_not(database: Database) -> None:
    listener = database.listen(executions.CHANNEL)
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        created = rows.add_execution(connection, workflow, "e")
    assert listener.wait(5) == [str(created.id)]
    with (
        pytest.raises(errors.AlreadyExists, match="flytesnacks:development:e"),
        database.transaction() as connection,
    ):
        rows.add_execution(connection, workflow, "e")
    assert listener.wait(0.05) == []
    listener.close()


def test_a_missing_execution_is_named(database: Database) -> None:
    missing = ExecutionId("flytesnacks", "development", "gone")
    with database.transaction() as connection:
        assert executions.find(connection, missing) is None
        with pytest.raises(errors.NotFound, match="flytesnacks:development:gone"):
            executions.get(connection, missing)
        with pytest.raises(errors.NotFound):
            executions.row_id(connection, missing)
        with pytest.raises(errors.NotFound):
            executions.get_by_id(connection, 10**6)
        with pytest.raises(errors.NotFound):
            executions.request_abort(connection, missing, cause="", principal="")
        with pytest.raises(errors.NotFound):
            executions.set_state(connection, missing, 1)


def test_executions_are_filtered_as_flytes_clients_do(database: Database) -> None:
    with database.transaction() as connection:
        one, two = rows.add_workflow(connection, "one"), rows.add_workflow(connection, "two")
        plan = rows.add_launch_plan(connection, two, "plan")
        rows.add_execution(connection, one, "a1", user="ada", tags=[("eager-exec", "x"), ("other", "y")])
        rows.add_execution(connection, two, "b_2", launch_plan_id=plan.id, phase="RUNNING")
        rows.add_execution(connection, two, "b%3", tags=[("eager-exec", "y")])
        assert _names(connection) == ["a1", "b_2", "b%3"]
        assert _names(connection, "eq(workflow.name,two)") == ["b_2", "b%3"]
        assert _names(connection, "eq(launch_plan.name,plan)") == ["b_2"]
        assert _names(connection, "value_in(phase,RUNNING;QUEUED)") == ["b_2"]
        assert _names(connection, "value_not_in(phase,RUNNING;QUEUED)") == ["a1", "b%3"]
        assert _names(connection, "ne(execution.user,ada)+eq(execution_domain,development)") == ["b_2", "b%3"]
        assert _names(connection, "eq(name,a1)") == ["a1"]
        assert _names(connection, "contains(name,_)") == ["b_2"]
        assert _names(connection, "contains(name,%)") == ["b%3"]
        assert _names(connection, "not_like(name,a%)") == ["b_2", "b%3"]
        tagged = "value_in(execution_tag.key,eager-exec)+value_in(execution_tag.value,y)"
        assert _names(connection, tagged) == ["b%3"]
        assert _names(connection, "eq(admin_tag.name,other)") == ["a1"]


@pytest.mark.parametrize("field", ["created_at", "CreatedAt", "execution_created_at", "execution.created_at"])
def test_times_are_compared_as_times_in_every_spelling(database: Database, field: str) -> None:
    with database.transaction() as connection:
        rows.add_execution(connection, rows.add_workflow(connection, "w"), "e")
        now = datetime.now(UTC)
        before, after = now - timedelta(hours=1), now + timedelta(hours=1)
        assert _names(connection, f"gt({field},{before.isoformat()})+lt({field},{after.isoformat()})") == [
            "e"
        ]
        assert _names(connection, f"gt({field},{after:%Y-%m-%dT%H:%M:%S.%f}000Z)") == []


def test_durations_are_seconds_or_gos_form(database: Database) -> None:
    with database.transaction() as connection:
        execution = rows.add_execution(connection, rows.add_workflow(connection, "w"), "e")
        update = tables.executions.update().where(tables.executions.c.id == execution.id)
        connection.execute(update.values(duration=90.5))
        assert _names(connection, "gt(duration,90)") == ["e"]
        assert _names(connection, "gte(duration,1m30.5s)") == ["e"]
        assert _names(connection, "gt(duration,1h)") == []


def test_executions_are_sorted_and_ties_keep_an_order(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        for name in ("b", "a", "c"):
            rows.add_execution(connection, workflow, name)
        assert _names(connection, sort=SortBy("name", descending=False)) == ["a", "b", "c"]
        assert _names(connection, sort=SortBy("created_at")) == ["c", "a", "b"]
        assert _names(connection, sort=SortBy("phase")) == ["c", "a", "b"]
        assert _names(connection, sort=SortBy("started_at", descending=False)) == ["b", "a", "c"]
        with pytest.raises(errors.SortError, match="started_at"):
            _names(connection, sort=SortBy("colour"))


def test_an_abort_is_wished_once_and_never_of_an_ended_execution(database: Database) -> None:
    with database.transaction() as connection:
        execution = rows.add_execution(connection, rows.add_workflow(connection, "w"), "e")
    listener = database.listen(executions.CHANNEL)
    with database.transaction() as connection:
        assert executions.request_abort(connection, execution.execution, cause="first", principal="ada")
        assert executions.request_abort(connection, execution.execution, cause="second", principal="bob")
        aborting = executions.get(connection, execution.execution)
    assert listener.wait(5) == [str(execution.id)]
    assert (aborting.phase, aborting.abort_cause, aborting.abort_principal) == ("ABORTING", "first", "ada")
    assert aborting.abort_requested_at is not None
    with database.transaction() as connection:
        ended = tables.executions.update().where(tables.executions.c.id == execution.id)
        connection.execute(ended.values(phase="ABORTED", terminal=True))
        assert not executions.request_abort(connection, execution.execution, cause="late", principal="x")
        assert executions.get(connection, execution.execution).phase == "ABORTED"
    assert listener.wait(0.05) == []
    listener.close()


def test_archiving_and_counting(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        plan = rows.add_launch_plan(connection, workflow)
        for name in ("a", "b", "c"):
            rows.add_execution(connection, workflow, name, launch_plan_id=plan.id)
        archived = executions.set_state(connection, ExecutionId("flytesnacks", "development", "a"), 1)
        assert archived.state == executions.ARCHIVED
        assert _names(connection, "eq(state,0)") == ["b", "c"]
        assert executions.count_by_phase(connection, "flytesnacks", "development") == {"UNDEFINED": 2}
        assert executions.running_of_launch_plan(connection, plan.id) == 3


def test_nodes_are_listed_by_level(database: Database) -> None:
    with database.transaction() as connection:
        execution = rows.add_execution(connection, rows.add_workflow(connection, "w"), "e")
        parent = rows.add_node_execution(connection, execution.id, "n0")
        rows.add_node_execution(connection, execution.id, "n1", phase="RUNNING")
        rows.add_node_execution(connection, execution.id, "n0-0-n0", parent_id=parent)

        def nodes(filters: str = "", **options: object) -> list[str]:
            request = Listing(filters=filters, sort=SortBy("created_at", descending=False))
            page = node_executions.list_page(connection, execution.execution, request, **options)  # type: ignore[arg-type]
            return [node.node for node in page.items]

        assert nodes() == ["n0", "n1"]
        assert nodes(parent=UniqueNodeId("n0")) == ["n0-0-n0"]
        assert nodes(all_levels=True) == ["n0", "n1", "n0-0-n0"]
        assert nodes("eq(phase,RUNNING)") == ["n1"]
        assert nodes("eq(execution.name,e)+gt(duration,1)+ne(node_id,n0)") == ["n1"]
        child = node_executions.children(connection, parent)[0]
        assert (child.parent_node, child.execution, child.duration) == ("n0", execution.execution, 1.5)
        assert node_executions.get(connection, execution.execution, child.node) == child
        with pytest.raises(errors.NotFound, match="n7"):
            nodes(parent=UniqueNodeId("n7"))
        with pytest.raises(errors.NotFound):
            node_executions.list_page(connection, ExecutionId("flytesnacks", "d", "x"), Listing())


def test_attempts_are_listed_in_order_with_their_task(database: Database) -> None:
    with database.transaction() as connection:
        execution = rows.add_execution(connection, rows.add_workflow(connection, "w"), "e")
        node = rows.add_node_execution(connection, execution.id, "n0")
        task = rows.entity(identifier_pb2.TASK, "unregistered")
        for attempt in (1, 0):
            rows.add_task_execution(connection, node, attempt, task)
        page = task_executions.list_page(connection, execution.execution, UniqueNodeId("n0"), Listing())
        assert [each.retry_attempt for each in page.items] == [0, 1]
        assert page.items[0].task == task
        assert page.items[0].execution == execution.execution
        assert not page.items[0].is_parent
        assert task_executions.attempts(connection, node) == list(page.items)
        assert len(task_executions.of_execution(connection, execution.id)) == 2
        rows.add_node_execution(connection, execution.id, "n0-0-n0", parent_id=node)
        one = task_executions.get(connection, execution.execution, UniqueNodeId("n0"), 1)
        assert one.is_parent
        with pytest.raises(errors.NotFound, match="attempt 7"):
            task_executions.get(connection, execution.execution, UniqueNodeId("n0"), 7)


def test_a_signal_is_given_once(database: Database) -> None:
    with database.transaction() as connection:
        execution = rows.add_execution(connection, rows.add_workflow(connection, "w"), "e").execution
        with pytest.raises(errors.NotFound, match="go"):
            signals.set_value(connection, execution, "go", b"v")
        made = signals.get_or_create(connection, execution, "go", b"type")
        assert signals.get_or_create(connection, execution, "go", b"other") == made
        assert made.value is None
        assert signals.set_value(connection, execution, "go", b"v").value == b"v"
        assert signals.set_value(connection, execution, "go", b"v").value == b"v"
        assert signals.set_value(connection, execution, "go", b"w").value == b"w"
        page = signals.list_page(connection, execution, Listing(filters="eq(signal_id,go)"))
        assert [signal.signal_id for signal in page.items] == ["go"]


def test_the_most_specific_attributes_hold(database: Database) -> None:
    scopes = {
        b"domain": Scope("", "development"),
        b"project": Scope("flytesnacks"),
        b"project-domain": Scope("flytesnacks", "development"),
        b"workflow": Scope("flytesnacks", "development", "w"),
        b"plan": Scope("flytesnacks", "development", "w", "lp"),
    }
    wanted = Scope("flytesnacks", "development", "w", "lp")
    with database.transaction() as connection:
        assert attributes.most_specific(connection, 1, wanted) is None
        for value, scope in scopes.items():
            attributes.put(connection, 1, scope, value)
            found = attributes.most_specific(connection, 1, wanted)
            assert found is not None
            assert found.attributes == value
        other = attributes.most_specific(connection, 1, Scope("flytesnacks", "production", "v"))
        assert other is not None
        assert other.attributes == b"project"
        assert len(attributes.list_all(connection, 1)) == 5
        assert attributes.list_all(connection, 2) == []
        assert attributes.delete(connection, 1, wanted)
        assert not attributes.delete(connection, 1, wanted)
        assert attributes.find(connection, 1, wanted) is None
        attributes.put(connection, 1, scopes[b"project"], b"new")
        replaced = attributes.find(connection, 1, scopes[b"project"])
        assert replaced is not None
        assert replaced.attributes == b"new"


def test_the_most_urgent_executions_are_claimed_first_and_equals_as_they_came(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        for name, priority in (("low", -30), ("usual", -10), ("as-usual", -10), ("high", -1)):
            rows.add_execution(connection, workflow, name, priority=priority)

    def claim(limit: int) -> list[str]:
        with database.reading() as connection:
            claimed = leases.claim(connection, "me", seconds=30, held=held, limit=limit)
        held.extend(leased.id for leased in claimed)
        return [leased.execution.name for leased in claimed]

    held: list[int] = []
    assert claim(2) == ["high", "usual"]
    assert claim(2) == ["as-usual", "low"]


def test_attributes_are_announced_when_they_change(database: Database) -> None:
    listener = database.listen(executions.CHANNEL)
    with database.transaction() as connection:
        attributes.put(connection, 1, Scope("flytesnacks"), b"")
    assert listener.wait(5) == [attributes.NEWS]
    with database.transaction() as connection:
        assert attributes.delete(connection, 1, Scope("flytesnacks"))
    assert listener.wait(5) == [attributes.NEWS]
    listener.close()

"""Projects, tasks, workflows, launch plans and named entities in a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flyteidl.core import identifier_pb2

from sandbox.store import (
    description_entities,
    errors,
    launch_plans,
    named_entities,
    projects,
    tasks,
    workflows,
)
from sandbox.store.database import Database
from sandbox.store.listing import Listing, SortBy
from sandbox.store.registered import EntityName
from tests.integration.store import rows


def test_a_fresh_sandbox_has_its_two_projects(database: Database) -> None:
    with database.transaction() as connection:
        page = projects.list_page(connection, Listing())
    assert [project.identifier for project in page.items] == ["flyteexamples", "flytesnacks"]


def test_seeding_again_keeps_what_was_changed(database: Database) -> None:
    with database.transaction() as connection:
        projects.update(connection, "flytesnacks", description="mine")
        projects.seed(connection)
        assert projects.get(connection, "flytesnacks").description == "mine"


def test_a_project_is_created_once_and_found(database: Database) -> None:
    with database.transaction() as connection:
        created = projects.create(connection, "school", description="for lessons", labels=b"l")
        assert created.name == "school"
        assert projects.get(connection, "school") == created
        with pytest.raises(errors.AlreadyExists, match="school"):
            projects.create(connection, "school")
        with pytest.raises(errors.NotFound, match="sandbox create project"):
            projects.get(connection, "nowhere")
        with pytest.raises(errors.NotFound):
            projects.update(connection, "nowhere", name="x")


def test_archived_projects_are_listed_only_when_asked_for(database: Database) -> None:
    with database.transaction() as connection:
        projects.create(connection, "old")
        projects.update(connection, "old", state=1)
        visible = projects.list_page(connection, Listing())
        archived = projects.list_page(connection, Listing(filters="eq(state,1)"))
        by_name = projects.list_page(
            connection, Listing(filters="value_in(project.state,0;1)+contains(name,ol)")
        )
    assert "old" not in [project.identifier for project in visible.items]
    assert [project.identifier for project in archived.items] == ["old"]
    assert [project.identifier for project in by_name.items] == ["old"]


def test_a_version_is_registered_once(database: Database) -> None:
    with database.transaction() as connection:
        created = rows.add_task(connection, "a.task")
        assert tasks.get(connection, created.entity) == created
        with pytest.raises(errors.AlreadyExists, match=r"flytesnacks:development:a\.task:v1"):
            rows.add_task(connection, "a.task")
        with pytest.raises(errors.NotFound, match="v2"):
            tasks.get(connection, rows.entity(identifier_pb2.TASK, "a.task", "v2"))


def test_an_unknown_project_is_named(database: Database) -> None:
    stranger = identifier_pb2.Identifier(project="nowhere", domain="d", name="n", version="v")
    entity = rows.EntityId.from_proto(stranger)
    entity = rows.EntityId(identifier_pb2.TASK, entity.project, entity.domain, entity.name, entity.version)
    with pytest.raises(errors.NotFound, match="nowhere"), database.transaction() as connection:
        tasks.create(connection, entity, digest=b"", closure=b"", type="t")


def test_many_versions_are_fetched_at_once_and_missing_ones_left_out(database: Database) -> None:
    with database.transaction() as connection:
        first, second = rows.add_task(connection, "one"), rows.add_task(connection, "two")
        missing = rows.entity(identifier_pb2.TASK, "three")
        found = tasks.get_many(connection, frozenset({first.entity, second.entity, missing}))
        assert found == {first.entity: first, second.entity: second}
        assert tasks.get_many(connection, frozenset()) == {}
        workflow = rows.add_workflow(connection, "flow")
        plan = rows.add_launch_plan(connection, workflow)
        assert launch_plans.get_many(connection, frozenset({plan.entity})) == {plan.entity: plan}


def test_pages_go_on_where_the_last_one_ended(database: Database) -> None:
    with database.transaction() as connection:
        for number in range(5):
            rows.add_task(connection, "t", f"v{number}")
        seen: list[str] = []
        token, pages = "", 0
        while True:
            request = Listing(limit=2, token=token, sort=SortBy("created_at"))
            page = tasks.list_page(connection, "flytesnacks", "development", "t", request)
            seen += [task.entity.version for task in page.items]
            token, pages = page.token, pages + 1
            if not token:
                break
    assert seen == ["v4", "v3", "v2", "v1", "v0"]
    assert pages == 3


def test_a_full_last_page_has_no_token(database: Database) -> None:
    with database.transaction() as connection:
        for number in range(2):
            rows.add_task(connection, "t", f"v{number}")
        page = tasks.list_page(connection, "flytesnacks", "", "", Listing(limit=2))
    assert [task.entity.version for task in page.items] == ["v0", "v1"]
    assert page.token == ""


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "٣", "99999999999"])
def test_a_foreign_token_is_refused(database: Database, token: str) -> None:
    with pytest.raises(errors.TokenError), database.transaction() as connection:
        tasks.list_page(connection, "flytesnacks", "", "", Listing(token=token))


def test_a_limit_of_nothing_is_refused(database: Database) -> None:
    with pytest.raises(errors.InvalidRequest, match="limit"), database.transaction() as connection:
        tasks.list_page(connection, "flytesnacks", "", "", Listing(limit=0))


def test_names_are_listed_once_each_and_in_order(database: Database) -> None:
    with database.transaction() as connection:
        for name in ("b", "a"):
            for version in ("v1", "v2"):
                rows.add_workflow(connection, name, version)
        page = workflows.list_names(connection, "flytesnacks", "development", Listing(limit=1))
        rest = workflows.list_names(connection, "flytesnacks", "development", Listing(token=page.token))
        by_name = Listing(sort=SortBy("name"))
        backwards = workflows.list_names(connection, "flytesnacks", "development", by_name)
    assert page.items + rest.items == (
        EntityName("flytesnacks", "development", "a"),
        EntityName("flytesnacks", "development", "b"),
    )
    assert [name.name for name in backwards.items] == ["b", "a"]


def test_lists_of_workflows_leave_the_closures_out(database: Database) -> None:
    with database.transaction() as connection:
        created = rows.add_workflow(connection, "w")
        listed = workflows.list_page(connection, "flytesnacks", "development", "w", Listing()).items[0]
    assert created.closure == b"c"
    assert listed.closure == b""
    assert isinstance(listed.closure, bytes)
    assert listed.entity == created.entity


def test_one_version_of_a_launch_plan_is_active(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        first = rows.add_launch_plan(connection, workflow)
        second = rows.add_launch_plan(connection, workflow, version="v2")
        name = ("flytesnacks", "development", "w")
        with pytest.raises(errors.NotFound, match="active"):
            launch_plans.get_active(connection, *name)
        assert launch_plans.activate(connection, first.entity).state == launch_plans.ACTIVE
        assert launch_plans.activate(connection, second.entity).state == launch_plans.ACTIVE
        assert launch_plans.get_active(connection, *name).entity == second.entity
        assert launch_plans.get(connection, first.entity).state == launch_plans.INACTIVE
        active = launch_plans.list_active(connection, "flytesnacks", "development", Listing())
        assert [plan.entity for plan in active.items] == [second.entity]
        launch_plans.deactivate(connection, second.entity)
        with pytest.raises(errors.NotFound):
            launch_plans.get_active(connection, *name)


def test_activations_at_once_leave_exactly_one_active(database: Database) -> None:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "w")
        plans = [rows.add_launch_plan(connection, workflow, version=f"v{n}") for n in range(4)]

    def activate(plan: launch_plans.LaunchPlan) -> None:
        with database.transaction() as connection:
            launch_plans.activate(connection, plan.entity)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(activate, plans * 3))
    with database.transaction() as connection:
        page = launch_plans.list_active(connection, "flytesnacks", "development", Listing())
    assert len(page.items) == 1


def test_launch_plans_are_filtered_by_their_workflow(database: Database) -> None:
    with database.transaction() as connection:
        for name in ("one", "two"):
            rows.add_launch_plan(connection, rows.add_workflow(connection, name), f"plan.{name}")
        request = Listing(filters="eq(workflow.name,two)+eq(state,0)")
        page = launch_plans.list_page(connection, "flytesnacks", "development", "", request)
    assert [plan.entity.name for plan in page.items] == ["plan.two"]


def test_a_named_entity_exists_with_its_first_version_and_remembers_what_is_said(database: Database) -> None:
    name = EntityName("flytesnacks", "development", "w")
    with database.transaction() as connection:
        with pytest.raises(errors.NotFound, match="workflow named"):
            named_entities.update(connection, identifier_pb2.WORKFLOW, name, description="x")
        rows.add_workflow(connection, "w")
        fresh = named_entities.get(connection, identifier_pb2.WORKFLOW, name)
        assert (fresh.description, fresh.state) == ("", named_entities.ACTIVE)
        named_entities.update(connection, identifier_pb2.WORKFLOW, name, description="mine")
        changed = named_entities.update(
            connection, identifier_pb2.WORKFLOW, name, state=named_entities.ARCHIVED
        )
        assert (changed.description, changed.state) == ("mine", named_entities.ARCHIVED)
        with pytest.raises(errors.NotFound):
            named_entities.get(connection, identifier_pb2.TASK, name)
        with pytest.raises(errors.InvalidRequest):
            named_entities.get(connection, identifier_pb2.DATASET, name)


def test_generated_entities_are_hidden_unless_asked_for(database: Database) -> None:
    generated = EntityName("flytesnacks", "development", ".flytegen.t")
    with database.transaction() as connection:
        for name in ("b", "a", ".flytegen.t"):
            rows.add_workflow(connection, name)
        named_entities.update(
            connection, identifier_pb2.WORKFLOW, generated, state=named_entities.SYSTEM_GENERATED
        )

        def names(filters: str = "") -> list[str]:
            request = Listing(filters=filters)
            page = named_entities.list_page(
                connection, identifier_pb2.WORKFLOW, "flytesnacks", "development", request
            )
            return [entity.name.name for entity in page.items]

        assert names() == ["a", "b"]
        assert names("contains(name,t)") == []
        assert names("eq(state,2)") == [".flytegen.t"]
        assert names("value_in(named_entity_metadata.state,0;2)") == [".flytegen.t", "a", "b"]
        assert names("eq(entities.name,a)") == ["a"]


def test_descriptions_are_kept_and_replaced(database: Database) -> None:
    entity = rows.entity(identifier_pb2.WORKFLOW, "w")
    with database.transaction() as connection:
        with pytest.raises(errors.NotFound):
            description_entities.get(connection, entity)
        description_entities.put(connection, entity, b"one")
        description_entities.put(connection, entity, b"two")
        assert description_entities.get(connection, entity).description == b"two"
        page = description_entities.list_page(
            connection, identifier_pb2.WORKFLOW, "flytesnacks", "development", "w", Listing()
        )
    assert [each.entity for each in page.items] == [entity]

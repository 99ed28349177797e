"""Namespaces of projects and domains, kept in a real cluster as a real admin says."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flyteidl.admin import matchable_resource_pb2, project_domain_attributes_pb2, project_pb2

from sandbox.appliance import assets
from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.secret_store import KubernetesSecretStore
from sandbox.executors.kubernetes.shared_secrets import SharedSecrets
from sandbox.executors.secrets import SecretName
from sandbox.store.database import Database
from sandbox.store.objects import DirectoryObjectStore
from sandbox.syncresources.admin import Admin, AdminUnavailable
from sandbox.syncresources.applying import MANAGED_BY, MANAGER, UnknownKind
from sandbox.syncresources.sync import Sync, SyncSettings
from sandbox.syncresources.variables import Defaults
from tests.integration.admin import conftest as admins
from tests.waiting import eventually

_DEFAULTS = {
    "serviceAccount": "default",
    "projectQuotaCpu": "2",
    "projectQuotaMemory": "1Gi",
    "projectQuotaTasks": "",
    "defaultRequestCpu": "100m",
    "defaultRequestMemory": "64Mi",
    "defaultLimitCpu": "1",
    "defaultLimitMemory": "128Mi",
}


class World:
    """An admin, a sync beside it, and the namespaces that come of its projects."""

    def __init__(self, client: Client, admin: admins.Admin, templates: Path) -> None:
        self.client = client
        self.admin = admin
        self.prefix = f"r-{uuid.uuid4().hex[:6]}"
        self.control = f"{self.prefix}-control"
        self.time = 0.0
        self.asked = Admin(admin.target)
        self.settings = SyncSettings(
            templates=templates,
            control_namespace=self.control,
            defaults=Defaults(self.prefix + "-{project}-{domain}", _DEFAULTS),
            every=0.2,
        )
        self.sync = Sync(self.settings, self.asked, client, clock=lambda: self.time)

    def register(self, project: str) -> None:
        request = project_pb2.ProjectRegisterRequest(project=project_pb2.Project(id=project, name=project))
        self.admin.admin.RegisterProject(request)

    def set_attributes(self, project: str, domain: str, **values: str) -> None:
        request = project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest()
        request.attributes.project, request.attributes.domain = project, domain
        chosen = request.attributes.matching_attributes.cluster_resource_attributes
        chosen.attributes.update(values)
        self.admin.admin.UpdateProjectDomainAttributes(request)

    def unset_attributes(self, project: str, domain: str) -> None:
        self.admin.admin.DeleteProjectDomainAttributes(
            project_domain_attributes_pb2.ProjectDomainAttributesDeleteRequest(
                project=project, domain=domain, resource_type=matchable_resource_pb2.CLUSTER_RESOURCE
            )
        )

    def namespaces(self) -> set[str]:
        selector = {"labelSelector": f"{MANAGED_BY}={MANAGER}"}
        items = self.client.get("/api/v1/namespaces", selector)["items"]
        names = {item["metadata"]["name"] for item in items if item["status"]["phase"] == "Active"}
        return {name.removeprefix(f"{self.prefix}-") for name in names if name.startswith(self.prefix)}

    def path(self, place: str, rest: str = "") -> str:
        return f"/api/v1/namespaces/{self.prefix}-{place}{rest}"

    def quota(self, place: str) -> dict[str, str]:
        found = self.client.get(self.path(place, "/resourcequotas/project-quota"))
        return dict(found["spec"]["hard"])

    def close(self) -> None:
        self.sync.stop()
        self.asked.close()
        for place in self.namespaces():
            self.client.delete(self.path(place))


@pytest.fixture
def admin(database: Database, tmp_path: Path) -> Iterator[admins.Admin]:
    objects = DirectoryObjectStore(tmp_path / "objects")
    yield from admins.serve(admins.AdminContext(database, objects, admins.presigner(), admins.SETTINGS))


@pytest.fixture
def world(client: Client, admin: admins.Admin) -> Iterator[World]:
    made = World(client, admin, assets.manifests() / "cluster-resources")
    yield made
    made.close()


def test_each_project_and_domain_gets_what_the_templates_say(world: World) -> None:
    assert world.sync.turn() == 6
    domains = ("development", "staging", "production")
    projects = ("flytesnacks", "flyteexamples")
    assert world.namespaces() == {f"{project}-{domain}" for project in projects for domain in domains}
    assert set(world.quota("flytesnacks-development")) == {"limits.cpu", "limits.memory"}
    limits = world.client.get(world.path("flytesnacks-development", "/limitranges"))["items"]
    assert limits[0]["spec"]["limits"][0]["defaultRequest"] == {"cpu": "100m", "memory": "64Mi"}
    assert world.sync.turn() == 0, "what is as it should be was written again"


def test_a_new_project_has_its_namespaces_at_once(world: World) -> None:
    world.sync.start()
    eventually(lambda: len(world.namespaces()) == 6, 30, interval=0.2)
    world.register("fresh")
    eventually(lambda: {"fresh-development", "fresh-production"} <= world.namespaces(), 5, interval=0.1)


def test_attributes_change_the_quota_of_their_domain_only(world: World) -> None:
    world.sync.turn()
    world.set_attributes("flytesnacks", "production", projectQuotaCpu="7", projectQuotaTasks="3")
    assert world.sync.turn() == 1
    assert world.quota("flytesnacks-production") == {"limits.cpu": "7", "limits.memory": "1Gi", "pods": "3"}
    assert world.quota("flytesnacks-development")["limits.cpu"] == "2"
    world.unset_attributes("flytesnacks", "production")
    assert world.sync.turn() == 1
    assert world.quota("flytesnacks-production") == {"limits.cpu": "2", "limits.memory": "1Gi"}


def test_what_others_change_is_mended_and_what_they_add_stays(world: World) -> None:
    world.sync.turn()
    place = "flytesnacks-staging"
    changed = {"metadata": {"labels": {"mine": "yes"}}, "spec": {"hard": {"limits.cpu": "99", "pods": "5"}}}
    world.client.patch(world.path(place, "/resourcequotas/project-quota"), changed)
    world.time += 59
    assert world.sync.turn() == 0
    world.time += 1
    assert world.sync.turn() == 6
    assert world.quota(place) == {"limits.cpu": "2", "limits.memory": "1Gi", "pods": "5"}
    world.client.delete(world.path(place))
    # While a namespace goes, nothing can be written there; the others must not wait for that.
    eventually(lambda: _turned(world) and place in world.namespaces(), 60, interval=0.5)
    assert world.quota(place)["limits.cpu"] == "2"


def _turned(world: World) -> bool:
    try:
        world.sync.turn()
    except errors.KubernetesError:
        return False
    return True


def test_a_new_namespace_gets_the_secrets_that_all_projects_have(client: Client, world: World) -> None:
    client.create("/api/v1/namespaces", {"metadata": {"name": world.control}})
    try:
        shared = SharedSecrets(client, world.control)
        assert world.sync.turn() == 6
        shared.put(SecretName("db", "password"), b"sesame")
        shared.put(SecretName("My Group", "user name"), b"me")
        world.register("fresh")
        assert world.sync.turn() == 3
        given = KubernetesSecretStore(client, f"{world.prefix}-fresh-staging")
        assert (
            given.names()
            == shared.names()
            == [SecretName("My Group", "user name"), SecretName("db", "password")]
        )
        found = client.get(world.path("fresh-staging", "/secrets/db"))
        assert base64.b64decode(found["data"]["password"]) == b"sesame"
        assert given.delete(SecretName("db", "password"))
        world.time += 60
        assert world.sync.turn() == 9, "everything is written again"
        assert given.names() == [SecretName("My Group", "user name")], "what is somebody's own was changed"
        assert KubernetesSecretStore(client, f"{world.prefix}-flytesnacks-staging").names() == []
    finally:
        client.delete(f"/api/v1/namespaces/{world.control}")


def test_a_namespace_that_was_there_before_is_used_and_kept(world: World) -> None:
    path = world.path("flytesnacks-development")
    world.client.create(
        "/api/v1/namespaces", {"metadata": {"name": path.rpartition("/")[2], "labels": {"a": "b"}}}
    )
    world.sync.turn()
    assert world.client.get(path)["metadata"]["labels"]["a"] == "b"
    assert world.quota("flytesnacks-development")["limits.cpu"] == "2"


def test_no_project_lays_hands_on_the_clusters_own_namespaces(
    client: Client, admin: admins.Admin, world: World
) -> None:
    before = client.get("/api/v1/namespaces/kube-system/resourcequotas")["items"]
    defaults = Defaults("kube-system", _DEFAULTS)
    settings = SyncSettings(world.settings.templates, "flyte", defaults)
    assert Sync(settings, world.asked, client).turn() == 0
    assert client.get("/api/v1/namespaces/kube-system/resourcequotas")["items"] == before


def test_two_at_once_do_no_harm(client: Client, world: World) -> None:
    other = Sync(world.settings, world.asked, client)
    world.sync.start()
    other.start()
    try:
        eventually(lambda: world.sync.kept() == other.kept() == 6, 60, interval=0.2)
        assert (world.sync.trouble(), other.trouble()) == ("", "")
    finally:
        other.stop()


def test_a_kind_that_the_cluster_does_not_know_is_named(client: Client, world: World, tmp_path: Path) -> None:
    text = "apiVersion: example.org/v1\nkind: Castle\nmetadata: {name: a}\n"
    (tmp_path / "castle.yaml").write_text(text)
    settings = SyncSettings(tmp_path, "flyte", world.settings.defaults)
    with pytest.raises(UnknownKind, match=r"example\.org/v1"):
        Sync(settings, world.asked, client).turn()


def test_without_admin_it_says_so(client: Client, world: World) -> None:
    nobody = Admin("127.0.0.1:1")
    with pytest.raises(AdminUnavailable, match="UNAVAILABLE"):
        Sync(world.settings, nobody, client).turn()
    nobody.close()

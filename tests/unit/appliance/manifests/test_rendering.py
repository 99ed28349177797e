"""Rendered manifests, by what must hold for each of them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.appliance.manifests import discovery, reading, rendering, resources, validation
from sandbox.appliance.manifests.rendering import Manifests
from sandbox.server.config import ServerConfig

PUBLIC = "objectStore.publicEndpoint=https://s3.example"
CASES = {
    "demo": ("demo", "debian", ()),
    "sandbox": ("sandbox", "debian", ()),
    "sandbox on k3s": ("sandbox", "k3s", ("dashboard.enabled=true", "caBundle=PEM\nPEM")),
    "with other images": ("sandbox", None, ("postgres.image=postgres:16", "objectStore.image=minio/minio")),
    "cluster": ("cluster", None, (PUBLIC,)),
    "cluster with everything outside": (
        "cluster",
        None,
        (
            "postgres={external: true, host: db}",
            "objectStore={external: true, endpoint: https://s3.example}",
            "credentials.existingSecret=theirs",
            "expose={type: Ingress, ingress: {host: a.example, className: x, tlsSecret: y}}",
            "images.pullSecrets=[one, two]",
            "flyteadmin={nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}]}",
        ),
    ),
}


@functools.cache
def render(case: str) -> Manifests:
    profile, distribution, flags = CASES[case]
    return rendering.render(reading.values(profile, distribution=distribution, flags=flags))


def with_pods(manifests: Manifests) -> Iterator[tuple[str, dict[str, Any]]]:
    """Title and pod template of everything that makes pods."""
    for found in manifests.objects():
        template = (found.get("spec") or {}).get("template")
        if template:
            yield resources.title(found), template


def names(manifests: Manifests, *kinds: str) -> set[str]:
    return {resources.name_of(found) for found in manifests.objects() if found["kind"] in kinds}


@pytest.fixture(params=CASES)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(request.param)


def test_what_belongs_together_fits(manifests: Manifests) -> None:
    validation.check(manifests.objects())


def test_no_container_has_more_rights_than_it_needs(manifests: Manifests) -> None:
    seen = 0
    for title, template in with_pods(manifests):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, title
        assert pod["securityContext"]["runAsUser"] > 0, title
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, title
        assert not pod.get("hostNetwork"), title
        assert not any("hostPath" in volume for volume in pod["volumes"]), title
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, title
            assert security["allowPrivilegeEscalation"] is False, title
            assert security["privileged"] is False, title
            assert security["capabilities"] == {"drop": ["ALL"]}, title
            seen += 1
    assert seen > 2


def test_every_container_is_limited_and_promised_something(manifests: Manifests) -> None:
    for title, template in with_pods(manifests):
        for container in [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]:
            for part in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][part].keys(), title


def test_every_server_is_probed(manifests: Manifests) -> None:
    for title, template in with_pods(manifests):
        if not title.startswith("Job"):
            for container in template["spec"]["containers"]:
                assert {"readinessProbe", "livenessProbe"} <= container.keys(), title


def test_only_those_that_ask_the_api_server_get_a_token(manifests: Manifests) -> None:
    objects = manifests.objects()
    entitled = {
        subject["name"]
        for found in objects
        if found["kind"] in ("ClusterRoleBinding", "RoleBinding")
        for subject in found["subjects"]
    }
    for title, template in with_pods(manifests):
        name = template["spec"]["serviceAccountName"]
        assert name in names(manifests, "ServiceAccount"), title
        assert template["spec"]["automountServiceAccountToken"] is (name in entitled), title


def test_no_role_may_do_everything(manifests: Manifests) -> None:
    for found in manifests.objects():
        for rule in found.get("rules", ()) if found["kind"].endswith("Role") else ():
            assert "*" not in rule["verbs"]
            assert "*" not in rule["apiGroups"]
            if "secrets" in rule["resources"]:
                named = found["kind"] == "Role" and rule.get("resourceNames")
                assert named or rule["verbs"] == ["create"], "secrets of others could be read"


def test_every_server_has_a_budget_under_which_nodes_can_be_drained(manifests: Manifests) -> None:
    budgets = [found for found in manifests.objects() if found["kind"] == "PodDisruptionBudget"]
    assert names(manifests, "PodDisruptionBudget") == names(manifests, "Deployment", "StatefulSet")
    assert all(found["spec"]["maxUnavailable"] == 1 for found in budgets)


def test_everything_carries_our_labels_and_is_where_the_values_say() -> None:
    values = reading.values("sandbox", distribution="debian", flags=["namespace=elsewhere"])
    for found in rendering.render(values).objects():
        metadata = found["metadata"]
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "flyte-sandbox"
        assert metadata["labels"]["flyte-sandbox/namespace"] == "elsewhere"
        if resources.kind_of(found).namespaced:
            assert metadata["namespace"] == "elsewhere"
        elif found["kind"] != "Namespace":
            assert metadata["name"].startswith("elsewhere-")


def test_two_control_planes_in_one_cluster_share_nothing_that_no_namespace_holds() -> None:
    one, two = (
        {
            (found["kind"], resources.name_of(found))
            for found in rendering.render(reading.values("sandbox", flags=[f"namespace={name}"])).objects()
            if not resources.kind_of(found).namespaced
        }
        for name in ("flyte", "flyte-b")
    )
    assert not one & two


def test_the_sandbox_is_made_of_the_components_that_it_promises() -> None:
    running = names(render("sandbox"), "Deployment", "StatefulSet")
    assert running == {
        "postgres",
        "minio",
        "flyteadmin",
        "flytepropeller",
        "datacatalog",
        "flyteconsole",
        "flyte-pod-webhook",
        "syncresources",
        "flytescheduler",
        "docker-registry",
    }
    assert names(render("sandbox on k3s"), "Deployment", "StatefulSet") == running | {"kubernetes-dashboard"}


def test_the_demo_has_one_pod_for_the_control_plane() -> None:
    assert names(render("demo"), "Deployment", "StatefulSet") == {
        "flyte",
        "postgres",
        "minio",
        "docker-registry",
    }


def test_admin_is_reached_by_the_same_name_in_every_profile() -> None:
    for case in ("demo", "sandbox", "cluster"):
        assert {"flyteadmin", "flyte-pod-webhook"} <= names(render(case), "Service")


def test_nothing_is_run_for_what_is_outside() -> None:
    manifests = render("cluster with everything outside")
    assert not {"postgres", "minio"} & names(
        manifests, "Deployment", "StatefulSet", "Service", "NetworkPolicy"
    )
    assert not names(manifests, "Secret")
    sources = {
        volume["secret"]["secretName"]
        for _, template in with_pods(manifests)
        for volume in template["spec"]["volumes"]
        if "secret" in volume
    }
    assert sources == {"theirs"}


def test_the_server_can_read_its_configuration(manifests: Manifests) -> None:
    config = next(
        found for found in manifests.objects() if found["metadata"]["name"] == "flyte-sandbox-config"
    )
    data = json.loads(config["data"]["sandbox.json"])
    read = ServerConfig.from_json(data["server"])
    assert read.kubernetes is not None
    assert read.kubernetes.pods.platform == "flyteadmin.flyte:8089"
    assert read.to_json() == data["server"]


def test_passwords_are_in_secrets_only(manifests: Manifests) -> None:
    values = reading.values(
        "sandbox", flags=["postgres.password=hush-hush", "objectStore.secretKey=not-a-word"]
    )
    text = yaml.safe_dump(
        [found for found in rendering.render(values).objects() if found["kind"] != "Secret"]
    )
    assert "hush-hush" not in text
    assert "not-a-word" not in text


def test_the_same_values_give_the_same_text() -> None:
    assert render("sandbox") == render("sandbox")


def test_pods_are_replaced_when_what_they_read_changes_and_only_then() -> None:
    def templates(*flags: str) -> dict[str, Any]:
        return dict(with_pods(rendering.render(reading.values("sandbox", flags=flags))))

    before = templates()
    assert templates("registry.size=30Gi") == before
    for flag in ("tasks.env.A=b", "clusterResources.templates.x=y"):
        after = templates(flag)
        assert after["Deployment flyteadmin"] != before["Deployment flyteadmin"], flag
        assert after["StatefulSet postgres"] == before["StatefulSet postgres"], flag
        assert after["Deployment minio"] == before["Deployment minio"], flag
    after = templates("postgres.password=another")
    assert [title for title in after if after[title] == before[title]] == ["Deployment docker-registry"]


def test_budgets_are_of_the_version_that_the_cluster_has() -> None:
    values = reading.values("sandbox")
    for served, expected in (({"policy/v1beta1"}, "policy/v1beta1"), ({"policy/v1"}, "policy/v1")):
        objects = rendering.render(values, discovery.of(served)).objects()
        versions = {found["apiVersion"] for found in objects if found["kind"] == "PodDisruptionBudget"}
        assert versions == {expected}


def test_claims_are_of_the_class_that_the_node_has() -> None:
    claims = [found for found in render("sandbox").objects() if found["kind"] == "PersistentVolumeClaim"]
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"local-path"}
    outside = [found for found in render("cluster").objects() if found["kind"] == "PersistentVolumeClaim"]
    assert not any("storageClassName" in claim["spec"] for claim in outside)


def test_what_does_not_fit_is_found() -> None:
    objects = render("sandbox").objects()

    def broken(kind: str, name: str) -> dict[str, Any]:
        return dict(next(o for o in objects if o["kind"] == kind and resources.name_of(o) == name))

    service = broken("Service", "minio")
    service["spec"]["ports"][0]["targetPort"] = "other"
    deployment = broken("Deployment", "flyteadmin")
    deployment["spec"]["template"]["spec"]["volumes"].pop()
    with pytest.raises(validation.ManifestInvalid) as caught:
        validation.check([*objects, broken("Secret", "flyte-sandbox-credentials")])
    for told in ("leads to the port other", "no volume of the pod", "is there twice"):
        assert told in caught.value.cause

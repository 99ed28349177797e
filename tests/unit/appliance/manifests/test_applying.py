"""The order in which objects are made, and what is told about a change."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.appliance.manifests import applying, resources
from sandbox.appliance.manifests.errors import ManifestInvalid


def found(kind: str, name: str = "x", version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "flyte"}, **more}


def test_what_others_need_is_made_first_and_the_order_within_a_kind_stays() -> None:
    given = [
        found("Deployment", "b", "apps/v1"),
        found("Service", "s"),
        found("Deployment", "a", "apps/v1"),
        found("ConfigMap", "c"),
        found("Namespace", "n"),
    ]
    assert [resources.name_of(each) for each in resources.in_order(given)] == ["n", "c", "s", "b", "a"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (found("Secret"), "/api/v1/namespaces/flyte/secrets/x"),
        (found("Deployment", version="apps/v1"), "/apis/apps/v1/namespaces/flyte/deployments/x"),
        (found("Namespace"), "/api/v1/namespaces/x"),
        (
            found("PodDisruptionBudget", version="policy/v1beta1"),
            "/apis/policy/v1beta1/namespaces/flyte/poddisruptionbudgets/x",
        ),
    ],
)
def test_an_object_is_where_the_api_server_has_its_kind(given: dict[str, Any], path: str) -> None:
    assert resources.path(given) == path


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="Gadget"):
        resources.path(found("Gadget"))
    with pytest.raises(ManifestInvalid, match="apps/v1beta1"):
        resources.path(found("Deployment", version="apps/v1beta1"))


def test_a_difference_shows_what_changes_and_not_what_servers_add() -> None:
    before = found("ConfigMap", data={"a": "1", "b": "1"}, status={"x": 1})
    before["metadata"] |= {"resourceVersion": "7", "uid": "u", "managedFields": []}
    after = found("ConfigMap", data={"a": "1", "b": "2"})
    after["metadata"] |= {"resourceVersion": "8"}
    lines = applying.difference(before, after).splitlines()
    assert [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-  b: '1'",
        "+  b: '2'",
    ]


def test_a_difference_of_secrets_tells_which_values_change_but_not_the_values() -> None:
    before = found("Secret", data={"kept": "c2VjcmV0", "changed": "b2xk"})
    after = found("Secret", data={"kept": "c2VjcmV0", "changed": "bmV3", "added": "eA=="})
    told = applying.difference(before, after)
    assert "+  changed: hidden, and another" in told
    assert "+  added:" in told
    assert "  kept: hidden" in told
    for value in ("c2VjcmV0", "b2xk", "bmV3", "eA=="):
        assert value not in told


def test_what_comes_and_what_goes_is_shown_as_a_whole() -> None:
    assert "+kind: ConfigMap" in applying.difference(None, found("ConfigMap"))
    assert "-kind: ConfigMap" in applying.difference(found("ConfigMap"), None)
    assert applying.difference(found("ConfigMap"), found("ConfigMap")) == ""

"""Templates of cluster resources, and what their variables are for each project and domain."""

from __future__ import annotations

from pathlib import Path

import pytest
from flyteidl.admin import matchable_resource_pb2, project_pb2

from sandbox.syncresources import templates, variables
from sandbox.syncresources.templates import BadTemplate
from sandbox.syncresources.variables import Defaults

_QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata:
  name: project-quota
  namespace: {{ namespace }}
  labels: {project: "{{project}}"}
spec:
  hard:
    limits.cpu: {{ projectQuotaCpu }}
    pods: "{{ projectQuotaTasks }}"
"""
_VALUES = {"namespace": "p-development", "project": "p", "projectQuotaCpu": "4", "projectQuotaTasks": ""}


def filled(text: str, **values: str) -> list[dict[str, object]]:
    return templates.fill(templates.parse("t.yaml", text), {**_VALUES, **values})


def test_variables_are_filled_in_and_empty_ones_left_out() -> None:
    (quota,) = filled(_QUOTA)
    assert quota["metadata"] == {
        "name": "project-quota",
        "namespace": "p-development",
        "labels": {"project": "p"},
    }
    assert quota["spec"] == {"hard": {"limits.cpu": "4"}}
    assert filled(_QUOTA, projectQuotaTasks="7")[0]["spec"] == {"hard": {"limits.cpu": "4", "pods": "7"}}


@pytest.mark.parametrize("value", ["a: b", "}", "x\n---\nkind: Secret", "{{ namespace }}", "# no", "*", "'"])
def test_a_value_is_never_more_than_a_text_in_its_place(value: str) -> None:
    (quota,) = filled(_QUOTA, projectQuotaCpu=value)
    assert quota["spec"] == {"hard": {"limits.cpu": value}}


def test_an_object_without_a_name_is_left_out() -> None:
    text = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: '{{ project }}'}"
    assert filled(text, project="") == []
    assert len(filled(f"{text}\n---\n{text}")) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: X\nmetadata: {name: a}", "apiVersion and kind"),
        ("apiVersion: v1\nkind: X", "needs a name"),
        ("[1]", "apiVersion and kind"),
        ("a: [", "no YAML"),
        ("a: {{ namespace | upper }}", "plain variables"),
    ],
)
def test_a_template_that_is_none_is_named(text: str, why: str) -> None:
    with pytest.raises(BadTemplate, match=rf"t\.yaml.*{why}"):
        templates.parse("t.yaml", text)


def test_a_variable_that_nothing_sets_is_named() -> None:
    with pytest.raises(
        BadTemplate, match=r"t\.yaml: nothing sets the variable 'colour'; there are: namespace"
    ):
        filled("apiVersion: v1\nkind: X\nmetadata: {name: a, labels: {c: '{{ colour }}'}}")


def test_templates_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "README"):
        (tmp_path / name).write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ namespace }}'}\n")
    assert [one.name for one in templates.read(tmp_path)] == ["a.yml", "b.yaml"]
    with pytest.raises(BadTemplate, match="can't be read"):
        templates.read(tmp_path / "nowhere")


def attribute(
    project: str, domain: str, workflow: str = "", **values: str
) -> matchable_resource_pb2.MatchableAttributesConfiguration:
    found = matchable_resource_pb2.MatchableAttributesConfiguration(
        project=project, domain=domain, workflow=workflow
    )
    found.attributes.cluster_resource_attributes.attributes.update(values)
    return found


def test_the_most_particular_value_wins() -> None:
    domains = [project_pb2.Domain(id="development"), project_pb2.Domain(id="production")]
    projects = [project_pb2.Project(id=name, domains=domains) for name in ("one", "two")]
    found = variables.places(
        projects,
        [
            attribute("one", "production", cpu="attribute of both"),
            attribute("one", "", cpu="attribute of the project", memory="attribute of the project"),
            attribute("one", "production", "some.workflow", cpu="of a workflow only"),
        ],
        Defaults(everywhere={"cpu": "1", "memory": "1", "gpu": "0"}, by_domain={"production": {"gpu": "2"}}),
    )
    by_namespace = {
        place.namespace: {name: place.values[name] for name in ("cpu", "memory", "gpu")} for place in found
    }
    assert by_namespace == {
        "one-development": {
            "cpu": "attribute of the project",
            "memory": "attribute of the project",
            "gpu": "0",
        },
        "one-production": {"cpu": "attribute of both", "memory": "attribute of the project", "gpu": "2"},
        "two-development": {"cpu": "1", "memory": "1", "gpu": "0"},
        "two-production": {"cpu": "1", "memory": "1", "gpu": "2"},
    }


def test_an_attribute_does_not_change_where_things_go() -> None:
    projects = [project_pb2.Project(id="one", domains=[project_pb2.Domain(id="development")])]
    (place,) = variables.places(projects, [attribute("one", "", namespace="kube-system")], Defaults())
    assert place.namespace == place.values["namespace"] == "one-development"


def test_the_clusters_own_namespaces_are_protected() -> None:
    for namespace in ("kube-system", "kube-public", "default", "flyte"):
        assert variables.is_protected(namespace, "flyte")
    assert not variables.is_protected("flytesnacks-development", "flyte")

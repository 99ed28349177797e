"""Packages of pyflyte's: what is read, in which order, and what is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2

from sandbox.appliance.registering import packages, substitution
from sandbox.appliance.registering.errors import PackageUnreadable
from sandbox.appliance.registering.packages import Entry
from sandbox.appliance.registering.substitution import Values

VALUES = Values(project="p", domain="d", version="v", remote_package="s3://b/fast", destination="")


def _task(name: str = "t", *arguments: str) -> task_pb2.TaskSpec:
    spec = task_pb2.TaskSpec()
    spec.template.id.name = name
    spec.template.container.args.extend(arguments)
    return spec


def _archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    names = [f"{number}_x_1.pb" for number in range(12)]
    path = _archive(tmp_path / "p.tgz", dict.fromkeys(reversed(names), b"x"))
    assert [entry.name for entry in packages.read([path]).specs] == names


def test_the_source_of_a_fast_registration_is_told_from_the_package(tmp_path: Path) -> None:
    path = _archive(tmp_path / "p.tgz", {"0_t_1.pb": b"x", "fast1234.tar.gz": b"code"})
    package = packages.read([path])
    assert package.source == Entry("fast1234.tar.gz", b"code")
    assert len(package.specs) == 1


def test_a_folder_is_read_like_an_archive(tmp_path: Path) -> None:
    (tmp_path / "0_t_1.pb").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("no spec")
    assert [entry.content for entry in packages.read([tmp_path]).specs] == [b"x"]


@pytest.mark.parametrize("content", [b"", b"random bytes, no archive", b"\x1f\x8b\x08\x00broken"])
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(content)
    with pytest.raises(PackageUnreadable, match=r"the archive .*p\.tgz is broken"):
        packages.read([path])


def test_an_archive_that_was_cut_off_is_broken(tmp_path: Path) -> None:
    path = _archive(tmp_path / "p.tgz", {"0_t_1.pb": bytes(range(256)) * 400})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(PackageUnreadable, match="is broken"):
        packages.read([path])


def test_an_archive_without_specs_holds_nothing_to_register(tmp_path: Path) -> None:
    with pytest.raises(PackageUnreadable, match="nothing to register"):
        packages.read([_archive(tmp_path / "p.tgz", {"readme": b"x"})])


def test_a_missing_file_and_a_wrong_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PackageUnreadable, match="does not exist"):
        packages.read([tmp_path / "gone.tgz"])
    (tmp_path / "a.zip").write_bytes(b"x")
    with pytest.raises(PackageUnreadable, match="neither"):
        packages.read([tmp_path / "a.zip"])


def test_the_number_in_the_name_tells_the_kind() -> None:
    workflow = workflow_pb2.WorkflowSpec()
    workflow.template.id.name = "w"
    plan = launch_plan_pb2.LaunchPlan()
    plan.id.name = "l"
    for kind, spec in (("1", _task()), ("2", workflow), ("3", plan)):
        assert type(packages.parse(Entry(f"0_x_{kind}.pb", spec.SerializeToString()))) is type(spec)


def test_bytes_that_are_no_spec_are_refused() -> None:
    with pytest.raises(PackageUnreadable, match="can't be read"):
        packages.parse(Entry("0_x_1.pb", b"\xff\xff\xff"))


def test_open_identifiers_are_filled_and_written_ones_stay() -> None:
    spec = _task()
    spec.template.id.project = substitution.PROJECT
    spec.template.id.version = "own"
    substitution.fill(spec, VALUES)
    found = spec.template.id
    assert (found.project, found.domain, found.version) == ("p", "d", "own")


def test_force_replaces_a_version_that_is_written_out() -> None:
    spec = _task()
    spec.template.id.version = "own"
    substitution.fill(spec, Values("p", "d", "v", force=True))
    assert spec.template.id.version == "v"


def test_a_fast_task_learns_where_its_code_is() -> None:
    spec = _task("t", "pyflyte-fast-execute", substitution.REMOTE_PACKAGE, substitution.DESTINATION, "other")
    assert substitution.needs_source(spec)
    substitution.fill(spec, VALUES)
    assert list(spec.template.container.args) == ["pyflyte-fast-execute", "s3://b/fast", ".", "other"]


def test_a_fast_pod_task_learns_it_too() -> None:
    spec = task_pb2.TaskSpec()
    spec.template.k8s_pod.pod_spec.update(
        {"containers": [{"name": "a", "args": [substitution.REMOTE_PACKAGE]}]}
    )
    assert substitution.needs_source(spec)
    substitution.fill(spec, VALUES)
    container = spec.template.k8s_pod.pod_spec["containers"][0]
    assert list(container["args"]) == ["s3://b/fast"]


def test_references_are_filled_wherever_a_node_may_hide() -> None:
    spec = workflow_pb2.WorkflowSpec()
    spec.template.id.name = "w"
    plain = spec.template.nodes.add()
    plain.task_node.reference_id.name = "a"
    branch = spec.template.nodes.add()
    branch.branch_node.if_else.case.then_node.task_node.reference_id.name = "b"
    branch.branch_node.if_else.else_node.workflow_node.launchplan_ref.name = "c"
    array = spec.template.nodes.add()
    array.array_node.node.task_node.reference_id.name = "d"
    spec.template.failure_node.task_node.reference_id.name = "e"
    inner = spec.sub_workflows.add()
    inner.id.name = "s"
    inner.nodes.add().workflow_node.sub_workflow_ref.name = "f"
    substitution.fill(spec, VALUES)
    references = [
        plain.task_node.reference_id,
        branch.branch_node.if_else.case.then_node.task_node.reference_id,
        branch.branch_node.if_else.else_node.workflow_node.launchplan_ref,
        array.array_node.node.task_node.reference_id,
        spec.template.failure_node.task_node.reference_id,
        inner.nodes[0].workflow_node.sub_workflow_ref,
        inner.id,
    ]
    assert [(one.project, one.domain, one.version) for one in references] == [("p", "d", "v")] * 7


def test_files_are_found_in_every_literal_of_a_launch_plan() -> None:
    plan = launch_plan_pb2.LaunchPlan()
    plan.spec.default_inputs.parameters["a"].default.scalar.blob.uri = "/a"
    plan.spec.fixed_inputs.literals["b"].collection.literals.add().scalar.blob.uri = "/b"
    assert sorted(blob.uri for blob in substitution.blobs(plan)) == ["/a", "/b"]

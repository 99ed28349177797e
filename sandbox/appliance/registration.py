"""`sandbox register files`: a package of pyflyte's goes into a running sandbox, as flytectl does it.

Each file gives one row: its name, `Success` or `Failed`, and what the sandbox said. What exists already
with the same content is a success. One thing is done that flytectl leaves out: a default input that is a
file on this machine is uploaded with the package, since pyflyte writes only its path into the launch plan,
which means nothing elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from flyteidl.admin import launch_plan_pb2, project_pb2
from flyteidl.core import types_pb2

from sandbox.appliance.registering import packages, substitution
from sandbox.appliance.registering.backend import Backend
from sandbox.appliance.registering.errors import PackageUnreadable, RegistrationFailed
from sandbox.appliance.registering.packages import Entry, Package, Spec

SUCCESS = "Success"
FAILED = "Failed"
REGISTERED = "Successfully registered file"


@dataclass(frozen=True, slots=True)
class Options:
    """What can be said about a registration."""

    project: str = "flytesnacks"
    domain: str = "development"
    version: str = ""
    """For what was packaged without one."""
    force: bool = False
    """Use `version` also for what was packaged with one."""
    continue_on_error: bool = False
    """Go on after a file that failed."""
    destination_directory: str = ""
    """Where fast-registered tasks unpack their code; empty for their working directory."""
    dry_run: bool = False
    """Read and fill in everything, register nothing."""
    enable_schedule: bool = False
    """Activate the launch plans."""
    output_location_prefix: str = ""
    """Where executions keep their raw data; empty for the sandbox's own place."""
    service_account: str = ""
    """Kubernetes service account of the launch plans."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one file."""

    name: str
    status: str
    additional_info: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of all files."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Sentences that a person should see."""

    @property
    def succeeded(self) -> bool:
        return all(row.status == SUCCESS for row in self.rows)


@dataclass(frozen=True, slots=True)
class Project:
    """A project to create."""

    id: str
    name: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def register_files(paths: Sequence[Path], target: str, options: Options) -> Registration:
    """Register archives, folders and files; raises RegistrationFailed when none of it can be tried.

    `target` is the gRPC address of the sandbox.
    """
    package = packages.read(paths)
    with Backend(target) as backend:
        return _Registrar(backend, package, options).run()


def create_project(target: str, project: Project) -> None:
    """Create a project; raises Refused."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", project.id) or len(project.id) > 63:
        raise RegistrationFailed(
            f"{project.id!r} can't be a project's id",
            "an id has up to 63 lower-case letters, digits and hyphens, and no hyphen at its ends",
            "Choose another --id; --name can be anything.",
        )
    message = project_pb2.Project(id=project.id, name=project.name, description=project.description)
    message.labels.values.update(project.labels)
    with Backend(target) as backend:
        backend.create_project(message)


class _Registrar:
    """One registration: the package, the sandbox, and what was uploaded on the way."""

    def __init__(self, backend: Backend, package: Package, options: Options) -> None:
        self._backend = backend
        self._package = package
        self._options = options
        self._source_uri = ""
        self._notes: list[str] = []

    def run(self) -> Registration:
        rows = []
        for row in self._rows():
            rows.append(row)
            if row.status == FAILED and not self._options.continue_on_error:
                break
        return Registration(tuple(rows), tuple(self._notes))

    def _rows(self) -> Iterator[Row]:
        for entry in self._package.specs:
            try:
                spec = packages.parse(entry)
            except PackageUnreadable as exc:
                yield Row(entry.name, FAILED, f"Error unmarshalling file due to {exc.cause}")
                continue
            self._complete(spec)
            yield self._row(entry, spec)

    def _complete(self, spec: Spec) -> None:
        if not self._options.version and (self._options.force or substitution.needs_version(spec)):
            raise RegistrationFailed(
                "nothing was registered",
                "the package was made without a version",
                "Give one with --version.",
            )
        substitution.fill(
            spec,
            substitution.Values(
                project=self._options.project,
                domain=self._options.domain,
                version=self._options.version,
                force=self._options.force,
                remote_package=self._source(spec),
                destination=self._options.destination_directory,
            ),
        )
        if isinstance(spec, launch_plan_pb2.LaunchPlan):
            self._complete_launch_plan(spec)
        self._upload_local_files(spec)

    def _complete_launch_plan(self, launch_plan: launch_plan_pb2.LaunchPlan) -> None:
        if self._options.service_account:
            launch_plan.spec.security_context.run_as.k8s_service_account = self._options.service_account
        if self._options.output_location_prefix:
            prefix = self._options.output_location_prefix
            launch_plan.spec.raw_output_data_config.output_location_prefix = prefix

    def _source(self, spec: Spec) -> str:
        """Where the code of a fast registration is; uploaded when the first task wants it."""
        if not substitution.needs_source(spec):
            return ""
        if self._package.source is None:
            raise PackageUnreadable(
                "the package has no source code",
                "its tasks are fast-registered, but there is no fast….tar.gz beside them",
                "Make the package again with `pyflyte package --fast`, and register all of it.",
            )
        if not self._source_uri:
            self._source_uri = self._upload(self._package.source.name, self._package.source.content)
        return self._source_uri

    def _upload_local_files(self, spec: Spec) -> None:
        for blob in substitution.blobs(spec):
            single = blob.metadata.type.dimensionality == types_pb2.BlobType.SINGLE
            path = Path(blob.uri.removeprefix("file://"))
            if not single or "://" in blob.uri.removeprefix("file://") or not path.is_absolute():
                continue
            if path.is_file():
                blob.uri = self._upload(path.name, path.read_bytes())
                self._notes.append(f"{path.name} is the default of an input and was uploaded: {blob.uri}")
            else:
                self._notes.append(
                    f"{path} is the default of an input, but is not on this machine: give the input."
                )

    def _upload(self, name: str, content: bytes) -> str:
        base = name.rsplit("/", 1)[-1]
        if self._options.dry_run:
            return f"s3://dry-run/{hashlib.md5(content, usedforsecurity=False).hexdigest()}/{base}"
        return self._backend.upload(self._options.project, self._options.domain, base, content)

    def _row(self, entry: Entry, spec: Spec) -> Row:
        if self._options.dry_run:
            return Row(entry.name, SUCCESS, "Dry run: nothing was registered")
        try:
            self._backend.create(spec)
        except grpc.RpcError as exc:
            if exc.code() is grpc.StatusCode.UNAVAILABLE:
                raise self._backend.refusal(f"{entry.name} was not registered", exc) from exc
            if exc.code() is not grpc.StatusCode.ALREADY_EXISTS:
                return Row(entry.name, FAILED, f"Error registering file due to {_words(exc)}")
            info = "AlreadyExists"
        else:
            info = REGISTERED
        if self._options.enable_schedule and isinstance(spec, launch_plan_pb2.LaunchPlan):
            try:
                self._backend.activate(spec)
            except grpc.RpcError as exc:
                return Row(entry.name, FAILED, f"Registered, but not activated: {_words(exc)}")
        return Row(entry.name, SUCCESS, info)


def _words(exc: grpc.RpcError) -> str:
    return f"{exc.code().name}: {exc.details()}"

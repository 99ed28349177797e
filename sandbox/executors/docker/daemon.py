"""The Docker daemon, as much of it as the executor needs. Alone in this room imports docker.

Importing it costs some 15 MiB and 0.2 s, so whoever may never need Docker imports this module late.

DaemonError
├── DaemonUnavailable   there is no daemon, or it does not answer, or it went away: perhaps later
├── ImageNotFound       there is no such image here, and it could not be pulled
├── ContainerGone       the container was removed
└── Refused             the daemon says no: what it was asked for can't be
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import docker
import docker.errors
import docker.utils
import requests
import urllib3.exceptions

_CHUNK = 1 << 20


class DaemonError(Exception):
    """Docker did not do what it was asked for."""


class DaemonUnavailable(DaemonError):
    """The daemon can't be reached."""


class ImageNotFound(DaemonError):
    """There is no such image."""


class ContainerGone(DaemonError):
    """There is no such container any more."""


class Refused(DaemonError):
    """The daemon refuses."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A container to be created."""

    name: str
    image: str
    entrypoint: tuple[str, ...]
    """Empty: the image's own."""
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    labels: Mapping[str, str]
    working_directory: str = ""
    memory_limit: int | None = None
    """Bytes."""
    cpu_limit: float | None = None
    network: str = "bridge"


@dataclass(frozen=True, slots=True)
class State:
    """A container as it is."""

    id: str
    status: str
    """`created`, `running`, `exited`, `dead`, …"""
    exit_code: int
    out_of_memory: bool
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    error: str

    @property
    def was_started(self) -> bool:
        return self.status != "created"


class Daemon:
    """A connection. Thread-safe; all methods raise `DaemonError`s."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client: Any = client  # typed or not, with or without stubs

    def has_image(self, image: str) -> bool:
        with _errors():
            try:
                self._client.inspect_image(image)
            except docker.errors.ImageNotFound:
                return False
            return True

    def pull(self, image: str, progressed: Callable[[], None]) -> None:
        """Get an image from its registry; `progressed` is called now and then, and may raise to give up."""
        repository, tag = docker.utils.parse_repository_tag(image)
        try:
            with _errors(missing=ImageNotFound):
                for line in self._client.pull(repository, tag or "latest", stream=True, decode=True):
                    progressed()
                    if "error" in line:
                        raise ImageNotFound(str(line["error"]))
        except Refused as exc:  # so does a daemon whose registry can't be reached
            raise ImageNotFound(str(exc)) from exc

    def create(self, blueprint: Blueprint) -> str:
        """A container that is not started yet; its id."""
        processors = self._processors()
        cpu = min(blueprint.cpu_limit, processors) if blueprint.cpu_limit else None
        host = self._client.create_host_config(
            mem_limit=blueprint.memory_limit,
            memswap_limit=blueprint.memory_limit,
            nano_cpus=int(cpu * 10**9) if cpu else None,
            network_mode=blueprint.network,
        )
        with _errors(missing=ImageNotFound):
            made = self._client.create_container(
                blueprint.image,
                command=list(blueprint.arguments) or None,
                entrypoint=list(blueprint.entrypoint) or None,
                environment=dict(blueprint.env),
                labels=dict(blueprint.labels),
                name=blueprint.name,
                working_dir=blueprint.working_directory or None,
                host_config=host,
            )
        return str(made["Id"])

    def find(self, name: str) -> State | None:
        """The container of a name or id, if there is one."""
        try:
            return self.inspect(name)
        except ContainerGone:
            return None

    def inspect(self, container: str) -> State:
        with _errors():
            found = self._client.inspect_container(container)
        state = found["State"]
        return State(
            id=found["Id"],
            status=state["Status"],
            exit_code=int(state.get("ExitCode") or 0),
            out_of_memory=bool(state.get("OOMKilled")),
            started_at=_moment(state.get("StartedAt", "")),
            ended_at=_moment(state.get("FinishedAt", "")),
            error=state.get("Error", ""),
        )

    def labelled(self, label: str) -> list[str]:
        """The ids of all containers with a label `name=value`."""
        with _errors():
            return [found["Id"] for found in self._client.containers(all=True, filters={"label": label})]

    def copy_in(self, container: str, archive: IO[bytes]) -> None:
        """Unpack a tar archive at the container's root."""
        with _errors():
            self._client.put_archive(container, "/", archive)

    def copy_out(self, container: str, path: str, archive: IO[bytes]) -> bool:
        """Write a file or folder as a tar archive; False if there is none."""
        with _errors():
            try:
                chunks, _ = self._client.get_archive(container, path, chunk_size=_CHUNK)
            except docker.errors.NotFound as exc:
                if "No such container" in str(exc.explanation):
                    raise
                return False
            _write(chunks, archive)
        return True

    def start(self, container: str) -> None:
        with _errors():
            self._client.start(container)

    def follow(self, container: str) -> Iterator[bytes]:
        """What it prints, from its beginning, until it has ended."""
        with _errors():
            yield from self._client.logs(container, stdout=True, stderr=True, stream=True, follow=True)

    def wait(self, container: str) -> None:
        """Until it has ended, however long that takes."""
        with _errors():
            self._client.wait(container, timeout=None)

    def stop(self, container: str, grace: float) -> None:
        """Ask it to end, and kill it after so many seconds."""
        with _errors():
            self._client.stop(container, timeout=max(0, round(grace)))

    def remove(self, container: str) -> None:
        """Remove it, running or not; nothing happens if there is none."""
        try:
            with _errors():
                self._client.remove_container(container, v=True, force=True)
        except ContainerGone:
            return
        except Refused as exc:
            if "already in progress" not in str(exc):
                raise

    def close(self) -> None:
        self._client.close()

    def _processors(self) -> int:
        with _errors():
            return int(self._client.info()["NCPU"])


def connect() -> Daemon:
    """The daemon that DOCKER_HOST names, or the local one. Raises DaemonUnavailable."""
    with _errors():
        try:
            environment = docker.utils.kwargs_from_env()
            client = docker.APIClient(version="auto", **environment)
        except (docker.errors.DockerException, ValueError) as exc:
            raise DaemonUnavailable(str(exc)) from exc
    return Daemon(client)


@contextmanager
def _errors(missing: type[DaemonError] = ContainerGone) -> Iterator[None]:
    """docker's, requests' and urllib3's errors become ours."""
    try:
        yield
    except docker.errors.NotFound as exc:
        raise missing(str(exc.explanation)) from exc
    except docker.errors.APIError as exc:
        raise Refused(str(exc.explanation or exc)) from exc
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as exc:
        raise DaemonUnavailable(str(exc)) from exc


def _write(chunks: Iterable[bytes], file: IO[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)


def _moment(text: str) -> dt.datetime | None:
    """Docker's time stamps have nine digits of fraction; year one means never."""
    if not text or text.startswith("0001-"):
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    moment = dt.datetime.fromisoformat(f"{whole}+00:00")
    return moment.replace(microsecond=int(rest[:6].ljust(6, "0"))) if rest else moment

"""The host's Docker engine. Alone in this room imports docker; importing it takes 0.2 s, so import this
late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import docker
import docker.errors
import requests
import urllib3.exceptions

from sandbox.appliance.node.errors import DockerRefused, DockerUnavailable, ImageUnavailable

_SECONDS = 120
_CHUNK = 1 << 20


class Engine:
    """A connection. Thread-safe."""

    def __init__(self, client: docker.APIClient) -> None:
        self.api: Any = client
        """docker's own low-level client: its calls belong inside `errors`."""

    def version(self) -> str:
        with errors("Docker does not tell its version"):
            return str(self.api.version()["Version"])

    def has_image(self, reference: str) -> bool:
        return self.image_id(reference) is not None

    def image_id(self, reference: str) -> str | None:
        """The id of an image that is here."""
        with errors(f"Docker does not tell whether it has {reference}"):
            try:
                return str(self.api.inspect_image(reference)["Id"])
            except docker.errors.ImageNotFound:
                return None

    def pull(self, reference: str) -> Iterator[str]:
        """Get an image from its registry; yields what Docker says. Raises ImageUnavailable."""
        repository, _, tag = reference.rpartition(":")
        what = f"the image {reference} can't be pulled"
        remedy = "Look whether the registry can be reached from here; `--distribution debian` needs none."
        failure = ""
        try:
            for line in self.api.pull(repository, tag=tag, stream=True, decode=True):
                failure = str(line.get("error") or failure)
                yield str(line.get("status", ""))
        except (docker.errors.APIError, requests.RequestException) as exc:
            raise ImageUnavailable(what, _explanation(exc), remedy) from exc
        if failure:
            raise ImageUnavailable(what, failure, remedy)

    def save(self, references: Sequence[str]) -> Iterator[bytes]:
        """Several images as one archive, piece by piece: docker's own client asks for one at a time only."""
        url = f"{self.api.base_url}/v{self.api.api_version}/images/get"
        with errors("the images can't be saved"):
            answer = self.api.get(url, params={"names": list(references)}, stream=True, timeout=None)
            with answer:
                answer.raise_for_status()
                yield from answer.iter_content(_CHUNK)

    def close(self) -> None:
        self.api.close()


def connect() -> Engine:
    """The engine that DOCKER_HOST names, or the local one. Raises DockerUnavailable."""
    try:
        environment = docker.utils.kwargs_from_env()
        return Engine(docker.APIClient(version="auto", timeout=_SECONDS, **environment))
    except (docker.errors.DockerException, requests.RequestException, ValueError) as exc:
        raise DockerUnavailable.because(str(exc)) from exc


@contextmanager
def errors(what: str, remedy: str = "Look at the Docker engine's log.") -> Iterator[None]:
    """docker's, requests' and urllib3's errors become ours."""
    try:
        yield
    except docker.errors.APIError as exc:
        raise DockerRefused(what, _explanation(exc), remedy) from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
        raise DockerUnavailable.because(str(exc)) from exc
    except docker.errors.DockerException as exc:
        raise DockerRefused(what, str(exc), remedy) from exc


def is_missing(error: BaseException | None) -> bool:
    """Whether the cause of one of our errors is that something isn't there."""
    return isinstance(error, docker.errors.NotFound)


def is_taken(error: BaseException | None) -> bool:
    """Whether the cause of one of our errors is that something of that name is there already."""
    return isinstance(error, docker.errors.APIError) and error.status_code == 409


def _explanation(exc: Exception) -> str:
    return str(getattr(exc, "explanation", None) or exc).strip()

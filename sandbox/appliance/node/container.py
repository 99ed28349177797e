"""The life of a node's container: created, started, stopped, paused, removed, found again by its labels.

A sandbox has a network, and for each of its nodes a container and a volume. Removing the container keeps the
volume unless it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.appliance.node import distributions, flags
from sandbox.appliance.node.engine import Engine, errors, is_missing, is_taken
from sandbox.appliance.node.errors import DockerRefused, NodeFailed
from sandbox.appliance.node.specification import (
    CA_BUNDLE,
    NAME_LABEL,
    SOURCE,
    STATE,
    NodeSpec,
    from_labels,
    labels,
)

_HOST = "127.0.0.1"
_GRACE = 40
"""Seconds until a container that was asked to stop is killed: pods end first, then etcd writes what it
has."""
_MODULES = Path("/lib/modules")


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it is."""

    spec: NodeSpec
    id: str
    status: str
    """Docker's word: `created`, `running`, `paused`, `exited`, …"""
    exit_code: int
    out_of_memory: bool
    started_at: str
    """ISO 8601; empty if never."""
    address: str
    """In the sandbox's network; empty while it does not run."""
    image: str
    """Its id."""

    @property
    def running(self) -> bool:
        return self.status == "running"


def create(engine: Engine, spec: NodeSpec, *, admission: bytes | None = None) -> Node:
    """Make network, volume and container, and start it. Nothing is left behind when that fails, but the
    volume if it was there before.

    :param admission: a tar archive that is unpacked on the volume first: what a node needs to join.
    """
    fresh = not _has_volume(engine, spec.volume)
    try:
        for way in flags.WAYS:
            node = _create(engine, spec, way)
            try:
                if admission is not None:
                    with errors("the node's volume can't be written to"):
                        engine.api.put_archive(node.id, STATE, admission)
                start(engine, node)
            except NodeFailed as exc:
                if way is flags.WAYS[-1] or not flags.is_about_rights(exc.cause):
                    raise
                _remove_container(engine, node.id)
            else:
                return inspect(engine, node.id)
        raise AssertionError("the last way returns or raises")
    except BaseException as exc:
        if not is_taken(exc.__cause__):  # by another start of the same sandbox: all that is there is its
            remove(engine, spec, volume=fresh)
        raise


def arguments(spec: NodeSpec, way: dict[str, Any], *, has_modules: bool = True) -> dict[str, Any]:
    """The container as `docker.APIClient.create_host_config` takes it."""
    volumes = [f"{spec.volume}:{STATE}"]
    volumes += [f"{_MODULES}:{_MODULES}:ro"] if has_modules else []
    volumes += [f"{spec.source}:{SOURCE}"] if spec.source else []
    volumes += [f"{spec.ca_bundle}:{CA_BUNDLE}:ro"] if spec.ca_bundle else []
    ports = spec.ports.published() if spec.number == 0 else {}
    given: dict[str, Any] = {
        **way,
        "binds": volumes,
        "port_bindings": {inside: (_HOST, outside) for inside, outside in ports.items()},
        "tmpfs": {"/run": "", "/tmp": "exec"},
        "network_mode": spec.network,
        "cgroupns": "private",
    }
    if spec.gpus:
        given["device_requests"] = [flags.GPU_REQUEST]
    return given


def environment(spec: NodeSpec) -> dict[str, str]:
    """What the node's first process is told."""
    told = {
        "NODE_NAME": spec.container,
        "NODE_NUMBER": str(spec.number),
        "NODE_SERVER": _HOST if spec.number == 0 else spec.resource,
        "NODE_ALTERNATIVE_NAMES": spec.container,
    }
    return {**told, "NODE_CA_BUNDLE": CA_BUNDLE} if spec.ca_bundle else told


def join(engine: Engine, first: Node, number: int) -> Node:
    """A further node of the same sandbox. Raises NodeFailed."""
    spec = NodeSpec(
        name=first.spec.name,
        profile=first.spec.profile,
        distribution=first.spec.distribution,
        version=first.spec.version,
        ca_bundle=first.spec.ca_bundle,
        gpus=first.spec.gpus,
        number=number,
    )
    path = distributions.get(spec.distribution).admission
    with errors("the first node does not give what a second one needs to join it"):
        archive, _ = engine.api.get_archive(first.id, path)
        return create(engine, spec, admission=b"".join(archive))


def find(engine: Engine, name: str, number: int = 0) -> Node | None:
    """The node of a sandbox, if there is one."""
    return next((node for node in of(engine, name) if node.spec.number == number), None)


def of(engine: Engine, name: str) -> list[Node]:
    """All nodes of one sandbox, the first one first."""
    return [node for node in every(engine) if node.spec.name == name]


def every(engine: Engine) -> list[Node]:
    """All nodes of all sandboxes."""
    with errors("Docker does not list its containers"):
        found = engine.api.containers(all=True, filters={"label": NAME_LABEL})
    nodes = [node for node in (_inspect(engine, one["Id"]) for one in found) if node is not None]
    return sorted(nodes, key=lambda node: (node.spec.name, node.spec.number))


def inspect(engine: Engine, identifier: str) -> Node:
    """The node as it is now. Raises DockerRefused if there is none."""
    node = _inspect(engine, identifier)
    if node is None:
        raise DockerRefused("there is no such node", identifier, "Start the sandbox again.")
    return node


def start(engine: Engine, node: Node) -> None:
    """Start it. A running one stays as it is."""
    try:
        with errors("the node's container can't be started"):
            engine.api.start(node.id)
    except DockerRefused as exc:
        raise NodeFailed(exc.what, exc.cause, _remedy(exc.cause)) from exc


def stop(engine: Engine, node: Node) -> None:
    """End its processes. All data stays."""
    with errors("the node's container can't be stopped"):
        engine.api.stop(node.id, timeout=_GRACE)


def pause(engine: Engine, node: Node) -> None:
    """Freeze all of its processes: they keep their memory and use no processor."""
    with errors("the node's container can't be paused"):
        engine.api.pause(node.id)


def resume(engine: Engine, node: Node) -> None:
    """Let them go on."""
    with errors("the node's container can't be resumed"):
        engine.api.unpause(node.id)


def remove(engine: Engine, spec: NodeSpec, *, volume: bool) -> bool:
    """Remove the container of a node if there is one, and its volume if wanted; with the first node all
    others, and the network. Returns whether there was anything."""
    if spec.number == 0:
        for other in [node for node in of(engine, spec.name) if node.spec.number]:
            remove(engine, other.spec, volume=volume)
    found = _remove_container(engine, spec.container)
    if volume:
        found |= _gone(lambda: engine.api.remove_volume(spec.volume), f"the volume {spec.volume} stays")
    if spec.number == 0:
        with errors("Docker does not list its networks"):
            networks = _networks(engine, spec.network)
        for one in networks:
            found |= _gone(partial(engine.api.remove_network, one), f"the network {spec.network} stays")
    return found


def last_words(engine: Engine, node: Node, lines: int = 20) -> str:
    """The end of what the node's first process printed."""
    with errors("Docker does not give the node's log"):
        return str(engine.api.logs(node.id, tail=lines).decode(errors="replace")).strip()


def volumes(engine: Engine) -> list[str]:
    """The sandboxes that have a volume, whether they have a container or not."""
    with errors("Docker does not list its volumes"):
        found = engine.api.volumes(filters={"label": NAME_LABEL})["Volumes"] or []
    return sorted({one["Labels"][NAME_LABEL] for one in found})


def _create(engine: Engine, spec: NodeSpec, way: dict[str, Any]) -> Node:
    marks = labels(spec)
    image = distributions.get(spec.distribution).image
    with errors("the node's container can't be created", "Look at the cause; `sandbox teardown` cleans up."):
        engine.api.create_volume(spec.volume, labels=marks)
        given = arguments(spec, way, has_modules=_MODULES.is_dir())
        host = {**engine.api.create_host_config(**given), **flags.SYSTEM_PATHS}
        published = spec.ports.published() if spec.number == 0 else {}
        made = engine.api.create_container(
            image,
            name=spec.container,
            hostname=spec.container,
            labels=marks,
            environment=environment(spec),
            ports=list(published),
            working_dir=SOURCE if spec.source else None,
            host_config=host,
        )
        # Of two that start the same sandbox one comes this far: networks may share a name, containers not.
        if not _networks(engine, spec.network):
            engine.api.create_network(spec.network, driver="bridge", labels=marks)
    return inspect(engine, made["Id"])


def _networks(engine: Engine, name: str) -> list[str]:
    """The ids of the networks of that name."""
    return [str(one["Id"]) for one in engine.api.networks(names=[f"^{name}$"]) if one["Name"] == name]


def _inspect(engine: Engine, identifier: str) -> Node | None:
    try:
        with errors("Docker does not describe the node's container"):
            found = engine.api.inspect_container(identifier)
    except DockerRefused as exc:
        if is_missing(exc.__cause__):
            return None
        raise
    spec = from_labels(found["Config"]["Labels"] or {})
    if spec is None:
        return None
    state = found["State"]
    networks = found["NetworkSettings"]["Networks"] or {}
    started = str(state.get("StartedAt") or "")
    return Node(
        spec=spec,
        id=found["Id"],
        status=state["Status"],
        exit_code=int(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        started_at="" if started.startswith("0001") else started,
        address=str((networks.get(spec.network) or {}).get("IPAddress") or ""),
        image=found["Image"],
    )


def _remove_container(engine: Engine, identifier: str) -> bool:
    return _gone(
        lambda: engine.api.remove_container(identifier, v=True, force=True),
        f"the container {identifier} stays",
    )


def _gone(remove_it: Any, what: str) -> bool:
    """Remove something; whether it was there."""
    try:
        with errors(what, "Remove what uses it, and try again."):
            remove_it()
    except DockerRefused as exc:
        if is_missing(exc.__cause__):
            return False
        raise
    return True


def _has_volume(engine: Engine, name: str) -> bool:
    try:
        with errors("Docker does not describe a volume"):
            engine.api.inspect_volume(name)
    except DockerRefused as exc:
        if is_missing(exc.__cause__):
            return False
        raise
    return True


def _remedy(cause: str) -> str:
    if "port is already allocated" in cause or "address already in use" in cause:
        return "Choose other ports, or end what holds them."
    if "gpu" in cause.lower():
        return "Install NVIDIA's container toolkit on the host, or start without --gpus."
    return "Look at the Docker engine's log."

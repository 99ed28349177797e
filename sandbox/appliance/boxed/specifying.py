"""What the node of a sandbox is to be: what it was, with what is asked for now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import sandbox
from sandbox.appliance import docker_socket, found, ports
from sandbox.appliance.errors import UsageError, command
from sandbox.appliance.node import distributions
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.specification import NodePorts, NodeSpec, from_labels
from sandbox.appliance.options import StartOptions
from sandbox.appliance.profiles import Profile
from sandbox.appliance.state import DEFAULT_NAME

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Where people behind an inspecting proxy name the certificates that they trust."""


def specify(options: StartOptions, profile: Profile, before: Node | None) -> NodeSpec:
    """The specification; raises UsageError for what can't be, or not while the sandbox runs."""
    was = before.spec if before is not None else None
    spec = NodeSpec(
        name=options.name,
        profile=profile.name,
        distribution=_distribution(options, was),
        version=was.version if was else sandbox.__version__,
        source=options.source.expanduser().absolute() if options.source else (was.source if was else None),
        ports=_ports(options, was),
        ca_bundle=_ca_bundle(options, was, os.environ),
        gpus=was.gpus if was and not options.gpus else options.gpus,
    )
    if before is not None and before.status in ("running", "paused") and was is not None:
        _refuse_changes(was, spec)
    return spec


def differences(was: NodeSpec, wanted: NodeSpec) -> list[str]:
    """What of the container would have to be another: it can only be made anew."""
    told = {
        "source": f"its source is {was.source or 'none'}",
        "ports": f"its ports are {', '.join(str(getattr(was.ports, one.name)) for one in fields(NodePorts))}",
        "ca_bundle": f"its CA bundle is {was.ca_bundle or 'none'}",
        "gpus": "it has the GPUs" if was.gpus else "it has no GPUs",
    }
    return [words for name, words in told.items() if getattr(was, name) != getattr(wanted, name)]


def _refuse_changes(was: NodeSpec, wanted: NodeSpec) -> None:
    changes = differences(was, wanted)
    if changes:
        raise UsageError(
            f"the sandbox {was.name!r} is running, and can't be changed so",
            "; ".join(changes),
            f"Stop it first with `{command('stop', was.name)}`; its data stays.",
        )


def _distribution(options: StartOptions, was: NodeSpec | None) -> str:
    if was is not None:
        if options.distribution not in (None, was.distribution):
            raise UsageError(
                f"the sandbox {was.name!r} is of the distribution {was.distribution}",
                "another one can't read what it keeps",
                f"Remove it with `{command('teardown --volume', was.name)}`, or start another with --name.",
            )
        return was.distribution
    if options.distribution is not None:
        return distributions.get(options.distribution).name
    here = [name for name in distributions.NAMES if docker_socket.has_image(distributions.get(name).image)]
    return here[0] if here else distributions.DEFAULT


def _ports(options: StartOptions, was: NodeSpec | None) -> NodePorts:
    if was is not None:
        chosen = options.ports.over(was.ports)
    elif (kept := _kept_ports(options.name)) is not None:
        chosen = options.ports.over(kept)
    elif options.name == DEFAULT_NAME:
        chosen = options.ports.over(NodePorts())
    else:
        chosen = ports.free(options.ports, NodePorts)
    numbers = [getattr(chosen, one.name) for one in fields(chosen)]
    if len(set(numbers)) < len(numbers) or not all(0 < number < 65536 for number in numbers):
        raise UsageError(
            "these ports can't be used",
            f"different numbers from 1 to 65535 are needed, not {', '.join(map(str, numbers))}",
            "Change the --…-port flags.",
        )
    return chosen


def _kept_ports(name: str) -> NodePorts | None:
    """Those under which its clients knew the sandbox whose volume a teardown kept, if they can be had."""
    volume = docker_socket.volume(found.resource(name))
    was = from_labels((volume or {}).get("Labels") or {})
    return was.ports if was is not None and not ports.taken(was.ports) else None


def _ca_bundle(options: StartOptions, was: NodeSpec | None, environ: Mapping[str, str]) -> Path | None:
    """What was asked for, what the node has, or what this machine's programs are told to trust."""
    if options.ca_bundle is not None:
        path = options.ca_bundle.expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"there is no CA bundle {path}", "--ca-bundle names a PEM file", "Correct it.")
        return path
    if was is not None:
        return was.ca_bundle
    named = [Path(environ[name]) for name in _CA_VARIABLES if environ.get(name)]
    return next((path.absolute() for path in named if path.is_file()), None)


def recreated(was: NodeSpec, wanted: NodeSpec) -> NodeSpec:
    """The specification of a container that takes over the volume of an older one."""
    return replace(wanted, version=was.version)

"""The cluster's names: a file of addresses for dnsmasq, kept up from the API server's watch.

A service has its own address, a headless one those of its pods. The watch tells that something changed; then
all is listed and written anew: a sandbox has dozens of services, not thousands.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

from node.api import Api
from node.components import DNSMASQ_PID, HOSTS
from node.settings import DOMAIN, Settings

_PATIENCE = 2.0
"""Seconds until another try, after the API server was not reached."""
_SERVICES, _ENDPOINTS = "/api/v1/services", "/api/v1/endpoints"


def main() -> None:
    """For ever."""
    api = Api(Settings.read(), "dns")
    while True:
        try:
            endpoints, version = api.list(_ENDPOINTS)
            write(lines(api.list(_SERVICES)[0], endpoints))
            # Every service that pods can reach has endpoints: they come after it.
            api.wait_for_change(_ENDPOINTS, version)
        except OSError as error:
            print(f"names: the API server was not reached: {error}", flush=True)
            time.sleep(_PATIENCE)


def lines(services: list[dict[str, Any]], endpoints: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of a hosts file."""
    by_name = {_name(item): item for item in endpoints}
    for service in services:
        namespace, name = _name(service)
        full = f"{name}.{namespace}.svc.{DOMAIN}"
        address = service["spec"].get("clusterIP")
        if address and address != "None":
            yield f"{address} {full}"
            continue
        unready = service["spec"].get("publishNotReadyAddresses")
        for subset in by_name.get((namespace, name), {}).get("subsets") or ():
            waiting = (subset.get("notReadyAddresses") or ()) if unready else ()
            for pod in (*(subset.get("addresses") or ()), *waiting):
                yield f"{pod['ip']} {full}"
                if pod.get("hostname"):
                    yield f"{pod['ip']} {pod['hostname']}.{full}"


def write(content: Iterator[str]) -> None:
    """Replace the file, and have dnsmasq read it."""
    text = "".join(f"{line}\n" for line in content)
    if HOSTS.exists() and HOSTS.read_text() == text:
        return
    HOSTS.write_text(text)
    try:
        os.kill(int(DNSMASQ_PID.read_text()), signal.SIGHUP)
    except (OSError, ValueError):
        print("dnsmasq does not run: it reads the file when it starts", flush=True)


def _name(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]

"""The cluster's names: a file of addresses for dnsmasq, kept up from the API server's watch.

A service has its own address, a headless one those of its pods. The watch tells that something changed; then
all is listed and written anew: a sandbox has dozens of services, not thousands.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from node import pki
from node.components import DNSMASQ_PID, HOSTS
from node.settings import DOMAIN, Settings

_PATIENCE = 2.0
"""Seconds until another try, after the API server was not reached."""
_WATCH_SECONDS = 300


def main() -> None:
    """For ever."""
    api = Api(Settings.read())
    while True:
        try:
            write(lines(api.list("services"), api.list("endpoints")))
            api.wait_for_change()
        except OSError as error:
            print(f"the API server was not reached: {error}", flush=True)
            time.sleep(_PATIENCE)


class Api:
    """The two lists, and a wait for a change of one."""

    def __init__(self, settings: Settings) -> None:
        self._base = f"https://{settings.server}:6443/api/v1"
        self._context = ssl.create_default_context(cafile=str(pki.CA))
        self._context.check_hostname = settings.is_server
        self._context.load_cert_chain(pki.certificate("dns"), pki.key("dns"))
        self._versions: dict[str, str] = {}

    def list(self, resource: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._base}/{resource}", context=self._context, timeout=10) as answer:
            document = json.load(answer)
        self._versions[resource] = document["metadata"]["resourceVersion"]
        return list(document["items"])

    def wait_for_change(self) -> None:
        """Until an endpoint comes, goes or changes: every service that pods can reach has endpoints."""
        version = self._versions["endpoints"]
        query = f"watch=1&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={version}"
        url = f"{self._base}/endpoints?{query}"
        with urllib.request.urlopen(url, context=self._context, timeout=_WATCH_SECONDS + 10) as stream:
            stream.readline()


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
        for subset in by_name.get((namespace, name), {}).get("subsets") or ():
            for pod in subset.get("addresses") or ():
                yield f"{pod['ip']} {full}"
                host = pod.get("hostname") or (pod.get("targetRef") or {}).get("name")
                if host:
                    yield f"{pod['ip']} {host}.{full}"


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


if __name__ == "__main__":
    main()

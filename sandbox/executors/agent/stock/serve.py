"""Runs the environment's own `pyflyte serve connector`, on this machine's loopback address.

    <environment's python> serve.py PORT [MODULE …]

flytekit's server listens on every address of the machine, and so does its page of metrics, on a port that
two sandboxes would quarrel over. Here the one listens on 127.0.0.1, the other on 127.0.0.1 and a port given
by the system. All else is flytekit's. `pyflyte serve agent`, as flytekit called it before 1.15, serves too.

Executed by the tasks' Python, 3.8 or newer: the standard library and the environment's flytekit, no more.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

NO_FLYTEKIT = 3
NO_EXTRA = 4
"""Exit codes: the environment's flytekit can't serve, or lacks what that needs besides."""
_LOOPBACK = "127.0.0.1"
_EXTRA = ["prometheus_client", "grpc_health.v1.health", "grpc.aio"]


def main(arguments: list[str]) -> None:
    """Serve until the process is ended."""
    port, modules = arguments[0], arguments[1:]
    del sys.path[0]  # this file's folder
    _find_secrets()
    serve = _command()
    _keep_to_loopback()
    words = ["--port", port]
    if any(parameter.name == "modules" for parameter in serve.params):
        for module in modules:
            words += ["--modules", module]
    else:  # flytekit before 1.14
        sys.path.append(os.getcwd())
        for module in modules:
            importlib.import_module(module)
    serve.main(words, standalone_mode=True)


def _command() -> Any:
    """The click command of flytekit's that serves."""
    try:
        group = importlib.import_module("flytekit.clis.sdk_in_container.serve").serve
    except ImportError as error:
        _give_up(NO_FLYTEKIT, f"the flytekit of {sys.prefix} can't serve connectors: {error}")
    web = ["httpx"] if importlib.util.find_spec("flytekit.extras.webhook") else []
    for module in _EXTRA + web:
        try:
            importlib.import_module(module)
        except ImportError as error:
            _give_up(NO_EXTRA, f"{error}: add flytekit[connector] to the requirements of {sys.prefix}")
    commands = getattr(group, "commands", {})
    return commands.get("connector") or commands.get("agent") or group


def _find_secrets() -> None:
    """The sandbox's secrets as variables, where flytekit's connectors look for theirs.

    They lie in `<group>/<key>`, both quoted as in a URL; `=` is the folder of those without a group.
    """
    for folder, _, files in os.walk(os.environ.pop("SANDBOX_SECRETS", "")):
        group = os.path.basename(folder)
        for name in files:
            if name.startswith("."):
                continue  # one that is just being written
            with open(os.path.join(folder, name), "rb") as file:
                value = file.read()
            words = ([] if group == "=" else [unquote(group)]) + [unquote(name)]
            with contextlib.suppress(ValueError):  # it can't be a variable, whatever it is
                os.environ["_FSEC_" + "_".join(words).upper()] = os.fsdecode(value)


def _keep_to_loopback() -> None:
    aio: Any = importlib.import_module("grpc.aio")
    plain: Any = importlib.import_module("grpc")
    for kind in (type(aio.server()), type(plain.server(None))):
        kind.add_insecure_port = _on_loopback(kind.add_insecure_port)
    metrics: Any = importlib.import_module("prometheus_client")
    start = metrics.start_http_server
    metrics.start_http_server = lambda *_, **__: start(0, addr=_LOOPBACK)


def _on_loopback(add: Callable[[Any, str], int]) -> Callable[[Any, str], int]:
    def add_insecure_port(self: Any, address: str) -> int:
        return add(self, _LOOPBACK + ":" + address.rpartition(":")[2])

    return add_insecure_port


def _give_up(code: int, message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])

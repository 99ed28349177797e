"""`python -m sandbox.server --config <state>/sandbox.json`: the control plane, until SIGTERM.

In a cluster each role is a process of its own: `--role propeller`, with `--credentials DIRECTORY`. `--role
migrate` ends by itself.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from sandbox.server import config as configs
from sandbox.server.role_names import ALL, MIGRATE, ROLES


def main() -> int:
    """0 after a stop that was asked for; 1, with one line that says why, if it could not start."""
    arguments = _parse()
    _configure_logging()
    _shed_environment()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = logging.getLogger("sandbox.server")
    try:
        config = configs.read(arguments.config, arguments.credentials)
    except configs.ConfigError as exc:
        log.error("can't start: %s", exc)
        return 1
    # Imported late: a wrong configuration is told at once, not after half a second of imports.
    from sandbox.server import process  # noqa: PLC0415
    from sandbox.server.errors import PortUnavailable  # noqa: PLC0415
    from sandbox.store.errors import StoreError  # noqa: PLC0415

    try:
        if arguments.role == MIGRATE:
            process.migrate(config, stop)
            return 0
        instance = arguments.instance or (config.name if config.kubernetes is None else socket.gethostname())
        control_plane = process.ServerProcess(config, arguments.role, instance)
        signal.signal(signal.SIGHUP, lambda *_: control_plane.warm())
        if not control_plane.start(stop):
            return 0
    except (PortUnavailable, configs.ConfigError, StoreError) as exc:
        log.error("can't start: %s", exc)
        return 1
    gc.collect()
    gc.freeze()  # what was imported stays: full collections need not look at it again
    stop.wait()
    log.info("stopping")
    control_plane.stop()
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server", description="Run the control plane.")
    parser.add_argument("--config", type=Path, required=True, help="a sandbox.json")
    parser.add_argument(
        "--credentials",
        type=Path,
        metavar="DIRECTORY",
        help="files whose content takes the place of what the document says: database-url, s3-access-key, "
        "s3-secret-key",
    )
    parser.add_argument("--role", choices=ROLES, default=ALL, help="what this process does (%(default)s)")
    parser.add_argument(
        "--instance",
        metavar="NAME",
        help="this process's name among its replicas; in a cluster the host's by default, which is the pod's",
    )
    return parser.parse_args()


def _configure_logging() -> None:
    faulthandler.enable()
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _shed_environment() -> None:
    """What marks this process, or lets it find the appliance's modules, is not for those that it starts."""
    for name in ("SANDBOX_COMPONENT_OF", "PYTHONPATH", "PYTHONUNBUFFERED", "MALLOC_ARENA_MAX"):
        os.environ.pop(name, None)


if __name__ == "__main__":
    sys.exit(main())

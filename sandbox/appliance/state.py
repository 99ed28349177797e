"""Where one sandbox lives on disk.

```
<home>/<name>/
  sandbox.json      what it is: profile, ports, the server's config, the components to run
  run/              <component>.json (pid, start time, restarts), sockets
  postgres/         the database cluster (a link, when it must lie elsewhere: see embedded/postgres.py)
  objects/          the object store's folders: one a bucket
  logs/             <component>.log
  tasks/            the process executor's: attempts, task logs, code
  images/           image tags: <quoted tag>/environment.json
  secrets/          a file a secret: <quoted group>/<quoted key>
  environments/     the virtual environments that tags point to
```
`<home>` is `$SANDBOX_HOME`, or `~/.flyte/appliance`. The directory itself is the lock that serialises
commands on one sandbox (`locked`), so that nothing has to stay behind for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.appliance.errors import HomeUnusable, NotFound, TimedOut, UsageError, command
from sandbox.appliance.ports import Ports

DEFAULT_NAME = "sandbox"
FORMAT = 1
"""Of sandbox.json; a change that older code can't read raises it."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_RACES = 10
"""How often a directory may vanish between two system calls before it is taken for impossible."""
_SOCKET_PATH_LIMIT = 80
"""A unix socket's path may have 107 bytes; this leaves room for the file names."""


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The directory that holds all sandboxes of this user."""
    environ = os.environ if environ is None else environ
    given = environ.get("SANDBOX_HOME")
    if given:
        return Path(given).expanduser().absolute()
    user_home = environ.get("HOME")
    if not user_home:
        raise HomeUnusable(
            "there is no place to keep the sandbox",
            "neither SANDBOX_HOME nor HOME is set",
            "Set SANDBOX_HOME to a directory that you can write to.",
        )
    return Path(user_home).absolute() / ".flyte" / "appliance"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """What `sandbox.json` says."""

    name: str
    profile: str
    ports: Ports
    created_at: float
    """Seconds since the epoch."""
    version: str
    """Of the appliance that wrote it."""
    env: dict[str, str]
    """Added to the environment of every task."""
    source: str | None
    """Absolute path of the user's project (`--source`), if one was given."""
    enforce_limits: bool
    offload_from: int
    """MiB from which on literals are kept in files of their own; 0: never."""
    server: dict[str, Any]
    """`sandbox.server.config.ServerConfig` as JSON."""
    components: list[dict[str, Any]]
    """`sandbox.appliance.embedded.components.Component` as JSON, in start order."""
    connectors: dict[str, Any] = field(default_factory=dict)
    """`sandbox.appliance.connectors.Connectors` as JSON; empty: none."""

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "profile": self.profile,
            "ports": self.ports.to_json(),
            "created_at": self.created_at,
            "version": self.version,
            "env": self.env,
            "source": self.source,
            "enforce_limits": self.enforce_limits,
            "offload_from": self.offload_from,
            "server": self.server,
            "components": self.components,
            "connectors": self.connectors,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SandboxConfig:
        return cls(
            name=data["name"],
            profile=data["profile"],
            ports=Ports.from_json(data["ports"]),
            created_at=float(data["created_at"]),
            version=data["version"],
            env=dict(data["env"]),
            source=data["source"],
            enforce_limits=bool(data["enforce_limits"]),
            offload_from=int(data.get("offload_from", 0)),
            server=data["server"],
            components=data["components"],
            connectors=data.get("connectors") or {},
        )


@dataclass(frozen=True, slots=True)
class SandboxState:
    """The directory of one sandbox; every path in it has its name here."""

    name: str
    root: Path

    @classmethod
    def locate(cls, name: str = DEFAULT_NAME, *, at: Path | None = None) -> SandboxState:
        """The place for a sandbox, whether it exists or not."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} can't be the name of a sandbox",
                "a name has 1 to 40 lower-case letters, digits and hyphens; no hyphen begins or ends it",
                "Choose another --name.",
            )
        return cls(name, (home() if at is None else at) / name)

    @classmethod
    def known(cls) -> list[SandboxState]:
        """All sandboxes of this user, by name."""
        folder = home()
        if not folder.is_dir():
            return []
        found = [cls(entry.name, entry) for entry in folder.iterdir() if (entry / "sandbox.json").is_file()]
        return sorted(found, key=lambda state: state.name)

    @property
    def config_path(self) -> Path:
        return self.root / "sandbox.json"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def secrets(self) -> Path:
        """Only their owner may read them, and `SecretStore` makes the directory."""
        return self.root / "secrets"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def directories(self) -> tuple[Path, ...]:
        """What a sandbox needs to exist before anything is started."""
        return (self.run, self.objects, self.logs, self.tasks, self.images, self.environments)

    @property
    def identity(self) -> str:
        """Short and unique for this directory: names what must lie outside it."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """Where unix sockets go: `run/`, or a short path elsewhere if that would be too long for a socket."""
        if len(os.fsencode(self.run)) <= _SOCKET_PATH_LIMIT:
            return self.run
        return Path(tempfile.gettempdir()) / f"flyte-sandbox-{os.getuid()}-{self.identity}"

    def log_path(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def record_path(self, component: str) -> Path:
        """The supervisor's record of a component: pid, start time, restarts."""
        return self.run / f"{component}.json"

    def exists(self) -> bool:
        return self.config_path.is_file()

    def load(self) -> SandboxConfig:
        """What sandbox.json says; raises NotFound."""
        try:
            data = json.loads(self.config_path.read_bytes())
        except FileNotFoundError:
            raise NotFound.named(self.name) from None
        except ValueError as exc:
            raise self._unreadable(str(exc)) from exc
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise self._unreadable("another version of the appliance wrote it")
        try:
            return SandboxConfig.from_json(data)
        except (KeyError, TypeError, ValueError) as exc:
            raise self._unreadable(f"a field is missing or wrong: {exc}") from exc

    def _unreadable(self, cause: str) -> UsageError:
        return UsageError(
            f"{self.config_path} can't be read",
            cause,
            f"Tear the sandbox down with `{command('teardown', self.name)}`, which keeps its data, and start "
            "it again.",
        )

    def save(self, config: SandboxConfig) -> None:
        """Write sandbox.json, all or nothing. It holds credentials: only its owner may read it."""
        write_atomically(self.config_path, json.dumps(config.to_json(), indent=2).encode())

    def create(self) -> None:
        """Make the directories; raises HomeUnusable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            os.chmod(self.root, 0o755 if os.getuid() == 0 else 0o700)
            for directory in self.directories:
                directory.mkdir(exist_ok=True)
            if self.sockets != self.run:
                self.sockets.mkdir(mode=0o711, exist_ok=True)
        except OSError as exc:
            raise unusable(self.root, exc) from exc

    def _open(self) -> int:
        """A descriptor of the directory, which is made if need be; raises HomeUnusable."""
        for _ in range(_RACES):
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError as exc:
                failure: OSError = exc  # removed in between by a teardown, or it can't be made there at all
            except OSError as exc:
                raise unusable(self.root, exc) from exc
        raise unusable(self.root, failure) from failure

    @contextlib.contextmanager
    def locked(self, *, timeout: float) -> Iterator[None]:
        """Hold the sandbox for one command: start, stop and teardown of the same name run one after another.

        Creates the directory. A teardown removes it while others wait for it: they notice and lock the new
        one.
        """
        deadline = time.monotonic() + timeout
        while True:
            descriptor = self._open()
            try:
                _acquire(descriptor, deadline, self.name)
                if _is_still(self.root, descriptor):
                    yield
                    return
            finally:
                os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old or the new content, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def unusable(path: Path, exc: OSError) -> HomeUnusable:
    """A directory that can't be made or written, explained."""
    return HomeUnusable(
        f"can't keep the sandbox in {path}",
        exc.strerror or str(exc),
        "Make it writable, free some space, or set SANDBOX_HOME to another directory.",
    )


def _acquire(descriptor: int, deadline: float, name: str) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"the sandbox {name!r} is busy",
                    "another `sandbox start`, `stop` or `teardown` has been working on it for too long",
                    "Wait for it, or end it, and try again.",
                ) from None
            time.sleep(0.02)
        else:
            return


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

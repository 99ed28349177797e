"""How a cluster is reached: from a pod in it, or by a kubeconfig.

The kubeconfig's credentials may be a certificate, a token, a file with one, a name with a password, or a
program that gives one (`client.authentication.k8s.io`), which is asked again when its answer has run out.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.executors.kubernetes.errors import NoConnection

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS = 60.0
"""A service account's token is renewed in its file; it is read again after this time."""
_EXEC_SECONDS = 60.0
_EARLY = dt.timedelta(seconds=30)

Headers = Callable[[bool], dict[str, str]]
"""The headers that authenticate; True: those given last were refused."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where an API server is, and how to be let in."""

    server: str
    """Its URL."""
    tls: ssl.SSLContext | None = None
    """None: plain HTTP."""
    server_name: str | None = None
    """Which name its certificate has to have; None: the URL's."""
    proxy: str | None = None
    headers: Headers = lambda refused: {}


def find(
    kubeconfig: Path | None,
    context: str | None,
    environ: Mapping[str, str],
    *,
    service_account: Path = _SERVICE_ACCOUNT,
) -> Connection:
    """The kubeconfig's cluster if there is one, else the cluster that this process runs in.

    Raises NoConnection.
    """
    if kubeconfig is not None:
        return by_kubeconfig(kubeconfig, context, environ)
    return in_cluster(environ, service_account)


def in_cluster(environ: Mapping[str, str], service_account: Path = _SERVICE_ACCOUNT) -> Connection:
    """From within a pod, as its service account. Raises NoConnection."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = service_account / "token"
    if not host or not token.is_file():
        raise NoConnection(
            "this process does not run in a pod with a service account, and no kubeconfig is named: give "
            "one, or let the pod mount its service account's token"
        )
    try:
        tls = ssl.create_default_context(cafile=str(service_account / "ca.crt"))
    except (OSError, ssl.SSLError) as exc:
        raise NoConnection(f"the cluster's certificate can't be read: {exc}") from exc
    name = f"[{host}]" if ":" in host else host
    return Connection(f"https://{name}:{port}", tls=tls, headers=_FileToken(token))


def by_kubeconfig(path: Path, context: str | None, environ: Mapping[str, str]) -> Connection:
    """The cluster of a kubeconfig's context (None: its current one). Raises NoConnection."""
    # Late: a pod's process never reads a kubeconfig.
    import yaml  # noqa: PLC0415

    try:
        config = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as exc:
        raise NoConnection(f"the kubeconfig {path} can't be read: {exc}") from exc
    if not isinstance(config, dict):
        raise NoConnection(f"{path} is no kubeconfig")
    chosen = context or str(config.get("current-context") or "")
    if not chosen:
        raise NoConnection(f"the kubeconfig {path} has no current context: name one")
    wanted = _named(config, "contexts", "context", chosen, path)
    cluster = _named(config, "clusters", "cluster", str(wanted.get("cluster", "")), path)
    user = _named(config, "users", "user", str(wanted["user"]), path) if wanted.get("user") else {}
    server = str(cluster.get("server") or "")
    if not server.startswith(("http://", "https://")):
        raise NoConnection(f"the cluster of the context {chosen!r} in {path} has no server's URL")
    folder = path.resolve().parent
    try:
        credentials = _credentials(user, folder, environ)
        tls = _tls(cluster, user, folder, credentials) if server.startswith("https://") else None
    except (OSError, ValueError, ssl.SSLError) as exc:
        raise NoConnection(f"the credentials of the context {chosen!r} in {path} are no use: {exc}") from exc
    return Connection(
        server=server.rstrip("/"),
        tls=tls,
        server_name=cluster.get("tls-server-name") or None,
        proxy=cluster.get("proxy-url") or None,
        headers=credentials,
    )


def _named(config: Mapping[str, Any], many: str, one: str, name: str, path: Path) -> dict[str, Any]:
    entries = [entry for entry in config.get(many) or () if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("name") == name:
            return dict(entry.get(one) or {})
    known = ", ".join(sorted(str(entry.get("name")) for entry in entries)) or "none"
    raise NoConnection(f"the kubeconfig {path} has no {one} {name!r}; it has: {known}")


def _tls(
    cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path, credentials: Headers
) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", folder)
    key = _bytes(user, "client-key", folder)
    if isinstance(credentials, _Program):
        given = credentials.certificate()
        certificate, key = given or (certificate, key)
    if certificate and key:
        _load_pair(tls, certificate, key)
    return tls


def _load_pair(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL reads them from files only; nobody else may read these, and they are gone at once."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name)


def _bytes(section: Mapping[str, Any], word: str, folder: Path) -> bytes | None:
    if section.get(f"{word}-data"):
        return base64.b64decode(section[f"{word}-data"], validate=True)
    return (folder / str(section[word])).read_bytes() if section.get(word) else None


def _credentials(user: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Headers:
    if user.get("tokenFile"):
        return _FileToken(folder / str(user["tokenFile"]))
    if user.get("token"):
        return _fixed(f"Bearer {user['token']}")
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return _fixed(f"Basic {base64.b64encode(pair).decode()}")
    if user.get("exec"):
        return _Program(user["exec"], folder, environ)
    return lambda refused: {}


def _fixed(authorization: str) -> Headers:
    return lambda refused: {"authorization": authorization}


class _FileToken:
    """A token in a file that somebody renews."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._read_at = float("-inf")

    def __call__(self, refused: bool) -> dict[str, str]:
        if refused or time.monotonic() - self._read_at > _TOKEN_SECONDS:
            self._token = self._path.read_text(encoding="ascii").strip()
            self._read_at = time.monotonic()
        return {"authorization": f"Bearer {self._token}"}


class _Program:
    """A program that gives a token, or a certificate, for some time."""

    def __init__(self, spec: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> None:
        command = str(spec.get("command") or "")
        if not command:
            raise ValueError("exec names no command")
        self._argv = [str(folder / command) if os.sep in command else command, *(spec.get("args") or ())]
        own = {str(pair["name"]): str(pair["value"]) for pair in spec.get("env") or ()}
        version = str(spec.get("apiVersion") or "client.authentication.k8s.io/v1")
        about = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        self._environ = {**environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(about)}
        self._lock = threading.Lock()
        self._status: dict[str, Any] = {}
        self._until: dt.datetime | None = None

    def __call__(self, refused: bool) -> dict[str, str]:
        token = self._current(anew=refused).get("token")
        return {"authorization": f"Bearer {token}"} if token else {}

    def certificate(self) -> tuple[bytes, bytes] | None:
        """Certificate and key, if that is what it gives."""
        status = self._current(anew=False)
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        return (str(certificate).encode(), str(key).encode()) if certificate and key else None

    def _current(self, *, anew: bool) -> dict[str, Any]:
        with self._lock:
            out = self._until is not None and dt.datetime.now(dt.UTC) > self._until - _EARLY
            if anew or out or not self._status:
                self._ask()
            return self._status

    def _ask(self) -> None:
        try:
            done = subprocess.run(
                self._argv, env=self._environ, capture_output=True, timeout=_EXEC_SECONDS, check=True
            )
            self._status = dict(json.loads(done.stdout)["status"])
        except subprocess.CalledProcessError as exc:
            said = exc.stderr.decode("utf-8", "replace").strip()
            raise OSError(f"{self._argv[0]} ended with {exc.returncode}: {said}") from exc
        except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as exc:
            raise OSError(f"{self._argv[0]} gave no credentials: {exc}") from exc
        until = self._status.get("expirationTimestamp")
        self._until = dt.datetime.fromisoformat(until.replace("Z", "+00:00")) if until else None

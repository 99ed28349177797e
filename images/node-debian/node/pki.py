"""Keys, certificates and kubeconfigs: made once, by openssl, kept with the node's state.

A node that joins gets the whole folder from the first one before it is started.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from node.settings import DOMAIN, FIRST_SERVICE, STATE, Settings

FOLDER = STATE / "pki"
CA, CA_KEY = FOLDER / "ca.crt", FOLDER / "ca.key"
SIGNING_KEY = FOLDER / "service-accounts.key"
_DAYS = "3650"
ADMIN = "admin"
_COMPONENTS = {
    ADMIN: ("system:masters", "kubernetes-admin"),
    "controller-manager": ("system:masters", "system:kube-controller-manager"),
    "scheduler": ("", "system:kube-scheduler"),
    "proxy": ("", "system:kube-proxy"),
    "kubelet-client": ("system:masters", "kube-apiserver-kubelet-client"),
    "dns": ("system:masters", "sandbox-dns"),
    "routes": ("system:masters", "sandbox-routes"),
    "volumes": ("system:masters", "sandbox-volumes"),
}
"""Organisation (a group) and common name (a user) of each."""


def prepare(settings: Settings) -> None:
    """Make what is not there."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not CA.exists():
        _create_authority()
    if not SIGNING_KEY.exists():
        _generate(SIGNING_KEY)
    if settings.is_server:
        _issue("apiserver", "", "kube-apiserver", _server_names(settings))
        for name, (organisation, user) in _COMPONENTS.items():
            _issue(name, organisation, user, "")
    own = _names(settings.name, *_own_addresses())
    _issue(f"kubelet-{settings.name}", "system:nodes", f"system:node:{settings.name}", own)
    for name in [*_COMPONENTS, f"kubelet-{settings.name}"]:
        if certificate(name).exists():
            kubeconfig(name).write_text(_kubeconfig(settings.server, name))


def certificate(name: str) -> Path:
    return FOLDER / f"{name}.crt"


def key(name: str) -> Path:
    return FOLDER / f"{name}.key"


def kubeconfig(name: str) -> Path:
    return FOLDER / f"{name}.kubeconfig"


def _create_authority() -> None:
    _generate(CA_KEY)
    subject = ("-subj", "/CN=sandbox-ca", "-days", _DAYS)
    _openssl("req", "-x509", "-new", "-key", str(CA_KEY), "-out", str(CA), *subject)


def _issue(name: str, organisation: str, user: str, alternatives: str) -> None:
    """A key and a certificate, unless they are there with the same names."""
    extensions = FOLDER / f"{name}.ext"
    wanted = "extendedKeyUsage=clientAuth,serverAuth\n"
    wanted += f"subjectAltName={alternatives}\n" if alternatives else ""
    if certificate(name).exists() and extensions.exists() and extensions.read_text() == wanted:
        return
    extensions.write_text(wanted)
    request = FOLDER / f"{name}.csr"
    _generate(key(name))
    subject = (f"/O={organisation}" if organisation else "") + f"/CN={user}"
    _openssl("req", "-new", "-key", str(key(name)), "-subj", subject, "-out", str(request))
    _openssl(
        *("x509", "-req", "-in", str(request), "-CA", str(CA), "-CAkey", str(CA_KEY), "-CAcreateserial"),
        *("-days", _DAYS, "-extfile", str(extensions), "-out", str(certificate(name))),
    )
    request.unlink()


def _server_names(settings: Settings) -> str:
    service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{DOMAIN}",
    ]
    return _names("localhost", "127.0.0.1", FIRST_SERVICE, settings.name, *service, *settings.names)


def _own_addresses() -> list[str]:
    """Those by which the API server dials the kubelet: others after each start of the container."""
    command = ["ip", "-json", "-4", "address", "show", "scope", "global"]
    links = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [address["local"] for link in links for address in link.get("addr_info", ())]


def _names(*names: str) -> str:
    return ",".join(f"{'IP' if name.replace('.', '').isdigit() else 'DNS'}:{name}" for name in names)


def _kubeconfig(server: str, name: str) -> str:
    authority, own, secret = (_encoded(path) for path in (CA, certificate(name), key(name)))
    return f"""apiVersion: v1
kind: Config
clusters:
- name: sandbox
  cluster: {{server: "https://{server}:6443", certificate-authority-data: {authority}}}
users:
- name: {name}
  user: {{client-certificate-data: {own}, client-key-data: {secret}}}
contexts:
- name: sandbox
  context: {{cluster: sandbox, user: {name}}}
current-context: sandbox
"""


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _generate(path: Path) -> None:
    """A key. On an elliptic curve, which takes a tenth of the time of RSA's."""
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)

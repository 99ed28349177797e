"""The programs of the node: how each is called, what it needs before it, how to tell that it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node import images, pki, probes, runtime
from node.settings import DOMAIN, PODS, SERVICES, STATE, Settings

KUBELET_CONFIG = Path("/run/kubelet.yaml")
HOSTS = Path("/run/cluster-hosts")
"""dnsmasq reads this file when it is told to; `dns` writes it."""
DNSMASQ_PID = Path("/run/dnsmasq.pid")
API_SERVER, DOCKER = "kube-apiserver", "dockerd"


@dataclass(frozen=True)
class Component:
    """One supervised program."""

    name: str
    command: list[str]
    ready: Callable[[], bool]
    after: tuple[str, ...] = ()
    """Those that must be ready before it is started."""
    once: bool = False
    """It does its work and ends: ready means that it ended well."""


def of(settings: Settings) -> list[Component]:
    """All of this node, in the order in which they are started."""
    server = [_etcd(), _api_server(), _controller_manager(), _scheduler()] if settings.is_server else []
    api = (API_SERVER,) if settings.is_server else ()
    worker = [
        _docker(settings),
        _dnsmasq(settings),
        Component("images", _module("images"), _always, (DOCKER,), once=True),
        _kubelet(settings, (DOCKER, *api)),
        _proxy(settings, api),
        Component("controllers", _module("controllers"), _always, api),
    ]
    return [*server, *worker]


def _etcd() -> Component:
    command = ["etcd", "--data-dir", str(STATE / "etcd"), "--auto-compaction-retention", "1"]
    return Component("etcd", command, lambda: probes.answers(2379, "/health"))


def _api_server() -> Component:
    command = [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        "--secure-port=6443",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={pki.SIGNING_KEY}",
        f"--service-account-key-file={pki.SIGNING_KEY}",
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        f"--client-ca-file={pki.CA}",
        f"--kubelet-client-certificate={pki.certificate('kubelet-client')}",
        f"--kubelet-client-key={pki.key('kubelet-client')}",
        f"--kubelet-certificate-authority={pki.CA}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--enable-aggregator-routing=false",
    ]
    return Component(API_SERVER, command, lambda: probes.api_server_answers("/readyz"), ("etcd",))


def _controller_manager() -> Component:
    """All controllers share one identity: accounts of their own would cost ten seconds of each start."""
    command = [
        "kube-controller-manager",
        f"--kubeconfig={pki.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={pki.SIGNING_KEY}",
        f"--root-ca-file={pki.CA}",
        f"--cluster-signing-cert-file={pki.CA}",
        f"--cluster-signing-key-file={pki.CA_KEY}",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--node-monitor-period=2s",
        f"--cluster-cidr={PODS}",
        "--controllers=*,-cloud-node-lifecycle,-nodeipam,-route,-service",
        "--leader-elect=false",
        "--node-monitor-grace-period=20s",
        "--pod-eviction-timeout=20s",
    ]
    return Component("kube-controller-manager", command, _always, (API_SERVER,))


def _scheduler() -> Component:
    command = ["kube-scheduler", f"--kubeconfig={pki.kubeconfig('scheduler')}", "--leader-elect=false"]
    return Component("kube-scheduler", command, _always, (API_SERVER,))


def _docker(settings: Settings) -> Component:
    """Containers of pods get their network from CNI; those of image builds from Docker's own bridge."""
    command = [
        "dockerd",
        f"--data-root={STATE / 'docker'}",
        "--host=unix:///var/run/docker.sock",
        f"--bip={settings.docker_gateway}/24",
        f"--dns={settings.docker_gateway}",
        "--insecure-registry=127.0.0.0/8",
        "--insecure-registry=localhost:30000",
        "--iptables=true",
        *runtime.flags(),
        "--log-opt=max-size=10m",
    ]
    return Component(DOCKER, command, probes.docker_answers)


def _dnsmasq(settings: Settings) -> Component:
    """Answers for the cluster's names; asks the container's own resolver for all others."""
    command = [
        "dnsmasq",
        "--keep-in-foreground",
        "--bind-dynamic",
        f"--listen-address=127.0.0.1,{settings.gateway},{settings.docker_gateway}",
        "--no-hosts",
        f"--addn-hosts={HOSTS}",
        f"--pid-file={DNSMASQ_PID}",
        f"--local=/{DOMAIN}/",
        "--cache-size=1000",
        "--user=root",
    ]
    return Component("dnsmasq", command, _always)


def _kubelet(settings: Settings, after: tuple[str, ...]) -> Component:
    name = f"kubelet-{settings.name}"
    command = [
        "kubelet",
        f"--config={KUBELET_CONFIG}",
        f"--kubeconfig={pki.kubeconfig(name)}",
        f"--root-dir={STATE / 'kubelet'}",
        f"--hostname-override={settings.name}",
        "--network-plugin=cni",
        "--cni-bin-dir=/usr/lib/cni",
        f"--pod-infra-container-image={images.PAUSE}",
    ]
    return Component("kubelet", command, lambda: probes.answers(10248, "/healthz"), after)


def _proxy(settings: Settings, after: tuple[str, ...]) -> Component:
    command = [
        "kube-proxy",
        f"--kubeconfig={pki.kubeconfig('proxy')}",
        f"--cluster-cidr={PODS}",
        f"--hostname-override={settings.name}",
        "--conntrack-max-per-core=0",
    ]
    return Component("kube-proxy", command, lambda: probes.answers(10249, "/healthz"), after)


def kubelet_config(settings: Settings) -> str:
    """The kubelet's file. Disk pressure is announced early enough to be told apart from lost images."""
    name = f"kubelet-{settings.name}"
    return f"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: false}}
  x509: {{clientCAFile: {pki.CA}}}
authorization: {{mode: AlwaysAllow}}
tlsCertFile: {pki.certificate(name)}
tlsPrivateKeyFile: {pki.key(name)}
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: []
failSwapOn: false
clusterDNS: [{settings.gateway}]
clusterDomain: {DOMAIN}
evictionHard: {{memory.available: 64Mi, nodefs.available: 1%, imagefs.available: 1%}}
imageGCHighThresholdPercent: 100
maxPods: 250
serializeImagePulls: false
"""


def cni_config(settings: Settings) -> str:
    """Pods on one bridge, with addresses of the node's own range."""
    return f"""{{"cniVersion": "0.4.0", "name": "sandbox", "plugins": [
  {{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": {{"type": "host-local", "dataDir": "/run/cni", "ranges": [[{{"subnet": "{settings.pods}"}}]],
              "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
  {{"type": "portmap", "capabilities": {{"portMappings": true}}}}
]}}
"""


def _module(name: str) -> list[str]:
    return ["python3", "-m", f"node.{name}"]


def _always() -> bool:
    return True

"""The webhook's certificate: who trusts it, and when there is a new one."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.webhook import certificates, server
from sandbox.webhook.certificates import Bundle

NAMES = certificates.names("flyte-pod-webhook", "flyte")
NOW = datetime.now(UTC)


def handshake(bundle: Bundle, trusted: bytes, name: str) -> None:
    """Over a real connection; raises what a client would see."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load(serving, bundle)
    client = ssl.create_default_context(cadata=trusted.decode())
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours:
            client.wrap_socket(ours, server_hostname=name).close()
    finally:
        thread.join()


def test_the_api_server_can_call_it_by_its_name() -> None:
    bundle = certificates.current({}, NAMES, NOW)
    handshake(bundle, bundle.authority, "flyte-pod-webhook.flyte.svc")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(bundle, bundle.authority, "another.flyte.svc")


def test_another_authority_is_not_trusted() -> None:
    bundle, other = certificates.current({}, NAMES, NOW), certificates.current({}, NAMES, NOW)
    with pytest.raises(ssl.SSLError):
        handshake(bundle, other.authority, NAMES[0])


def test_what_serves_is_kept() -> None:
    bundle = certificates.current({}, NAMES, NOW)
    assert certificates.current(bundle.to_data(), NAMES, NOW + timedelta(days=300)) == bundle


def test_what_runs_out_is_renewed_by_the_same_authority() -> None:
    old = certificates.current({}, NAMES, NOW - timedelta(days=340))
    new = certificates.current(old.to_data(), NAMES, NOW)
    assert new.authority == old.authority
    assert new.certificate != old.certificate
    handshake(new, old.authority, NAMES[0])


def test_an_authority_that_runs_out_is_replaced() -> None:
    old = certificates.current({}, NAMES, NOW)
    new = certificates.current(old.to_data(), NAMES, NOW + timedelta(days=3400))
    assert new.authority != old.authority


def test_another_service_needs_another_certificate() -> None:
    old = certificates.current({}, NAMES, NOW)
    names = certificates.names("flyte-pod-webhook", "elsewhere")
    new = certificates.current(old.to_data(), names, NOW)
    assert new.authority == old.authority
    handshake(new, old.authority, names[0])


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
@pytest.mark.parametrize("broken", [None, b"", b"nonsense"])
def test_what_is_broken_is_made_anew(name: str, broken: bytes | None) -> None:
    data = certificates.current({}, NAMES, NOW).to_data()
    if broken is None:
        del data[name]
    else:
        data[name] = broken
    mended = certificates.current(data, NAMES, NOW)
    handshake(mended, mended.authority, NAMES[0])


def test_keys_of_two_authorities_are_not_mixed() -> None:
    one, two = certificates.current({}, NAMES, NOW), certificates.current({}, NAMES, NOW)
    mended = certificates.current({**one.to_data(), "ca.key": two.authority_key}, NAMES, NOW)
    handshake(mended, mended.authority, NAMES[0])
    mended = certificates.current({**one.to_data(), "tls.key": two.key}, NAMES, NOW)
    assert mended.authority == one.authority
    handshake(mended, one.authority, NAMES[0])


def test_a_key_is_on_no_disk_after_it_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificates.current({}, NAMES, NOW))
    assert list(tmp_path.iterdir()) == []

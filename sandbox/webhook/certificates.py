"""The certificate that the API server trusts: an authority of our own, and what it signs.

Both are kept together in one Secret, from which every replica of the webhook takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, AUTHORITY_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
_AUTHORITY_LIVES = timedelta(days=3650)
_LIVES = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(minutes=10)
"""Clocks differ."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """PEM, all of it."""

    authority: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes

    def to_data(self) -> dict[str, bytes]:
        """As the Secret has it."""
        return {
            AUTHORITY: self.authority,
            AUTHORITY_KEY: self.authority_key,
            CERTIFICATE: self.certificate,
            KEY: self.key,
        }


def names(service: str, namespace: str) -> list[str]:
    """Those by which the API server may call a service."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}", service]


def current(found: Mapping[str, bytes], wanted: list[str], now: datetime) -> Bundle:
    """What serves from now on: what was found if it does, a new certificate of the same authority if that
    does, else all anew.
    """
    authority = _authority(found, now)
    if authority is None:
        return _sign(*_new_authority(now), wanted, now)
    if _serves(found, authority[0], wanted, now):
        return Bundle(found[AUTHORITY], found[AUTHORITY_KEY], found[CERTIFICATE], found[KEY])
    return _sign(*authority, wanted, now)


def _authority(
    found: Mapping[str, bytes], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    try:
        certificate = x509.load_pem_x509_certificate(found[AUTHORITY])
        key = serialization.load_pem_private_key(found[AUTHORITY_KEY], None)
    except (KeyError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    # What it signs must not outlive it.
    return (certificate, key) if certificate.not_valid_after_utc - _LIVES > now else None


def _serves(
    found: Mapping[str, bytes], authority: x509.Certificate, wanted: list[str], now: datetime
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(found[CERTIFICATE])
        key = serialization.load_pem_private_key(found[KEY], None)
        certificate.verify_directly_issued_by(authority)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (KeyError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        key.public_key() == certificate.public_key()
        and set(named.value.get_values_for_type(x509.DNSName)) >= set(wanted)
        and certificate.not_valid_after_utc - _RENEWED_BEFORE > now
    )


def _new_authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("flyte-pod-webhook authority")
    builder = (
        _builder(name, name, key, now, _AUTHORITY_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _sign(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    wanted: list[str],
    now: datetime,
) -> Bundle:
    key = ec.generate_private_key(ec.SECP256R1())
    identity = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name(wanted[0]), authority.subject, key, now, _LIVES)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in wanted]), critical=False)
        .add_extension(identity, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Bundle(_pem(authority), _pem_of_key(authority_key), _pem(certificate), _pem_of_key(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lives: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lives)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    """A common name has 64 letters at most; who is meant is in the alternative names."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

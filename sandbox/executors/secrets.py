"""Secrets: where a sandbox keeps them, and what an attempt gets that asks for some.

A secret has a *key* within a *group* (which may be empty), and a value: any bytes. They are files that only
their owner may read, `<directory>/<quoted group>/<quoted key>`; nothing else of the sandbox holds a value.

What tasks find follows Flyte's secrets webhook and the two lookups of flytekit's `SecretsManager`: the
variable `_FSEC_<GROUP>_<KEY>` in upper case, and the file `<group>/<key>` in lower case under
FLYTE_SECRETS_DEFAULT_DIR. A request without a preference gets both (as far as the value can be a variable).
Both names exist with and without the group's version, of which the store keeps only one.

An executor that starts processes takes a `Grant`; one that starts pods has the cluster mount secrets of the
same names, and needs only `requested`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote

from flyteidl.core import security_pb2

_NO_GROUP = "="
"""The folder of secrets without a group: no quoted name looks like this."""
_ENV_PREFIX = "_FSEC_"
DIRECTORY_VARIABLE = "FLYTE_SECRETS_DEFAULT_DIR"
_ENV_PREFIX_VARIABLE = "FLYTE_SECRETS_ENV_PREFIX"
_FILE_PREFIX_VARIABLE = "FLYTE_SECRETS_FILE_PREFIX"
MAX_BYTES = 1024 * 1024
"""The largest value, as in Kubernetes."""

_MAX_NAME = 200
"""Of group and key each, as they are quoted: they are names of files."""

Secret: TypeAlias = security_pb2.Secret


class MissingSecretError(LookupError):
    """A task asks for a secret that the sandbox does not have; the message says how to set it."""


class UnusableSecretError(ValueError):
    """A secret can't be kept, or not be given in the way that a task asks for."""


@dataclass(frozen=True, slots=True, order=True)
class SecretName:
    """A secret without its value."""

    group: str
    """May be empty."""
    key: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What an attempt gets."""

    env: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Relative path to content, below the attempt's own directory for secrets."""


class SecretStore:
    """The secrets of one sandbox. Safe to use from several processes at once."""

    def __init__(self, directory: Path, *, flags: str = "") -> None:
        self._directory = directory
        self._flags = flags
        """What `sandbox secret set` needs to reach this sandbox: ` --name mine`."""

    def put(self, name: SecretName, value: bytes) -> None:
        """Keep a value, in place of the one before. Raises UnusableSecretError, OSError."""
        if not name.key or any(part in (".", "..") for part in (name.group, name.key)):
            raise UnusableSecretError("a secret needs a key, and neither key nor group can be '.' or '..'")
        if max(len(quote(part, safe="")) for part in (name.group, name.key)) > _MAX_NAME:
            raise UnusableSecretError(f"the name of a secret may have {_MAX_NAME} letters")
        if len(value) > MAX_BYTES:
            raise UnusableSecretError(f"a secret may have {MAX_BYTES} bytes, this one has {len(value)}")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=".new.", dir=path.parent)  # only its owner may read it
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise

    def delete(self, name: SecretName) -> bool:
        """Remove a secret; False if there is none of exactly this name."""
        path = self._path(name)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        with contextlib.suppress(OSError):  # others of the group are there
            path.parent.rmdir()
        return True

    def names(self) -> list[SecretName]:
        """All secrets, sorted."""
        return sorted(self._each())

    def find(self, group: str, key: str) -> bytes | None:
        """The value of a secret; where no name is exactly this one, upper and lower case are the same."""
        value = self._read(SecretName(group, key))
        if value is not None:
            return value
        wanted = SecretName(group.casefold(), key.casefold())
        for name in self.names():
            if SecretName(name.group.casefold(), name.key.casefold()) == wanted:
                return self._read(name)
        return None

    def keys(self, group: str) -> list[str]:
        """The keys of a group."""
        return [name.key for name in self.names() if name.group.casefold() == group.casefold()]

    def advice(self, secret: Secret) -> str:
        """The command that sets a secret."""
        words = " ".join(part for part in (secret.group, secret.key or "KEY") if part)
        return f"sandbox secret set {words}{self._flags}"

    def _path(self, name: SecretName) -> Path:
        return self._directory / (quote(name.group, safe="") or _NO_GROUP) / quote(name.key, safe="")

    def _read(self, name: SecretName) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                return None
            raise

    def _each(self) -> Iterator[SecretName]:
        try:
            groups = list(self._directory.iterdir())
        except FileNotFoundError:
            return
        for group in groups:
            with contextlib.suppress(FileNotFoundError):
                for file in group.iterdir():
                    if not file.name.startswith(".new."):
                        name = "" if group.name == _NO_GROUP else unquote(group.name)
                        yield SecretName(name, unquote(file.name))


def requested(*contexts: security_pb2.SecurityContext) -> tuple[Secret, ...]:
    """The secrets that a task's and an execution's security contexts ask for, each once."""
    found: dict[bytes, Secret] = {}
    for context in contexts:
        for secret in context.secrets:
            found.setdefault(secret.SerializeToString(deterministic=True), secret)
    return tuple(found.values())


def grant(secrets: Iterable[Secret], store: SecretStore, directory: Path) -> Grant:
    """What an attempt gets whose files will be below `directory`.

    Raises MissingSecretError, UnusableSecretError.
    """
    env: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for secret in _each_key(secrets, store):
        if "=" in secret.env_var or "\0" in secret.env_var:
            raise UnusableSecretError(f"{secret.env_var!r} can't be the name of an environment variable")
        value = store.find(secret.group, secret.key)
        if value is None:
            raise missing(secret, store)
        if secret.mount_requirement != Secret.FILE:
            _give_variables(env, secret, value)
        if secret.mount_requirement != Secret.ENV_VAR:
            path = _give_files(files, secret, value)
            if secret.env_var:
                env[secret.env_var] = str(directory / path)
            env[DIRECTORY_VARIABLE] = str(directory)
            env[_FILE_PREFIX_VARIABLE] = ""
    if env:
        env[_ENV_PREFIX_VARIABLE] = _ENV_PREFIX
    return Grant(env, files)


def missing(secret: Secret, store: SecretStore) -> MissingSecretError:
    """Says which secret is missing, and the command that sets it."""
    what = f"the secret {secret.key!r}" if secret.key else "a secret"
    where = f"of the group {secret.group!r}" if secret.group else "without a group"
    return MissingSecretError(
        f"the task asks for {what} {where}, which this sandbox does not have. "
        f"Set it with `{store.advice(secret)}` and run the execution again."
    )


def _each_key(secrets: Iterable[Secret], store: SecretStore) -> Iterator[Secret]:
    """One request a key: a request without one is for all keys of its group."""
    for secret in secrets:
        if secret.key:
            yield secret
            continue
        keys = store.keys(secret.group)
        if not keys:
            raise missing(secret, store)
        for key in keys:
            one = Secret()
            one.CopyFrom(secret)
            one.key = key
            yield one


def _give_variables(env: dict[str, str], secret: Secret, value: bytes) -> None:
    names = [_ENV_PREFIX + "_".join(part.upper() for part in parts) for parts in _spellings(secret)]
    try:
        text = value.decode()
        fits = "\0" not in text and not any("=" in name for name in names)
    except UnicodeDecodeError:
        fits = False
    if not fits:
        if secret.mount_requirement == Secret.ANY:
            return
        raise UnusableSecretError(
            f"the secret {secret.key!r} of the group {secret.group!r} is no text, or its name none of a "
            "variable, so it can't be given in one: ask for it with mount_requirement=Secret.MountType.FILE"
        )
    env.update((name, text) for name in names)
    if secret.env_var and secret.mount_requirement == Secret.ENV_VAR:
        env[secret.env_var] = text


def _give_files(files: dict[str, bytes], secret: Secret, value: bytes) -> str:
    """The path of the plainest of the files."""
    plainest = ""
    for parts in _spellings(secret):
        for spelling in (parts, [part.lower() for part in parts]):
            path = "/".join(spelling)
            files[path] = value
        plainest = plainest or path
    return plainest


def _spellings(secret: Secret) -> list[list[str]]:
    """Group and key, without and with the version; raises UnusableSecretError for what is no name."""
    for part in (secret.group, secret.group_version, secret.key):
        if "/" in part or "\0" in part or part in (".", ".."):
            raise UnusableSecretError(f"{part!r} can't be the name of a secret, nor of a group")
    plain = [part for part in (secret.group, secret.key) if part]
    if not secret.group_version:
        return [plain]
    return [plain, [part for part in (secret.group, secret.group_version, secret.key) if part]]

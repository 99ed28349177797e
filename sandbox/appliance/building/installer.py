"""uv, the installer: the one place that runs it, with a person's own package index settings.

A person's index may be set for uv or only for pip; what pip knows from its variables and its config files
and uv was not told is handed on in uv's words.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

_CARRIED = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
}
"""pip's setting → uv's variable (the first one), and older names that say the same."""

_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
"""They describe the Python that runs this program, not the one that is made."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run of uv."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


def run(
    arguments: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> Outcome:
    """Run `uv <arguments>` to its end."""
    argv = (binary(), *arguments)
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(argv, done.returncode, done.stdout, done.stderr)


def binary() -> str:
    """The uv that was installed with this program; otherwise the one on the PATH."""
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return str(beside)
    found = shutil.which("uv")
    if found:
        return found
    return str(find_uv_bin())


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that uv runs with."""
    given = dict(os.environ if environ is None else environ)
    for name in _NOT_INHERITED:
        given.pop(name, None)
    pip = _pip_settings(given)
    for setting, names in _CARRIED.items():
        value = pip.get(setting)
        if value and not any(name in given for name in names):
            given[names[0]] = _in_uvs_form(setting, value)
    given["UV_NO_PROGRESS"] = "1"
    return given


def _in_uvs_form(setting: str, value: str) -> str:
    """Lists are separated by spaces in uv too, but for the places of wheels; and uv insists that those
    exist."""
    words = value.split()
    if setting == "find-links":
        return ",".join(word for word in words if "://" in word or Path(word).is_dir())
    return " ".join(words)


def _pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's own order: site, user, PIP_CONFIG_FILE, then variables."""
    found: dict[str, str] = {}
    for path in _pip_config_files(environ):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(
                    {name.replace("_", "-"): value for name, value in parser.items(section) if value}
                )
    for setting in _CARRIED:
        value = environ.get("PIP_" + setting.upper().replace("-", "_"))
        if value:
            found[setting] = value
    return found


def _pip_config_files(environ: Mapping[str, str]) -> list[str]:
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = environ.get("HOME", "")
    config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    files = ["/etc/pip.conf", f"{home}/.pip/pip.conf", f"{config}/pip/pip.conf"]
    return [*files, environ["PIP_CONFIG_FILE"]] if "PIP_CONFIG_FILE" in environ else files


def main() -> int:
    """`python -m sandbox.appliance.building.installer ARGUMENTS…`: uv, with these settings, in this
    process's place."""
    environ = environment()
    os.execve(binary(), [binary(), *sys.argv[1:]], environ)


if __name__ == "__main__":
    sys.exit(main())

"""Which of Docker's runtimes starts containers: runc, or runc behind a wrapper where a capability is
missing."""

from __future__ import annotations

from pathlib import Path

_SYS_RESOURCE = 24
_WRAPPER = "/usr/local/bin/runc-wrapper"


def flags(status: Path = Path("/proc/self/status")) -> list[str]:
    """Of dockerd. Without CAP_SYS_RESOURCE no process can be made harder to kill, which Docker asks runc
    for."""
    if has_capability(status.read_text(), _SYS_RESOURCE):
        return []
    return [f"--add-runtime=sandbox={_WRAPPER}", "--default-runtime=sandbox"]


def has_capability(status: str, number: int) -> bool:
    """Whether a process has a capability, from the text of its `/proc/…/status`."""
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) & 1 << number)

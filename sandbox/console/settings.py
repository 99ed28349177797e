"""What the console is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Settings of the pages. Nothing here is read from the environment."""

    version: str = ""
    """The sandbox's version, shown in the footer and by `/healthcheck`; empty means unknown."""

    sandbox_name: str = "sandbox"
    """Which sandbox this is: shown in the header, so that two windows can be told apart."""

    default_project: str = "flytesnacks"
    """Where `/console` leads when the browser has not chosen a project yet."""

    default_domain: str = "development"
    """The domain that goes with `default_project`."""

    hidden_projects: tuple[str, ...] = ("sandbox-system",)
    """Projects that belong to the sandbox itself: their pages work, but lists leave them out."""

    page_size: int = 50
    """Rows on one page of a list."""

    refresh_seconds: float = 1.0
    """How often an open page asks for news while something on it is still running."""

    call_timeout: float = 10.0
    """Seconds that a call to admin may take before the page says that admin does not answer."""

    log_chunk: int = 256 * 1024
    """Bytes of a log that are sent at a time."""

    deck_limit: int = 64 * 1024 * 1024
    """Bytes of a deck that are shown; a larger one is refused with a sentence."""

    allowed_hosts: tuple[str, ...] = ()
    """Further names under which a browser may reach the console. Addresses, `localhost` and names without a
    dot are always allowed; any other name could be a stranger's that points at this machine."""

"""What can go wrong around a sandbox, as the person at the keyboard should read it.

```
ApplianceError            what failed, the cause, the remedy
├── UsageError            a flag or a name that makes no sense
├── HomeUnusable          no place to keep the sandbox's state
├── NotFound              no sandbox of that name
├── NotRunning            the sandbox exists, but is stopped
├── PreflightFailed       the machine is not ready: a taken port, a full disk, …
├── ProfileUnavailable    a profile that this version can't boot
├── ComponentFailed       a component died or never became ready
├── CanaryFailed          everything is up, but a workflow did not run
└── TimedOut              the deadline that the user gave has passed
```
"""

from __future__ import annotations


class ApplianceError(Exception):
    """Something about a sandbox failed; carries what, why, and what to do next."""

    def __init__(self, what: str, cause: str, remedy: str) -> None:
        super().__init__(f"{what}: {cause}. {remedy}" if cause else f"{what}. {remedy}")
        self.what = what
        """One line without a full stop: what did not work."""
        self.cause = cause
        """Why, as far as it is known; may span lines (the end of a log)."""
        self.remedy = remedy
        """What the person can do next."""


class UsageError(ApplianceError):
    """A flag or a name that makes no sense."""


class HomeUnusable(ApplianceError):
    """There is no place to keep the sandbox's state."""


def command(words: str, name: str) -> str:
    """`sandbox WORDS` as it has to be typed for the sandbox of this name."""
    return f"sandbox {words}" + ("" if name == "sandbox" else f" --name {name}")


class NotFound(ApplianceError):
    """There is no sandbox of that name."""

    @classmethod
    def named(cls, name: str) -> NotFound:
        return cls(
            f"there is no sandbox named {name!r}",
            "it was never started here, or it was torn down",
            f"Start it with `{command('start', name)}`.",
        )


class NotRunning(ApplianceError):
    """The sandbox exists, but is stopped."""

    @classmethod
    def named(cls, name: str) -> NotRunning:
        return cls(
            f"the sandbox {name!r} is not running",
            "it was stopped, or its processes died",
            f"Start it with `{command('start', name)}`.",
        )


class PreflightFailed(ApplianceError):
    """The machine is not ready for a sandbox."""


class ProfileUnavailable(ApplianceError):
    """A profile that this version can't boot."""


class ComponentFailed(ApplianceError):
    """A component died or never became ready."""


class CanaryFailed(ApplianceError):
    """Everything is up, but a workflow did not run to its end."""


class TimedOut(ApplianceError):
    """The deadline has passed."""

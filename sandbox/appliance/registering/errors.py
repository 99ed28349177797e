"""Why a registration could not take place.

```
RegistrationFailed     what failed, the cause, the remedy
├── PackageUnreadable  the archive or a file in it is not what pyflyte writes
└── Refused            the sandbox did not accept a call, or did not answer
```
A single entity that is refused is no error: it is a row of the table with the status `Failed`.
"""

from __future__ import annotations

from sandbox.appliance.errors import ApplianceError


class RegistrationFailed(ApplianceError):
    """A registration could not take place."""


class PackageUnreadable(RegistrationFailed):
    """The archive or a file in it is not what pyflyte writes."""


class Refused(RegistrationFailed):
    """The sandbox did not accept a call, or did not answer."""

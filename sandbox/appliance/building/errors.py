"""Why an environment could not be made.

```
BuildFailed               what failed, the cause, the remedy
├── ProjectUnusable       the folder is no project that an environment can be made of
├── PythonUnavailable     the Python version that the project wants can't be had
└── InstallFailed         the requirements could not be installed; carries the installer's own words
```
"""

from __future__ import annotations

from sandbox.appliance.errors import ApplianceError


class BuildFailed(ApplianceError):
    """An environment could not be made."""


class ProjectUnusable(BuildFailed):
    """The folder is no project that an environment can be made of."""


class PythonUnavailable(BuildFailed):
    """The Python version that the project wants can't be had."""


class InstallFailed(BuildFailed):
    """The requirements could not be installed."""

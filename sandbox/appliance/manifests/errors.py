"""What can go wrong between values and a cluster.

```
ApplianceError
└── ManifestError          anything below
    ├── ValuesInvalid      a setting that does not exist or makes no sense
    ├── TemplateBroken     a template can't be rendered: a defect of ours
    ├── ManifestInvalid    an object that the cluster would not take
    ├── ClusterUnreachable the API server does not answer, or not to us
    ├── Refused            the API server said no (in `cluster`)
    ├── ApplyFailed        the API server refused an object
    ├── RolloutFailed      what was applied does not get ready
    └── ClusterUnfit       a cluster that lacks what is needed
```
"""

from __future__ import annotations

from sandbox.appliance.errors import ApplianceError


class ManifestError(ApplianceError):
    """Something between values and a cluster failed."""


class ValuesInvalid(ManifestError):
    """A setting that does not exist or makes no sense."""


class TemplateBroken(ManifestError):
    """A template can't be rendered."""


class ManifestInvalid(ManifestError):
    """An object that the cluster would not take."""


class ClusterUnreachable(ManifestError):
    """The API server does not answer, or not to us."""


class ApplyFailed(ManifestError):
    """The API server refused an object."""


class RolloutFailed(ManifestError):
    """What was applied does not get ready."""


class ClusterUnfit(ManifestError):
    """A cluster that lacks what is needed."""

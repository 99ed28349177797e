"""The program of the debian node is no part of the package: it is found in its image's folder."""

from __future__ import annotations

import sys

from sandbox.appliance import assets

sys.path.insert(0, str(assets.images() / "node-debian"))

"""The copilot: inputs as files into a container, and what it wrote as outputs back.

A container task knows nothing of Flyte. Its inputs lie in a folder, one file a variable, beside all of them
together in `inputs.pb` and, as the task wants it, `inputs.json` or `inputs.yaml`. It writes its outputs into
another folder, again one file a variable; a file `_ERROR` there says what went wrong. This is the contract of
Flyte's own copilot (`flytecopilot/data`), which runs as two containers beside the task's.
"""

from __future__ import annotations

"""What a Flyte user may count on, whatever the sandbox runs on.

`projects` holds one small flytekit module for every row of the table in docs/compatibility.md, written as a
user writes; `nodes` holds the cases, one or more for every cell. All is seen through the unmodified SDK and
the admin API: a case never looks at a process, a file or a database of the machine that runs it. What a
sandbox is, how a project is registered with it and what it can do is behind one fixture, `backend`;
`--conformance-backend` chooses what is behind it (`backends`).

Cases run side by side (`side_by_side`), because most of a case is waiting.
"""

from __future__ import annotations

"""`make histories`: records the stories that have no file yet, and brings the recorded states up to date.

A history whose state changes is told about: either the change of the core is meant (then its author looks at
each line that is printed here and at the diff of the file), or it breaks executions that are under way. The
events of a file are never touched.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from sandbox.propeller import histories
from sandbox.propeller.core.state import picture
from tests.histories import FOLDER, files
from tests.histories.stories import STORIES


def main() -> int:
    """Write what is missing or out of date."""
    for name, story in STORIES.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_text(histories.to_json(story.record()))
            print(f"{path.name}: recorded")
    for path in files():
        history = histories.from_json(path.read_text())
        differences = histories.verify(history)
        if not differences:
            continue
        print(f"{path.name}: another state than recorded")
        for difference in differences:
            print(f"  {difference}")
        now = picture(histories.fold(history))
        path.write_text(histories.to_json(replace(history, state=now)))
    return 0


sys.exit(main())

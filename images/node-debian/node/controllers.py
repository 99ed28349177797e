"""The node's own small controllers in one process: names, routes, volumes.

Each works in a thread of its own and never returns. What none of them expects ends the process, which is then
started again with all of them.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable

from node import dns, routes, volumes

ALL: tuple[Callable[[], None], ...] = (dns.main, routes.main, volumes.main)


def main() -> int:
    ended: queue.Queue[str] = queue.Queue()
    for work in ALL:
        threading.Thread(target=_run, args=(work, ended), name=work.__module__, daemon=True).start()
    print(ended.get(), flush=True)
    return 1


def _run(work: Callable[[], None], ended: queue.Queue[str]) -> None:
    try:
        work()
        ended.put(f"{work.__module__} returned")
    except BaseException:
        ended.put(f"{work.__module__} failed\n{traceback.format_exc()}")


if __name__ == "__main__":
    sys.exit(main())

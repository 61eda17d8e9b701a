"""Ends what is left of a Ray when the process that started it has ended, however that ended.

Run as ``python -I -S ray_reaper.py FOLDER``, with a pipe for standard input whose other end is the
starter's alone. When a driver is killed, Ray ends most of its processes within seconds, but two
agents live on for over a minute, and its folder stays for good.

Whoever holds a file in the folder open belongs to that Ray: the folder is private and new, while
process ids come again and titles are rewritten. Read from ``/proc``; where there is none, only the
folder is removed. Imports nothing of Aislewatch, so that it starts and stays small.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

GRACE_S = 2.0
PATIENCE_S = 20.0
PAUSE_S = 0.1


def holders(folder: str) -> list[int]:
    """Give the processes that hold a file below a folder open.

    Other than this one, and than the one that started it: that one may live on after its Ray, and
    still have its log open. Once it has ended, this process's parent is another.
    """
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # It has ended, or is another user's.
        ours = int(process.name) in {os.getpid(), os.getppid()}
        if not ours and any(file.startswith(folder + "/") for file in held):
            found.append(int(process.name))
    return found


def main() -> None:
    """Wait for the starter's end, then clear up behind it."""
    folder = sys.argv[1]
    while os.read(0, 64):
        pass
    waited_s = 0.0
    while waited_s < PATIENCE_S and (left := holders(folder)):
        if waited_s >= GRACE_S:
            for process in left:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        time.sleep(PAUSE_S)
        waited_s += PAUSE_S
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

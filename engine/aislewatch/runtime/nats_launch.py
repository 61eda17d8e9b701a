"""Becomes a program that ends when the process that started it ends, however that ends.

Run as ``python -I -S nats_launch.py (death-signal|watcher) PARENT_PID PROGRAM [ARGUMENTS...]``. It
replaces itself by the program, so the process id that the starter was given is the program's.

- ``death-signal``: Linux sends us SIGTERM when the parent's *thread* that started us ends, and
  keeps that promise across exec. Set here and not in a ``preexec_fn``, which may deadlock in a
  process that has threads.
- ``watcher``: everywhere else. A child of the program holds the read end of a pipe (standard
  input) whose write end is the parent's alone; at its end the watcher ends the program.

Imports nothing of Aislewatch, so that it starts in the time a bare interpreter takes.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _ask_for_a_death_signal() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def _leave_a_watcher() -> None:
    program = os.getpid()
    if os.fork() != 0:
        return
    os.closerange(3, 64)  # above all the lock on the data folder, which is the program's to hold
    while os.read(0, 64):
        pass
    # A program that has ended already is no longer our parent, and its id may be somebody else's.
    if os.getppid() == program:
        os.kill(program, signal.SIGTERM)
    os._exit(0)


def main() -> None:
    """Tie this process to its parent's life, then become the program."""
    how, parent, program, *arguments = sys.argv[1:]
    if how == "death-signal":
        _ask_for_a_death_signal()
    else:
        _leave_a_watcher()
    if os.getppid() != int(parent):
        sys.exit("the process that started this one has ended")
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()

"""How the command ``minprox`` begins and ends: Ctrl-C is one line at any moment, closed streams do no harm.

Imported before all else; it does nothing in any other process than that of the command.
"""

import os
import signal
import sys
import threading
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """End the process, which has begun nothing yet, or has nothing left to do."""
    if sys.stderr is not None:
        os.write(2, b"minprox: interrupted\n")
    os._exit(130)


def is_command() -> bool:
    """Tell whether this process is ``minprox`` or ``python -m minprox``."""
    if sys.argv[:1] == ["-m"]:  # as it stands while Python imports what it is to run
        return "minprox" in sys.orig_argv
    return os.path.basename((sys.argv or [""])[0]).removesuffix(".exe") == "minprox"


def loaded() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: from here on it can be answered."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def done() -> None:
    """Let Ctrl-C end the process in one line once more: all that is left is Python's own end."""
    if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def open_streams() -> None:
    """Open the streams that are closed, to nothing: a file of ours must not get the number of one of them."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free


if (
    threading.current_thread() is threading.main_thread()
    and is_command()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not told to ignore it
):
    signal.signal(signal.SIGINT, leave)
if is_command():
    open_streams()

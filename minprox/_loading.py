"""Ctrl-C while the command ``minprox`` still loads its libraries: one line, as when it is at work.

Imported before all else; it does nothing in any other process than that of the command.
"""

import os
import signal
import sys
import threading
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """End the process, which has begun nothing yet."""
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


if (
    threading.current_thread() is threading.main_thread()
    and is_command()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not told to ignore it
):
    signal.signal(signal.SIGINT, leave)

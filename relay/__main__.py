"""``python -m relay``, and the command ``relay``."""

from __future__ import annotations

import os
import signal
import sys

# How a person or a supervisor talks to `relay serve`.
_TAKEN = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
# What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """
    Run the command that the process was started for, and end with its exit code.

    Importing takes a second. As process 1 of a container the relay would not even notice a
    SIGTERM in it, and anywhere else a SIGHUP would kill it; so they wait until the service takes
    them.
    """
    _open_standard_streams()
    if sys.argv[1:2] == ["serve"]:
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
    try:
        from relay.cli.app import main as run  # noqa: PLC0415 - after the signals

        run()
    except KeyboardInterrupt:
        # Ctrl-C while it imports; later the command line ends so itself.
        sys.exit(_INTERRUPTED)


def _open_standard_streams() -> None:
    """Fill what a supervisor left closed, or a file of the spool would be standard error."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is the one that is missing.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


if __name__ == "__main__":
    main()

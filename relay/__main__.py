"""``python -m relay``, and the command ``relay``."""

from __future__ import annotations

import signal
import sys

# How a person or a supervisor talks to `relay serve`.
_TAKEN = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main() -> None:
    """
    Run the command that the process was started for, and end with its exit code.

    Importing takes a second. As process 1 of a container the relay would not even notice a
    SIGTERM in it, and anywhere else a SIGHUP would kill it; so they wait until the service takes
    them.
    """
    if sys.argv[1:2] == ["serve"]:
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
    from relay.cli.app import main as run  # noqa: PLC0415 - after the signals

    run()


if __name__ == "__main__":
    main()

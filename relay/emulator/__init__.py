"""A local Adobe, stateful, that can be told to fail."""

from relay.emulator.app import Emulator, create_app
from relay.emulator.settings import EmulatorSettings

__all__ = ["Emulator", "EmulatorSettings", "create_app"]

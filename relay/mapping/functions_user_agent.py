"""
User agents, approximately.

Adobe asks YAUAA; this asks ua-parser and says the answer in YAUAA's words where the two differ, so
results are right for the browsers and mail clients that most events come from and approximate for
the rest. ua-parser's patterns are run by an engine whose time grows with the text only.

Source:
    Data Prep functions, "User agent functions"; the page's user agent is a test case of YAUAA.

Assumed:
    what is not known is YAUAA's ``Unknown`` and ``??``.
"""

from __future__ import annotations

from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from relay.mapping.arguments import text
from relay.mapping.function import Example, Function, function
from relay.mapping.limits import MAX_USER_AGENT_CHARS

_FAMILY = "User agent"
_NOTE = "approximate: another library than Adobe's, with its own patterns"
_UNKNOWN, _NO_VERSION = "Unknown", "??"
_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 "
    "(KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3"
)
_AGENTS = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome Webview",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Opera Mobile": "Opera",
}
_SYSTEMS = {"Windows": "Windows NT", "Mac OS X": "Mac OS"}
_NAMED_WITH_VERSION = {"Windows NT": "Windows"}
_VERSIONS = {("Windows NT", "10"): "10.0"}
_DESKTOPS = frozenset(
    {"Windows NT", "Mac OS", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD"}
)


def _version(*numbers: str | None) -> str:
    written = []
    for number in numbers:
        if number is None:
            break
        written.append(number)
    return ".".join(written) or _NO_VERSION


def _library() -> ModuleType:
    import ua_parser  # noqa: PLC0415 - 50 ms, which few mapping sets need and every start would pay

    return ua_parser


class _Agent:
    """What is known of one user agent, in YAUAA's words."""

    def __init__(self, written: str) -> None:
        found = _library().parse(written)
        system, agent = found.os, found.user_agent
        self.written = written
        self.device = found.device
        family = system.family if system else _UNKNOWN
        self.os_name = _SYSTEMS.get(family, family)
        version = _version(system.major, system.minor, system.patch) if system else _NO_VERSION
        self.os_version = _VERSIONS.get((self.os_name, version), version)
        family = agent.family if agent else _UNKNOWN
        self.agent_name = _AGENTS.get(family, family)
        self.agent_version = (
            _version(agent.major, agent.minor, agent.patch, agent.patch_minor)
            if agent
            else _NO_VERSION
        )

    @property
    def device_class(self) -> str:
        """Phone, Tablet, Desktop, Robot, TV or Unknown."""
        family = self.device.family if self.device else ""
        brand = (self.device.brand if self.device else "") or ""
        if family == "Spider":
            return "Robot"
        if "Tablet" in brand or "iPad" in family or "Tablet" in self.written:
            return "Tablet"
        if any(word in self.written for word in ("TV", "AppleTV", "BRAVIA", "Roku")):
            return "TV"
        if self.os_name == "Android" and " Mobile" not in self.written:
            return "Tablet"
        if "iPhone" in family or "iPod" in family or "Mobile" in self.written:
            return "Phone"
        return "Desktop" if self.os_name in _DESKTOPS else _UNKNOWN


@cache
def _prepare() -> None:
    """Build ua-parser's patterns, which takes tenths of a second, before an event waits for it."""
    _library().parse("")


@lru_cache(maxsize=1024)
def _parsed(written: str) -> _Agent:
    return _Agent(written)


def _agent(value: Any) -> _Agent | None:
    if value is None:
        return None
    written = text(value, "a user agent")[:MAX_USER_AGENT_CHARS]
    return _parsed(written.encode("utf-8", "replace").decode("utf-8"))


def _major(version: str) -> str:
    return version.partition(".")[0]


def _named(name: str, version: str) -> str:
    return f"{_NAMED_WITH_VERSION.get(name, name)} {version}"


@function(
    "ua_os_name",
    _FAMILY,
    "ua_os_name(USER_AGENT)",
    "Gives the name of the operating system.",
    Example(f'ua_os_name("{_IPHONE}")', "iOS"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_os_name(value: Any) -> str | None:
    """Name the system."""
    agent = _agent(value)
    return None if agent is None else agent.os_name


@function(
    "ua_os_version_major",
    _FAMILY,
    "ua_os_version_major(USER_AGENT)",
    "Gives the name of the operating system with its major version.",
    Example(f'ua_os_version_major("{_IPHONE}")', "iOS 5"),
    note=f"{_NOTE}; the documentation's example has a stray s in the name",
    prepare=_prepare,
)
def ua_os_version_major(value: Any) -> str | None:
    """Name the system and its major version."""
    agent = _agent(value)
    return None if agent is None else _named(agent.os_name, _major(agent.os_version))


@function(
    "ua_os_version",
    _FAMILY,
    "ua_os_version(USER_AGENT)",
    "Gives the version of the operating system.",
    Example(f'ua_os_version("{_IPHONE}")', "5.1.1"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_os_version(value: Any) -> str | None:
    """Give the system's version."""
    agent = _agent(value)
    return None if agent is None else agent.os_version


@function(
    "ua_os_name_version",
    _FAMILY,
    "ua_os_name_version(USER_AGENT)",
    "Gives the name and version of the operating system.",
    Example(f'ua_os_name_version("{_IPHONE}")', "iOS 5.1.1"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_os_name_version(value: Any) -> str | None:
    """Name the system and its version."""
    agent = _agent(value)
    return None if agent is None else _named(agent.os_name, agent.os_version)


@function(
    "ua_agent_version",
    _FAMILY,
    "ua_agent_version(USER_AGENT)",
    "Gives the version of the browser.",
    Example(f'ua_agent_version("{_IPHONE}")', "5.1"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_agent_version(value: Any) -> str | None:
    """Give the agent's version."""
    agent = _agent(value)
    return None if agent is None else agent.agent_version


@function(
    "ua_agent_version_major",
    _FAMILY,
    "ua_agent_version_major(USER_AGENT)",
    "Gives the name of the browser with its major version.",
    Example(f'ua_agent_version_major("{_IPHONE}")', "Safari 5"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_agent_version_major(value: Any) -> str | None:
    """Name the agent and its major version."""
    agent = _agent(value)
    return None if agent is None else _named(agent.agent_name, _major(agent.agent_version))


@function(
    "ua_agent_name",
    _FAMILY,
    "ua_agent_name(USER_AGENT)",
    "Gives the name of the browser.",
    Example(f'ua_agent_name("{_IPHONE}")', "Safari"),
    note=_NOTE,
    prepare=_prepare,
)
def ua_agent_name(value: Any) -> str | None:
    """Name the agent."""
    agent = _agent(value)
    return None if agent is None else agent.agent_name


@function(
    "ua_device_class",
    _FAMILY,
    "ua_device_class(USER_AGENT)",
    "Gives the class of the device: Phone, Tablet, Desktop, Robot, TV.",
    Example(f'ua_device_class("{_IPHONE}")', "Phone"),
    Example(
        'ua_device_class("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 '
        '(KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")',
        "Desktop",
    ),
    note=_NOTE,
    prepare=_prepare,
)
def ua_device_class(value: Any) -> str | None:
    """Class the device."""
    agent = _agent(value)
    return None if agent is None else agent.device_class


FUNCTIONS: tuple[Function, ...] = (
    ua_os_name,
    ua_os_version_major,
    ua_os_version,
    ua_os_name_version,
    ua_agent_version,
    ua_agent_version_major,
    ua_agent_name,
    ua_device_class,
)

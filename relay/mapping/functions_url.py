"""
Parts of a URL, and percent encoding.

Source:
    Data Prep functions, "URL functions" and the appendix on special characters (whose ``|`` is
    misprinted as ``%5C``).

Assumed:
    a URL is what ``java.net.URI`` takes; anything else gives null everywhere. Parts are given as
    written, not decoded. Of a parameter that is repeated the last counts. An unknown scheme has no
    default port.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_plus

from relay.mapping.arguments import text
from relay.mapping.coercion import to_boolean
from relay.mapping.function import Example, Function, FunctionFailed, function

_FAMILY = "URL"
# Generic syntax of RFC 2396 as java.net.URI reads it: any character but the excluded ones.
_OTHER = r"[^\x00-\x20\x7f<>\"{}|\\^`#]"
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    rf"(?://(?P<authority>(?:(?![/?]){_OTHER})*))?"
    rf"(?P<path>(?:(?!\?){_OTHER})*)"
    rf"(?:\?(?P<query>{_OTHER}*))?"
    rf"(?:\#(?P<fragment>{_OTHER}*))?"
)
_AUTHORITY = re.compile(
    r"(?:[^@]*@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:@\[\]]*)(?::(?P<port>\d{0,5}))?"
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORTS = {
    "ftp": 21,
    "sftp": 22,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "gopher": 70,
    "http": 80,
    "ws": 80,
    "nntp": 119,
    "imap": 143,
    "ldap": 389,
    "https": 443,
    "wss": 443,
    "ldaps": 636,
    "ftps": 990,
}
_ANCHOR_KEY = "_anchor_"
_EXAMPLE = '"foo://example.com:8042/over/there?name=ferret#nose"'


def _parts(value: Any) -> dict[str, str] | None:
    """Take a URL apart; None when it is none. Parts that are not written are left out."""
    if value is None:
        return None
    url = text(value, "a URL")
    found = _URL.fullmatch(url)
    if found is None or _BAD_ESCAPE.search(url):
        return None
    parts = {name: part for name, part in found.groupdict().items() if part is not None}
    if "scheme" in parts and "authority" not in parts and not parts["path"].startswith("/"):
        return {"scheme": parts["scheme"]}  # Opaque, as mailto: is; it has no parts.
    authority = _AUTHORITY.fullmatch(parts.get("authority", ""))
    if authority is None or (not parts.pop("authority", "-") and not parts["path"]):
        return None
    named = {name: part for name, part in authority.groupdict().items() if part}
    return {**parts, **named}


@function(
    "get_url_protocol",
    _FAMILY,
    "get_url_protocol(URL)",
    "Gives the protocol of a URL; null when it is no URL.",
    Example('get_url_protocol("https://platform.adobe.com/home")', "https"),
    Example('get_url_protocol("not a url")', None),
)
def get_url_protocol(url: Any) -> str | None:
    """Give the scheme."""
    return (_parts(url) or {}).get("scheme")


@function(
    "get_url_host",
    _FAMILY,
    "get_url_host(URL)",
    "Gives the host of a URL; null when it is no URL.",
    Example('get_url_host("https://platform.adobe.com/home")', "platform.adobe.com"),
    Example('get_url_host("https://user@example.com:8443/")', "example.com"),
)
def get_url_host(url: Any) -> str | None:
    """Give the host."""
    return (_parts(url) or {}).get("host")


@function(
    "get_url_port",
    _FAMILY,
    "get_url_port(URL)",
    "Gives the port of a URL, or its protocol's default one; null when it is no URL.",
    Example('get_url_port("sftp://example.com//home/joe/employee.csv")', 22),
    Example('get_url_port("https://example.com:8443/")', 8443),
    Example('get_url_port("foo://example.com/")', None),
)
def get_url_port(url: Any) -> int | None:
    """Give the port."""
    parts = _parts(url) or {}
    if "port" in parts:
        return int(parts["port"])
    return _PORTS.get(parts.get("scheme", "").lower())


@function(
    "get_url_path",
    _FAMILY,
    "get_url_path(URL, FULL_PATH)",
    "Gives the path of a URL; only its last part when FULL_PATH is false.",
    Example(
        'get_url_path("sftp://example.com//home/joe/employee.csv")', "//home/joe/employee.csv"
    ),
    Example('get_url_path("sftp://example.com//home/joe/employee.csv", false)', "employee.csv"),
)
def get_url_path(url: Any, is_full: Any = True) -> str | None:
    """Give the path."""
    parts = _parts(url)
    if parts is None:
        return None
    path = parts.get("path")
    return path if path is None or to_boolean(is_full) else path.rpartition("/")[2]


@function(
    "get_url_query_str",
    _FAMILY,
    "get_url_query_str(URL, ANCHOR)",
    "Gives the query of a URL as a map; the anchor is kept on the last value, removed, or added.",
    Example(f'get_url_query_str({_EXAMPLE}, "retain")', {"name": "ferret#nose"}),
    Example(f'get_url_query_str({_EXAMPLE}, "remove")', {"name": "ferret"}),
    Example(f'get_url_query_str({_EXAMPLE}, "append")', {"name": "ferret", _ANCHOR_KEY: "nose"}),
)
def get_url_query_str(url: Any, anchor: Any) -> dict[str, str] | None:
    """Give the query as a map."""
    if anchor is None or text(anchor, "an anchor") not in {"retain", "remove", "append"}:
        raise FunctionFailed('expected an anchor of "retain", "remove" or "append"')
    parts = _parts(url)
    if parts is None:
        return None
    query = parts.get("query", "")
    if anchor == "retain" and query and "fragment" in parts:
        query = f"{query}#{parts['fragment']}"
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    parameters = {name: value for name, _, value in pairs}
    if anchor == "append" and "fragment" in parts:
        parameters[_ANCHOR_KEY] = parts["fragment"]
    return parameters


@function(
    "get_url_encoded",
    _FAMILY,
    "get_url_encoded(URL)",
    "Percent-encodes every special character of a text.",
    Example(
        'get_url_encoded("https://example.com/partneralliance_asia-pacific_2022")',
        "https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022",
    ),
    Example('get_url_encoded("a b|c~d*")', "a%20b%7Cc%7Ed%2A"),
    note="the appendix prints %5C for '|', which is the code of the backslash; '|' is %7C",
)
def get_url_encoded(url: Any) -> str | None:
    """Encode."""
    if url is None:
        return None
    return quote(text(url), safe="", errors="replace").replace("~", "%7E")


@function(
    "get_url_decoded",
    _FAMILY,
    "get_url_decoded(URL)",
    "Undoes percent encoding.",
    Example(
        'get_url_decoded("https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022")',
        "https://example.com/partneralliance_asia-pacific_2022",
    ),
    Example('get_url_decoded("a%20b%7Cc+d")', "a b|c d"),
    note="Assumed: as java.net.URLDecoder, so a '+' is a blank",
)
def get_url_decoded(url: Any) -> str | None:
    """Decode."""
    if url is None:
        return None
    encoded = text(url)
    if _BAD_ESCAPE.search(encoded):
        raise FunctionFailed("expected two hexadecimal digits after each '%'")
    return unquote_plus(encoded)


FUNCTIONS: tuple[Function, ...] = (
    get_url_protocol,
    get_url_host,
    get_url_port,
    get_url_path,
    get_url_query_str,
    get_url_encoded,
    get_url_decoded,
)

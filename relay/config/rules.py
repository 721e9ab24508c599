"""
What must hold of a setting beyond its type, and between one setting and another.

Each rule gives sentences, not an exception, so that all of them are told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from relay.config.table import (
    AdobeConfig,
    CustomerioConfig,
    InletConfig,
    RouteConfig,
    ServerConfig,
    SpoolConfig,
)

# adobe.md §1.6: a streaming request may have 1 MB; Adobe does not say which, so the smaller.
_REQUEST_MAX_BYTES = 1_000_000
_RESERVED = {"/", "/healthz"}
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_LARGEST_PORT = 65535
# Twice what a delivery's headers take behind a proxy that adds a few.
_HEADER_MIN_BYTES = 1024
# What else the end takes, closing connections and the spool, has to fit below 30 s.
_END_MAX_S = 22


def split_listen(text: str) -> tuple[str, int]:
    """
    Split ``"127.0.0.1:9090"`` or ``"[::1]:9090"`` into host and port.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT
    if not colon or not is_port or "/" in host:
        raise ValueError(f"expected HOST:PORT, got {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Say whether *host* can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_problems(server: ServerConfig) -> Iterator[str]:
    """Check ``[server]``."""
    for key in ("listen", "admin_listen"):
        try:
            split_listen(getattr(server, key))
        except ValueError as error:
            yield f"server.{key}: {error}"
    if server.workers != 1:
        yield f"server.workers: this relay runs as one process, expected 1, got {server.workers}"
    for key in ("header_timeout", "body_timeout", "keep_alive", "append_timeout"):
        if getattr(server, key) <= 0:
            yield f"server.{key}: expected more than 0s"
    end_s = server.lame_duck + server.drain_timeout
    if end_s > _END_MAX_S:
        yield (
            f"server.drain_timeout: expected at most {_END_MAX_S}s together with "
            f"server.lame_duck, or the end takes more than 30s, got {end_s:g}s"
        )
    if not set(server.sender_address_header) <= _NAME:
        yield (
            "server.sender_address_header: expected a header's name such as 'x-forwarded-for', "
            f"got {server.sender_address_header!r}"
        )
    if server.listen == server.admin_listen and not server.listen.endswith(":0"):
        yield "server.admin_listen: expected another port than server.listen's"
    yield from _limit_problems(server)


def spool_problems(spool: SpoolConfig) -> Iterator[str]:
    """Check ``[spool]``."""
    if not spool.path:
        yield "spool.path: expected a folder of its own, e.g. 'var/spool'"


def adobe_problems(adobe: AdobeConfig) -> Iterator[str]:
    """Check ``[adobe]``: where credentials are sent to, and what goes into headers."""
    yield from _url_problems("adobe.ims_url", adobe.ims_url, "https://HOST")
    yield from _url_problems("adobe.platform_url", adobe.platform_url, "https://HOST")
    yield from _header_problems("adobe.client_id", adobe.client_id.get_secret_value())
    yield from _header_problems("adobe.org_id", adobe.org_id)
    yield from _header_problems("adobe.sandbox", adobe.sandbox)


def customerio_problems(customerio: CustomerioConfig) -> Iterator[str]:
    """Check ``[customerio]``, as ``[adobe]``."""
    if customerio.api_url:
        yield from _url_problems("customerio.api_url", customerio.api_url, "https://HOST")
    key = customerio.app_api_key.get_secret_value()
    yield from _header_problems("customerio.app_api_key", key)


def _limit_problems(server: ServerConfig) -> Iterator[str]:
    if server.max_connections < 1:
        yield (
            "server.max_connections: expected at least 1, or nobody is answered, "
            f"got {server.max_connections}"
        )
    if server.max_header_bytes < _HEADER_MIN_BYTES:
        yield (
            f"server.max_header_bytes: expected at least {_HEADER_MIN_BYTES} bytes, "
            f"or no delivery's headers fit, got {server.max_header_bytes}"
        )
    if server.max_body_memory > server.max_body_bytes:
        yield "server.max_body_memory: expected at most server.max_body_bytes"
    if server.max_body_bytes > server.max_bytes_in_flight:
        yield "server.max_body_bytes: expected at most server.max_bytes_in_flight"


def route_problems(name: str, route: RouteConfig) -> Iterator[str]:
    """Check ``[routes.NAME]`` and its inlet, as far as they can be checked alone."""
    where = f"routes.{name}"
    if not name or not set(name) <= _NAME:
        yield f"{where}: a route's name is made of letters, digits, - and _"
    if not _is_path(route.path):
        yield (
            f"{where}.path: expected a path such as '/webhooks/customerio', without //, ?, #, %, "
            f"white space or control characters, got {route.path!r}"
        )
    elif (route.path.rstrip("/") or "/") in _RESERVED:
        yield f"{where}.path: {route.path} is taken, choose another"
    if not route.signing_keys:
        yield f"{where}.signing_keys: expected at least one key, or nobody could post"
    for at, key in enumerate(route.signing_keys):
        # Signed with nothing is not signed: anybody could post.
        if not key.get_secret_value().strip():
            yield f"{where}.signing_keys[{at}]: is empty, expected Customer.io's signing key"
    yield from inlet_problems(f"{where}.inlet", route.inlet)


def _is_path(text: str) -> bool:
    """Say whether a request's path, which is compared decoded, can be *text*."""
    is_plain = all(mark.isprintable() and mark not in "?#% " for mark in text)
    return text.startswith("/") and "//" not in text and is_plain


def inlet_problems(where: str, inlet: InletConfig) -> Iterator[str]:
    """Check one inlet."""
    yield from _address_problems(where, inlet)
    if inlet.batch_max_bytes >= _REQUEST_MAX_BYTES:
        yield f"{where}.batch_max_bytes: expected less than 1000000, got {inlet.batch_max_bytes}"
    yield from _pace_problems(where, inlet)
    if inlet.auth == "hmac" and not inlet.hmac_secret.get_secret_value():
        yield f'{where}.hmac_secret: needed for auth = "hmac"'
    if inlet.format == "xdm":
        for key in ("schema_id", "ims_org_id"):
            if not getattr(inlet, key):
                yield f'{where}.{key}: needed for format = "xdm"'
    if inlet.not_before:
        try:
            when = datetime.fromisoformat(inlet.not_before)
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            yield (
                f"{where}.not_before: expected RFC 3339 such as '2026-01-31T12:00:00Z', "
                f"got {inlet.not_before!r}"
            )


def _address_problems(where: str, inlet: InletConfig) -> Iterator[str]:
    if not inlet.url:
        yield (
            f"{where}.url: needed; `relay provision apply` makes an inlet, "
            "or copy the URL from the flow's source connection"
        )
    else:
        yield from _url_problems(f"{where}.url", inlet.url, "https://HOST/collection/ID")
    if not _is_one_word(inlet.flow_id):
        yield (
            f"{where}.flow_id: expected the flow's id without white space, got {inlet.flow_id!r}"
        )


def _pace_problems(where: str, inlet: InletConfig) -> Iterator[str]:
    for key in ("timeout", "retry_max_delay", "probe_interval"):
        if not getattr(inlet, key):
            yield f"{where}.{key}: expected more than 0s, got 0s"


def _is_one_word(text: str) -> bool:
    """Say whether *text* can stand in a URL or a header as it is."""
    return text.isascii() and text.isprintable() and " " not in text


def _header_problems(where: str, value: str) -> Iterator[str]:
    """Check *value*, which may be a secret and is not shown."""
    if not _is_one_word(value):
        yield f"{where}: expected ASCII characters without white space, for it stands in a header"


def _url_problems(where: str, url: str, expected: str) -> Iterator[str]:
    if not _is_one_word(url):
        yield f"{where}: expected {expected} without white space"
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        reason = str(error)
        yield f"{where}: expected {expected}: {reason[:1].lower()}{reason[1:]}"
        return
    if parts.scheme not in {"http", "https"} or not host:
        yield f"{where}: expected {expected}"
    elif parts.scheme == "http" and not is_loopback(host):
        yield f"{where}: plain http is for loopback only, expected https"


def shared_problems(routes: Mapping[str, RouteConfig], adobe: AdobeConfig | None) -> Iterator[str]:
    """Check what must hold between routes, and between a route and ``[adobe]``."""
    taken: dict[str, str] = {}
    for name, route in routes.items():
        path = route.path.rstrip("/")
        if path in taken:
            yield f"routes.{name}.path: {route.path} is already routes.{taken[path]}'s"
        taken.setdefault(path, name)
        if route.inlet.auth == "oauth" and adobe is not None:
            for key in ("client_id", "client_secret"):
                if not getattr(adobe, key).get_secret_value():
                    yield f'adobe.{key}: needed for routes.{name}.inlet.auth = "oauth"'

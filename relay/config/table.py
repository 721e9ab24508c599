"""
The table of settings: what may stand in the file and in the environment.

Every setting is a field with its default, its unit in the value (``"5s"``, ``"10GiB"``), one
sentence and its check; ``config/relay.example.toml`` and ``docs/configuration.md`` are generated
from this table. Durations become float seconds, sizes become int bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticKnownError

_DURATION = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


def _split(text: str) -> tuple[float, str]:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    return float(number.replace("_", "")), text[len(number) :].strip()


def _shown(value: str | bool) -> str:
    return "found true or false" if isinstance(value, bool) else f"got {value!r}"


def parse_duration_s(value: object) -> object:
    """Turn ``"250ms"``, ``"5s"``, ``"3d"`` into float seconds; ``""`` and numbers stay."""
    if not isinstance(value, (str, bool)):
        return value
    try:
        number, unit = _split(str(value))
        return number * _DURATION[unit]
    except (ValueError, KeyError):
        raise ValueError(
            f"expected a duration such as '250ms', '5s' or '3d', {_shown(value)}"
        ) from None


def parse_size_bytes(value: object) -> object:
    """Turn ``"10GiB"`` or ``950_000`` into int bytes."""
    if not isinstance(value, (str, bool)):
        return value
    try:
        number, unit = _split(str(value))
        return int(number * _SIZE[unit or "B"])
    except (ValueError, KeyError):
        raise ValueError(f"expected a size such as '64MiB' or '10GiB', {_shown(value)}") from None


def _refuse_bool(value: object) -> object:
    # In Python true is the number 1; in TOML it is none.
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


# What no clock and no JSON can hold is no limit.
_LARGEST_SIZE_BYTES = 2**62
Seconds = Annotated[float, BeforeValidator(parse_duration_s), Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, BeforeValidator(parse_size_bytes), Field(ge=0, le=_LARGEST_SIZE_BYTES)]
Whole = Annotated[int, BeforeValidator(_refuse_bool)]


def _setting(default: Any, description: str, **constraints: Any) -> Any:
    """A field whose default stands as a person writes it; pydantic parses it like any value."""
    return Field(default, description=description, **constraints)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ServerConfig(_Section):
    """``[server]``: the two listeners and what they put up with."""

    listen: str = _setting("0.0.0.0:8080", description="Where Customer.io posts to.")
    admin_listen: str = _setting(
        "127.0.0.1:9090", description="Health, metrics and control; keep it private."
    )
    admin_token: SecretStr = _setting(
        SecretStr(""), description="Needed for detail and control when not on loopback."
    )
    workers: Whole = _setting(1, description="1 is the only value for now.")
    lame_duck: Seconds = _setting(
        "5s", description="How long requests are still taken after SIGTERM."
    )
    drain_timeout: Seconds = _setting(
        "15s", description="How long forward may go on sending after that; the rest stays on disk."
    )
    max_connections: Whole = _setting(
        1000, description="Open connections; further ones wait until one ends or idles."
    )
    max_header_bytes: Bytes = _setting("32KiB", description="Request line and headers together.")
    header_timeout: Seconds = _setting("5s", description="For the headers to arrive.")
    body_timeout: Seconds = _setting("10s", description="For the body to arrive; then 408.")
    keep_alive: Seconds = _setting(
        "125s", description="Longer than the sender's own idle time, or it sees a reset."
    )
    max_body_memory: Bytes = _setting(
        "16MiB", description="A larger body is spilled to disk and quarantined as too_large."
    )
    max_body_bytes: Bytes = _setting("64MiB", description="The hard cap; above it 413.")
    max_bytes_in_flight: Bytes = _setting(
        "256MiB", description="All bodies being received; above it 503."
    )
    append_timeout: Seconds = _setting("3s", description="Without a commit for so long: 503.")
    sender_address_header: str = _setting(
        "",
        description="Where your proxy names the sender, e.g. x-forwarded-for; only to count.",
    )


class SpoolConfig(_Section):
    """``[spool]``: where events are kept until they have an outcome."""

    backend: Literal["local"] = _setting("local", description="The embedded spool.")
    path: str = _setting("var/spool", description="A folder of its own; 0700, files 0600.")
    max_bytes: Bytes = _setting("10GiB", description="Log, quarantine and large bodies together.")
    segment_bytes: Bytes = _setting("64MiB", description="The size of one file of the log.")
    reserve_bytes: Bytes = _setting(
        "8MiB", description="Preallocated; released so that settling works on a full disk."
    )
    retention: Seconds = _setting(
        "3d", description="Settled events stay so long for inspection and replay."
    )
    dedupe_window: Seconds = _setting("8d", description="Customer.io retries for seven days.")
    dedupe_max_bytes: Bytes = _setting("4GiB", description="The window's other end.")


class InletConfig(_Section):
    """``[routes.NAME.inlet]``: where and how events are sent."""

    url: str = _setting("", description="The inlet URL as Flow Service returns it; needed.")
    flow_id: str = _setting("", description="Sent as x-adobe-flow-id unless the URL has it.")
    format: Literal["raw", "xdm"] = _setting("raw", description="Events as they came, or mapped.")
    mode: Literal["auto", "batch", "single"] = _setting(
        "auto", description="Batches, one by one, or find out and remember."
    )
    auth: Literal["none", "oauth", "hmac"] = _setting(
        "none", description="What the inlet asks for."
    )
    hmac_secret: SecretStr = _setting(SecretStr(""), description='For auth = "hmac".')
    ordering: Literal["none", "strict"] = _setting(
        "none", description="strict: one request in flight, retried before the next."
    )
    batch_max_records: Whole = _setting(
        500, ge=1, description="A batch closes at so many records,"
    )
    batch_max_bytes: Bytes = _setting(
        950_000, description="so many bytes with its wrapper (under 1,000,000),"
    )
    batch_max_age: Seconds = _setting(
        "250ms",
        description="or when its first event is so old; reading may gather up to 30 ms before it.",
    )
    timeout: Seconds = _setting("30s", description="For one request.")
    max_in_flight: Whole = _setting(16, ge=1, description="The adaptive limit never passes this.")
    retry_max_delay: Seconds = _setting(
        "5s", description="The longest pause between two attempts."
    )
    probe_interval: Seconds = _setting("2s", description="Between two probes while paused.")
    max_age: Seconds = _setting(
        "0s", description="Give up after so long and quarantine as expired; 0s: never."
    )
    not_before: str = _setting(
        "", description="RFC 3339; set by provisioning after a flow is made or changed."
    )
    schema_id: str = _setting("", description='For format = "xdm": the schema\'s $id.')
    schema_content_type: str = _setting(
        "application/vnd.adobe.xed-full+json;version=1",
        description='For format = "xdm": the schema version in Adobe\'s spelling.',
    )
    dataset_id: str = _setting("", description='For format = "xdm".')
    ims_org_id: str = _setting("", description='For format = "xdm".')
    strip_content: bool = _setting(
        True, description="Cut data.content and data.headers out unless the mapping reads them."
    )


class FilterConfig(_Section):
    """``[routes.NAME.filter]``: what is not sent on; an empty list does not restrict."""

    object_type_allow: tuple[str, ...] = _setting((), description="Only these object types.")
    object_type_deny: tuple[str, ...] = _setting((), description="Never these.")
    metric_allow: tuple[str, ...] = _setting((), description="Only these metrics.")
    metric_deny: tuple[str, ...] = _setting((), description="Never these.")


class ProvisionConfig(_Section):
    """``[routes.NAME.provision]``: what `relay provision` makes at Adobe for the route."""

    name: str = _setting("Customer.io", description="The name of every resource it makes.")
    description: str = _setting(
        "Reporting webhooks of Customer.io", description="Stands before the route's mark."
    )
    schema_id: str = _setting("", description="An existing schema's $id; empty: one is made.")


class RouteConfig(_Section):
    """``[routes.NAME]``: one Customer.io workspace to one flow."""

    path: str = _setting(
        "/webhooks/customerio", description="Matched exactly; ends with or without /."
    )
    signing_keys: tuple[SecretStr, ...] = Field(
        description='Customer.io\'s signing keys, e.g. ["env:CUSTOMERIO_SIGNING_KEY"].'
    )
    on_bad_signature: Literal[401, 503] = _setting(
        401, description="503: a key mended in time recovers without the sender's hour."
    )
    signature_max_age: Seconds = _setting(
        "0s", description="Refuse older x-cio-timestamps; 0s: off, retries may be days old."
    )
    mapping: str = _setting("", description="The Data Prep mapping set; empty: the shipped one.")
    schema_file: str = _setting(
        "", alias="schema", description="The XDM schema document; empty: the shipped one."
    )
    on_invalid: Literal["quarantine", "forward"] = _setting(
        "quarantine", description="What happens to an event that Adobe would refuse."
    )
    on_missing_source: Literal["lenient", "strict"] = _setting(
        "lenient", description="A missing source attribute: no value and a warning, or a refusal."
    )
    filter: FilterConfig = _setting(FilterConfig(), description="What is not sent on.")
    inlet: InletConfig = _setting(InletConfig(), description="Where and how events are sent.")
    provision: ProvisionConfig = _setting(
        ProvisionConfig(), description="What `relay provision` makes at Adobe."
    )


class AdobeConfig(_Section):
    """``[adobe]``: credentials for authenticated inlets and the set-up."""

    ims_url: str = _setting("https://ims-na1.adobelogin.com", description="The identity service.")
    client_id: SecretStr = _setting(SecretStr(""), description="OAuth server-to-server.")
    client_secret: SecretStr = _setting(SecretStr(""), description="OAuth server-to-server.")
    scopes: str = _setting(
        "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session",
        description="As the credential in the developer console lists them.",
    )
    platform_url: str = _setting(
        "https://platform.adobe.io", description="The gateway of the control APIs."
    )
    org_id: str = _setting("", description="The organisation, as in 1234ABCD@AdobeOrg.")
    sandbox: str = _setting("prod", description="The sandbox, lower case.")
    settling_time: Seconds = _setting(
        "5m", description="What Adobe asks to wait after a flow is made or changed."
    )
    state_path: str = _setting(
        "var/provision", description="Where ids are remembered; may be deleted, can be rebuilt."
    )
    monitor_interval: Seconds = _setting(
        "0s", description="How often flow runs are read and exported as metrics; 0: never."
    )


class CustomerioConfig(_Section):
    """``[customerio]``: the App API that registers the reporting webhook."""

    region: Literal["us", "eu"] = _setting("us", description="Where the workspace lives.")
    api_url: str = _setting("", description="Another address of the App API; empty: by region.")
    app_api_key: SecretStr = _setting(
        SecretStr(""), description="An App API key of the workspace."
    )
    addresses_interval: Seconds = _setting(
        "1d",
        description="How often the sender's addresses are read, to count strangers; 0: never.",
    )


class LogConfig(_Section):
    """``[log]``: what is written to stderr."""

    format: Literal["auto", "json", "console"] = _setting(
        "auto", description="auto: console on a terminal, JSON elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", description="From here up."
    )


class Config(_Section):
    """All of it."""

    server: ServerConfig = ServerConfig()
    spool: SpoolConfig = SpoolConfig()
    adobe: AdobeConfig = AdobeConfig()
    customerio: CustomerioConfig = CustomerioConfig()
    log: LogConfig = LogConfig()
    routes: dict[str, RouteConfig]

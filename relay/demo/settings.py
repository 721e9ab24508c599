"""The configuration of the story's relay, as a person would write it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

ROUTE = "demo"
ORG = "0123456789ABCDEF01234567@AdobeOrg"
PATH = "/webhooks/customerio"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the story happens, and the secrets of its parts."""

    folder: Path
    adobe: str
    port: int
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    app_api_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "relay.toml"

    @property
    def endpoint(self) -> str:
        """Where Customer.io posts to."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def env(self, signing_key: str = "") -> dict[str, str]:
        """Give the secrets as the settings name them."""
        return {
            "DEMO_CLIENT_ID": "demo",
            "DEMO_CLIENT_SECRET": self.client_secret,
            "DEMO_APP_API_KEY": self.app_api_key,
            "DEMO_SIGNING_KEY": signing_key,
        }

    def write_settings(self) -> None:
        """Write the file, before there is an inlet."""
        self.settings.write_text(
            f"""\
[server]
listen = "127.0.0.1:{self.port}"
admin_listen = "127.0.0.1:0"
lame_duck = "0s"
[spool]
path = "{self.folder / "spool"}"
segment_bytes = "8MiB"
reserve_bytes = "1MiB"
[adobe]
ims_url = "{self.adobe}"
platform_url = "{self.adobe}"
client_id = "env:DEMO_CLIENT_ID"
client_secret = "env:DEMO_CLIENT_SECRET"
org_id = "{ORG}"
settling_time = "0s"
state_path = "{self.folder / "provision"}"
[customerio]
api_url = "{self.adobe}"
app_api_key = "env:DEMO_APP_API_KEY"
[routes.{ROUTE}]
path = "{PATH}"
signing_keys = ["env:DEMO_SIGNING_KEY"]
[routes.{ROUTE}.inlet]
batch_max_age = "50ms"
""",
            encoding="utf-8",
        )

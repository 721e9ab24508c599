"""The soft allow-list in a running relay: read from Customer.io, counted, refused to nobody."""

from __future__ import annotations

import time

import loopback
import pytest
from local_adobe import local_adobe
from stack import KEY, Stack

from relay.customerio.signature import sign
from relay.emulator import EmulatorSettings

pytestmark = pytest.mark.sockets


@pytest.fixture
def stack(tmp_path):
    """A relay that knows the local App API, behind a proxy that names the sender."""
    made = Stack(tmp_path, drain_timeout="500ms")
    (tmp_path / "key").write_text("an-app-api-key")
    made.extra = f"""
[customerio]
api_url = "http://127.0.0.1:{made.adobe}"
app_api_key = "file:{tmp_path / "key"}"
"""
    text = made.config.read_text()
    made.config.write_text(
        text.replace("[server]", '[server]\nsender_address_header = "X-Forwarded-For"')
    )
    yield made
    made.stop()


def deliver(stack: Stack, number: int, sender: str) -> int:
    """Post one signed event as a proxy does for *sender*; give the answer's status."""
    body = b'{"event_id":"list-%d","object_type":"email","metric":"sent"}' % number
    stamp = str(int(time.time()))
    headers = {"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)}
    url = f"http://127.0.0.1:{stack.port}/webhooks/customerio"
    headers["x-forwarded-for"] = sender
    return loopback.post(url, content=body, headers=headers).status_code


def by_address(stack: Stack) -> dict[str, float]:
    """The counts of the running relay, by its label."""
    text = loopback.get(f"http://127.0.0.1:{stack.admin}/metrics").text
    name = 'relay_deliveries_by_address_total{listed="%s",route="test"} '
    found = {}
    for listed in ("yes", "no"):
        for line in text.splitlines():
            if line.startswith(name % listed):
                found[listed] = float(line.rpartition(" ")[2])
    return found


def test_listed_and_other_senders_are_counted(stack):
    """The list is read at the start; both senders get their 200; no address is shown anywhere."""
    with local_adobe(EmulatorSettings(), f"127.0.0.1:{stack.adobe}"):
        stack.start_relay()
        stack.wait_for(lambda: stack.metric("relay_sender_addresses") == 13, "the list")
        assert deliver(stack, 1, "203.0.113.9, 35.188.196.183") == 200
        assert deliver(stack, 2, "35.188.196.183, 203.0.113.9") == 200
        assert by_address(stack) == {"yes": 1, "no": 1}
        shown = loopback.get(f"http://127.0.0.1:{stack.admin}/metrics").text
        shown += (stack.folder / "relay.log").read_text()
        assert "203.0.113.9" not in shown
        assert "35.188.196.183" not in shown


def test_without_the_list_nothing_is_counted(stack):
    """While Customer.io's API is away the relay starts, takes events, and says once that it is."""
    stack.start_relay()
    assert deliver(stack, 1, "203.0.113.9") == 200
    stack.wait_for(lambda: stack.metric("relay_sender_addresses_errors_total") >= 1, "the failure")
    assert by_address(stack) == {}
    log = (stack.folder / "relay.log").read_text()
    assert log.count("sender_addresses_failed") == 1
    assert "an-app-api-key" not in log

"""The table at the head of `relay.forward.decode`, row by row."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.envelope import Entry, Envelope
from relay.forward.decode import MAX_DECODED_BYTES, Decoded, Rejected, decode
from relay.outcome import Reason


def entry(body: bytes, *headers: tuple[str, str], spill: str = "", spill_bytes: int = 0) -> Entry:
    return Entry(7, Envelope("marketing", 0.0, headers, body, spill, spill_bytes))


def rejected(body: bytes, *headers: tuple[str, str]) -> Rejected:
    result = decode(entry(body, *headers))
    assert isinstance(result, Rejected)
    assert result.stage == "decode"
    assert result.detail
    return result


def decoded(body: bytes, *headers: tuple[str, str]) -> Decoded:
    result = decode(entry(body, *headers))
    assert isinstance(result, Decoded), result
    return result


PLAIN = b'{"event_id":"a","object_type":"email","metric":"opened","timestamp":1613063089}'


def test_a_plain_event_is_read():
    """A small event gives its id, type, metric, time and its bytes unchanged."""
    event = decoded(PLAIN)
    assert (event.event_id, event.object_type, event.metric) == ("a", "email", "opened")
    assert event.timestamp_s == 1613063089.0
    assert event.body == PLAIN
    assert len(event.digest) == 16


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY_BODY),
        (b" \r\n\t", Reason.EMPTY_BODY),
        (b"hello", Reason.NOT_JSON),
        (b'{"event_id":', Reason.NOT_JSON),
        (b'{"event_id":"a"} x', Reason.NOT_JSON),
        (b'{"event_id":"a","n":NaN}', Reason.NOT_JSON),
        (b'{"event_id":"a","n":-Infinity}', Reason.NOT_JSON),
        (b'{"event_id":"\xff"}', Reason.NOT_JSON),
        (b'\xef\xbb\xbf{"event_id":"a"}', Reason.NOT_JSON),
        ('{"event_id":"a"}'.encode("utf-16"), Reason.NOT_JSON),
        (b'{"event_id":"a\nb"}', Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b"12", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"{}", Reason.MISSING_EVENT_ID),
        (b'{"event_id":null}', Reason.MISSING_EVENT_ID),
        (b'{"event_id":12}', Reason.MISSING_EVENT_ID),
        (b'{"event_id":""}', Reason.MISSING_EVENT_ID),
        (b'{"event_id":"' + b"x" * 1025 + b'"}', Reason.MISSING_EVENT_ID),
        (b'{"event_id":"a","event_type":"email_sent"}', Reason.LEGACY_FORMAT),
        (b'{"event_id":"a","x":"\\ud800"}', Reason.AMBIGUOUS_JSON),
        (b'{"event_id":"a","x":1e400}', Reason.AMBIGUOUS_JSON),
        (b'{"event_id":"a","x":' + b"9" * 5000 + b"}", Reason.AMBIGUOUS_JSON),
        (b'{"event_id":"a","x":' + b"[" * 300 + b"]" * 300 + b"}", Reason.TOO_DEEP),
        (b'{"event_id":"a","x":' + b"[" * 1000 + b"]" * 1000 + b"}", Reason.TOO_DEEP),
        (b"[" * 1_000_000, Reason.TOO_DEEP),
        (b'{"a":' * 200_000, Reason.TOO_DEEP),
    ],
)
def test_every_odd_body_has_its_reason(body, reason):
    """A body that cannot be an event is refused for the one reason that the table gives."""
    assert rejected(body).reason is reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_id":"a","event_id":"b"}',
        b'{"event_id":"a","event_id" :"b"}',
        b'{"event_id":"a" , "event_id"\n: "b"}',
        b'{"event_id":"a","data":{"identifiers":{"id":"1","id":"1"}}}',
        b'{"event_id":"a","x":[{"y":1,"y":2}]}',
        b'{"event_id":"a","event_\\u0069d":"b"}',
        b'{"event_id":"a","event_id":"b","s":"\\u0022:"}',
        b'{"event_id":"a","event_id":"b","s":"\\"\\u003a"}',
        b'{"event_id":"a","event_id":"b","s":"\\"\\u003A"}',
        b'{"event_id":"a","s":"\\":","s":1}',
    ],
)
def test_a_repeated_key_is_ambiguous(body):
    """A key that stands twice in one object is found, however it is written."""
    assert rejected(body).reason is Reason.AMBIGUOUS_JSON


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_id":"a","s":"say \\":\\" twice \\":"}',
        b'{"event_id" : "a", "t" : "x : y"}',
        b'{"event_id":"a","s":"\\u0022: \\u003a"}',
        b'{"event_id":"a","k\\":":1}',
        b'{"event_id":"a","href":"https://example.com/?q=\\u003cb\\u003e"}',
    ],
)
def test_nothing_else_is_taken_for_a_repeated_key(body):
    """Colons, quotes and escapes in text or keys are no reason to refuse."""
    assert decoded(body).event_id == "a"


def test_the_digest_ignores_spacing_and_order_only():
    """Two spellings of the same content have one digest; different content has another."""
    first = decoded(b'{"event_id":"a","data":{"x":1,"y":"\\u00e9"}}')
    same = decoded('{ "data": {"y": "é", "x": 1}, "event_id": "a" }'.encode())
    other = decoded(b'{"event_id":"a","data":{"x":2,"y":"\\u00e9"}}')
    assert first.digest == same.digest
    assert first.digest != other.digest


def test_a_whole_number_with_a_fraction_is_different_content():
    """``1`` and ``1.0`` have two digests, as docs/assumptions.md says."""
    assert decoded(b'{"event_id":"a","x":1}').digest != decoded(b'{"event_id":"a","x":1.0}').digest


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("1613063089", 1613063089.0),
        ('"1585250199"', 1585250199.0),
        ("1.5", 1.5),
        ('"soon"', None),
        ("null", None),
        ("true", None),
        ("[]", None),
        ("-1", None),
        ("1613063089000", None),
        ("1e308", None),
        ('"nan"', None),
        ('"-inf"', None),
        ('"1e999"', None),
    ],
)
def test_the_events_own_time(timestamp, seconds):
    """
    Numbers and numeric strings of the years 1970 to 9999 are a time.

    Anything else is none, and no reason to refuse; nor does it reach the sum of a metric.
    """
    assert decoded(b'{"event_id":"a","timestamp":%s}' % timestamp.encode()).timestamp_s == seconds


def test_odd_types_of_type_and_metric_are_no_type_and_metric():
    """An object_type or metric that is no text is left to mapping and schema."""
    event = decoded(b'{"event_id":"a","object_type":1,"metric":{}}')
    assert (event.object_type, event.metric) == ("", "")


def test_the_old_format_keeps_its_id():
    """A legacy event is refused with its event id and digest, so that repeats are known."""
    result = rejected(b'{"event_id":"a","event_type":"email_delivered"}')
    assert result.event_id == "a"
    assert len(result.digest) == 16


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_gzip_is_unpacked(encoding):
    """A gzip body, in one member or several, gives the plain bytes."""
    packed = gzip.compress(PLAIN[:20], mtime=0) + gzip.compress(PLAIN[20:], mtime=0)
    assert decoded(packed, ("content-encoding", encoding)).body == PLAIN


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(PLAIN, mtime=0)[:-4], "gzip", Reason.BAD_ENCODING),
        (gzip.compress(PLAIN, mtime=0)[:-12], "gzip", Reason.BAD_ENCODING),
        (gzip.compress(PLAIN, mtime=0) + b"rubbish", "gzip", Reason.BAD_ENCODING),
        (b"not gzip at all", "gzip", Reason.BAD_ENCODING),
        (PLAIN, "gzip", Reason.BAD_ENCODING),
        (b"", "gzip", Reason.EMPTY_BODY),
        (gzip.compress(b"", mtime=0), "gzip", Reason.EMPTY_BODY),
        (PLAIN, "br", Reason.UNSUPPORTED_ENCODING),
        (PLAIN, "gzip, gzip", Reason.UNSUPPORTED_ENCODING),
    ],
)
def test_bad_encodings(body, encoding, reason):
    """What cannot be unpacked is refused for its encoding, not as broken JSON."""
    assert rejected(body, ("content-encoding", encoding)).reason is reason


def test_identity_is_no_encoding():
    """``content-encoding: identity`` changes nothing."""
    assert decoded(PLAIN, ("content-encoding", "identity")).body == PLAIN


def test_a_gzip_bomb_stops_at_the_limit():
    """A small body that would unpack to more than 64 MiB is refused before it is unpacked."""
    bomb = gzip.compress(b" " * (MAX_DECODED_BYTES + 1), 9)
    assert len(bomb) < 100_000
    assert rejected(bomb, ("content-encoding", "gzip")).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"null", "expected an object, found null"),
        (b"[]", "expected an object, found array"),
        (b'"text"', "expected an object, found string"),
        (b"true", "expected an object, found boolean"),
        (b"12", "expected an object, found number"),
        (b"1.5", "expected an object, found number"),
        (b'{"event_id":12}', "expected a string, found number"),
        (b'{"event_id":{}}', "expected a string, found object"),
        (b'{"event_id":["a"]}', "expected a string, found array"),
        (b'{"event_id":"\xff"}', "not UTF-8 at byte 13"),
        (b'{"event_id":"\xc3', "not UTF-8 at byte 13"),
        ('{"\u00e9\u00e9":x}'.encode(), "does not parse at byte 8"),
        (b'\xef\xbb\xbf{"event_id":"a"}', "does not parse at byte 0"),
    ],
)
def test_details_speak_json(body, detail):
    """A detail names types as JSON does, and the byte where reading ends."""
    assert rejected(body).detail == detail


def test_a_spilled_body_is_too_large():
    """A body that ingress spilled to disk is not read here."""
    result = decode(entry(b"", spill="abc", spill_bytes=20_000_000))
    assert isinstance(result, Rejected)
    assert result.reason is Reason.TOO_LARGE
    assert "20000000" in result.detail


def test_no_detail_holds_the_content():
    """Reprs and details of refused events name sizes, positions and types, never the body."""
    secret = "anna@example.com"
    for body in (f'{{"event_id":"{secret}', f'["{secret}"]', f'{{"x":"{secret}"}}'):
        result = rejected(body.encode())
        assert secret not in repr(result)
        assert secret not in result.detail
    assert secret not in repr(decoded(json.dumps({"event_id": "a", "x": secret}).encode()))


_SPELLINGS = st.sampled_from([":", "\\u003a", "\\u003A", '\\"', "\\u0022", "\\\\", "a", "\\n"])
_TEXT = st.lists(_SPELLINGS, max_size=4).map(lambda parts: f'"{"".join(parts)}"')
_SPACE = st.sampled_from(["", "", " ", "\n", "\t "])


@st.composite
def _object(draw, value) -> str:
    pairs = draw(st.lists(st.tuples(_TEXT, _SPACE, value), max_size=4))
    return "{" + ",".join(f"{key}{space}:{text}" for key, space, text in pairs) + "}"


@given(st.recursive(_TEXT, _object, max_leaves=8))
def test_repeated_keys_are_found_like_by_a_parser_of_pairs(text):
    """However keys and colons are spelt, exactly the objects with a key twice are refused."""
    repeats = False

    def look(pairs):
        nonlocal repeats
        repeats = repeats or len(dict(pairs)) != len(pairs)
        return dict(pairs)

    body = f'{{"event_id":"e","x":{text}}}'
    json.loads(body, object_pairs_hook=look)
    result = decode(Entry(1, Envelope("r", 0.0, (), body.encode())))
    assert isinstance(result, Rejected) == repeats

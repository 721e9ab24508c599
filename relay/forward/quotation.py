"""
What may be repeated of a refusal's own words, which may in turn repeat the event (pure).

Who reads a quarantined event at night wants Adobe's text, and not somebody's name in a log. What
the inlet can repeat is what it was sent, so a word of its text is kept only if it cannot have
come from there; everything else becomes ``…``:

    brackets, quotes   hold a value: kept only if all of it are words of the trade
    words of the trade ``invalid``, ``schema``, ``xdm``: kept, whoever else used them
    Adobe's codes      ``DCVS-1104-400``: kept
    plain words        four to twenty letters, a capital only in front: kept unless any four
                       letters of it in a row were sent
    all else           numbers, addresses, ids, tokens, other letters than a to z: never

Four letters in a row, because a text may join or cut values: ``JaneDoe`` for ``Jane`` and ``Doe``.
What was sent counts whole, all records of the request. When that is much, only words of the trade
are kept, and of many different texts for one request only the first are quoted, so that nobody
waits for it.

Assumed: a text that repeats a value in another form than its letters (translated, decoded,
shortened to three letters) does not occur. See docs/assumptions.md, "Forwarding and tokens".

Source:
    adobe.md §1.4, §1.5; fixtures ``batch_207_*.json``, ``single_errors.json``,
    ``gateway_errors.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

MOST_CHARACTERS = 300
_MOST_READ = 600
_MOST_SENT_BYTES = 8_192
_MOST_TEXTS = 20
_MOST_VIOLATIONS = 5
_GRAM = 4
_MASK = "…"

# Every message of the inlet begins with these two, whatever it is about.
_PREFIX = re.compile(r"\b(?:inletId|imsOrgId): \[[^\]]*\]")
_VALUE = re.compile(
    r"\[[^\]]*\]|\{[^}]*\}|<[^>]*>|\"[^\"]*\"|`[^`]*`|(?<![A-Za-z])'[^']*'(?![A-Za-z])"
)
_CHUNK = re.compile(r"([(\[{<\"'`]*)(.*?)([)\]}>\"'`.,:;!?]*)")
_PLAIN = re.compile(r"[A-Za-z][a-z]{3,19}")
_COMPOUND = re.compile(r"[A-Za-z]+(?:['/-][A-Za-z]+)*")
_CODE = re.compile(r"(?:DCVS|DCCS|FLOW|XDM|INGEST|MAPPER|CONNECTOR)-[0-9]{4}(?:-[0-9]{3})?")
_TYPE = re.compile(r"(?:https?://ns\.adobe\.com/|urn:)([A-Za-z0-9/:.-]{1,200})")
_MASKS = re.compile(r"…(?:[ .,:;]*…)+")
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_LETTERS = re.compile(r"[a-z]{4,}")

_TRADE_WORDS = """
a about above absent accept accepted access additional additionalproperties adobe after again
all allowed already an and another any api are array as at attribute authentication
authorization authorized bad batch be because been before being below between body boolean but
by bytes can cannot check client collection conform connection constraint contain contains
content content-type could create created credential credentials current data dataflow dataset
datasetid date date-time datetime denied deprecated deserialize did disabled does doesn doesn't
double duplicate duplicated empty entity enum enumeration error errors event exceed exceeded
exceeds exist existing exists expected expired extraneous fail failed failure false field fields
find float flow flowid following for forbidden format found from gateway greater has have header
headers id identity identitymap if ims imsorgid in incorrect ingestion inlet inletid input int
integer internal invalid is isn isn't it item items its json key keys kilobytes known large
larger length less limit long longer malformed mandatory map mapped mapper mapping match matched
matches matching maximum maxitems maxlength may megabytes message messages method minimum
minitems minlength missing more must namespace no not null number object of on one only
operation or org organisation organization out parse parsed parsing path pattern payload pending
permission permitted please pointer present process processed processing profile properties
property provide provided quota range rate read received record records reference refused regex
regular reject rejected request requests require required resource response retry root row rows
sandbox schema schemaref schemas server service session short shorter should size source
specified specify stream streaming string subschema subschemas support supported target tenant
than that the there this time timed timeout timestamp to token too transform transformation true
try type types unable unauthorized unavailable unexpected unique unknown unprocessable
unsupported until uri url use used valid validate validated validation value values version
violation violations was were when while with within without wrong xdm xdmentity xdmmeta
"""
_TRADE = frozenset(_TRADE_WORDS.split())


class Quotation:
    """What may be quoted of the answers to one request that carried *sent*."""

    def __init__(self, sent: Sequence[bytes]) -> None:
        self._sent = sent
        # Read when they are first asked for; ``None`` for a request that is too large to look at.
        self._grams: frozenset[str] | None = None
        self._is_read = False
        self._quoted: dict[str, str] = {}

    def of(self, document: Any) -> str:
        """
        Quote a refusal's *document*: one line of at most 300 characters, empty for nothing.

        ``Invalid XDM Message Format. Message is invalid (data-collection-service/inlet)``
        """
        parts: list[str] = []
        for text in _texts(document):
            part = self._masked(text)
            if part and part not in parts:
                parts.append(part)
        about = self._type(document)
        room = MOST_CHARACTERS - len(about)
        line = ". ".join(part.rstrip(".") for part in parts)
        if len(line) > room:
            line = line[: room - 1].rpartition(" ")[0] + _MASK
        return f"{line}{about}".strip()

    def _masked(self, text: str) -> str:
        text = _PREFIX.sub(" ", text[:_MOST_READ])
        known = self._quoted.get(text)
        if known is None:
            if len(self._quoted) >= _MOST_TEXTS:
                return ""
            plain = _VALUE.sub(self._value, text)
            masked = _MASKS.sub(_MASK, " ".join(self._chunk(chunk) for chunk in plain.split()))
            # A row of masks says nothing.
            known = masked if re.search("[A-Za-z]", masked) else ""
            self._quoted[text] = known
        return known

    def _value(self, found: re.Match[str]) -> str:
        """Keep what stands in brackets or quotes if it is no value."""
        text = found[0]
        if all(_is_trade(word) for word in text[1:-1].split()):
            return text
        return f"{text[0]}{_MASK}{text[-1]}"

    def _chunk(self, chunk: str) -> str:
        match = _CHUNK.fullmatch(chunk)
        if match is None:
            return _MASK
        opening, core, closing = match.groups()
        return f"{opening}{core if self._may_keep(core) else _MASK}{closing}"

    def _may_keep(self, core: str) -> bool:
        if core in {"", _MASK} or _is_trade(core) or _CODE.fullmatch(core):
            return True
        if not _COMPOUND.fullmatch(core):
            return False
        return all(_is_trade(word) or self._is_new(word) for word in re.split("['/-]", core))

    def _is_new(self, word: str) -> bool:
        """Whether nothing of *word* can come from what was sent."""
        if not self._is_read:
            self._read()
        if self._grams is None or not _PLAIN.fullmatch(word):
            return False
        return self._grams.isdisjoint(_grams(word.lower()))

    def _read(self) -> None:
        self._is_read = True
        if sum(map(len, self._sent)) > _MOST_SENT_BYTES:
            return
        text = b"\n".join(self._sent).decode(errors="replace").lower()
        # Letters may be written as escapes; what was escaped otherwise is no letter.
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).lower()
        self._grams = frozenset(
            gram for letters in _LETTERS.findall(text) for gram in _grams(letters)
        )

    def _type(self, document: Any) -> str:
        """Name the problem's type by the last two steps of its address."""
        found = document.get("type") if type(document) is dict else None
        match = _TYPE.fullmatch(found) if isinstance(found, str) else None
        if match is None:
            return ""
        steps = re.split("[/:]", match[1])[-2:]
        kept = "/".join(step for step in steps if self._may_keep(step))
        return f" ({kept})" if kept else ""


def _is_trade(word: str) -> bool:
    return word.strip(".,:;").lower() in _TRADE


def _grams(letters: str) -> Iterator[str]:
    return (letters[at : at + _GRAM] for at in range(len(letters) - _GRAM + 1))


def _texts(document: Any) -> Iterator[str]:
    """Find code, title, message and the violations' messages, in that order."""
    if type(document) is not dict:
        return
    report = document.get("report")
    places = (document, report) if type(report) is dict else (document,)
    names = ("errorCode", "error_code", "code", "title", "message", "detail", "error_description")
    for name in names:
        for place in places:
            text = place.get(name)
            if isinstance(text, str):
                yield text
    yield from _violations(report)


def _violations(report: Any) -> Iterator[str]:
    cause = report.get("cause") if type(report) is dict else None
    found = cause.get("_streamingValidation") if type(cause) is dict else None
    waiting = list(found) if type(found) is list else []
    told = 0
    for _ in range(100):
        if not waiting or told == _MOST_VIOLATIONS:
            return
        violation = waiting.pop(0)
        if type(violation) is not dict:
            continue
        causes, text = violation.get("causingExceptions"), violation.get("message")
        if type(causes) is list and causes:
            waiting += causes
        elif isinstance(text, str):
            told += 1
            yield text

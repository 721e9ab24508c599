"""
The requests and answers that Adobe's tutorial prints, taken out of its text.

``python tests/contract/tutorial_kit.py TUTORIAL > tests/data/tutorial.json`` makes the data anew
from the tutorial's Markdown; only its requests and answers are kept.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

SOURCE = (
    "AdobeDocs/experience-platform.en, help/sources/tutorials/api/create/marketing-automation/"
    "customerio-webhook.md; the requests and answers of its Swedish edition"
)
_BLOCK = re.compile(r"^```(?P<kind>shell|json)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PLATFORM = "https://platform.adobe.io"


def extract(markdown: str) -> list[dict[str, Any]]:
    """Pair every printed curl command, as it stands, with the answer printed after it."""
    found: list[dict[str, Any]] = []
    for block in _BLOCK.finditer(markdown):
        if block["kind"] == "shell":
            found.append({"curl": block["text"]})
        elif found and "answer" not in found[-1]:
            found[-1]["answer"] = json.loads(block["text"])
    return found


def printed() -> list[dict[str, Any]]:
    """The requests and answers kept with the tests."""
    path = Path(__file__).parents[1] / "data" / "tutorial.json"
    requests: list[dict[str, Any]] = json.loads(path.read_text())["requests"]
    return requests


def filled(curl: str, base_url: str, values: dict[str, str]) -> str:
    """Point a command at *base_url* and put *values* in the place of what it has for them."""
    for printed_value, real in values.items():
        curl = curl.replace(printed_value, real)
    return curl.replace(_PLATFORM, base_url)


def parsed(curl: str) -> dict[str, Any]:
    """Read a command as curl would: method, address, headers and body."""
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[0] == "curl"
    request: dict[str, Any] = {"method": "GET", "headers": {}}
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-X":
                request["method"] = next(rest)
            case "-H":
                name, _, value = next(rest).partition(":")
                request["headers"][name] = value.strip()
            case "-d":
                request["content"] = next(rest)
            case _:
                request["url"] = word
    return request


if __name__ == "__main__":
    document = {"source": SOURCE, "requests": extract(Path(sys.argv[1]).read_text())}
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

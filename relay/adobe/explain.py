"""
What an error answer of Adobe means: its code, whose fault it is, whether later helps, what to do.

Adobe has four shapes of error: the gateway's ``error_code``/``message``, Flow Service's and the
registry's problem document with ``report.detailed-message``, Data Prep's and Catalog's ``title``/
``detail``, and OAuth's ``error``/``error_description``. All become one `AdobeError`.

Source:
    AdobeDocs/experience-platform.en, help/sources/errors/flow-service-errors.md and
    help/landing/troubleshooting.md; developer.adobe.com, Flow Service and Schema Registry API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from relay.errors import AdobeError

_DETAIL_LIMIT = 400
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_CODE_IN_TYPE = re.compile(r"/([A-Z]+-\d+-\d{3})$")

HINTS: Mapping[str, str] = {
    "FLOW-2100-404": "the sandbox does not exist in this organisation: check adobe.sandbox",
    "FLOW-2105-400": "name a sandbox in adobe.sandbox (lower case)",
    "FLOW-2001-401": "set adobe.org_id, it looks like 1234@AdobeOrg",
    "FLOW-2002-401": "set adobe.org_id, it looks like 1234@AdobeOrg",
    "FLOW-2120-403": "give the credential's product profile the Sources permissions",
    "FLOW-1403-400": "the call needs an If-Match header with the resource's etag",
    "FLOW-1404-412": "somebody changed it meanwhile: run plan again",
    "FLOW-1412-400": "the mapping set has no such version: run plan again",
    "FLOW-1416-400": "wait until the flow is enabled or disabled, then run it again",
    "FLOW-1418-400": "delete the connections that use this account first",
    "FLOW-1419-400": "run `relay check`: the mapping set does not fit the schema",
    "FLOW-1420-400": "the flow is being changed; wait and run it again",
    "FLOW-1421-400": "the flow is being changed; wait and run it again",
    "FLOW-1425-400": "dataset and mapping set must name the same schema id and version",
    "FLOW-1439-404": "it was deleted, or it belongs to another sandbox or organisation",
    "FLOW-1447-400": "delete the flow first: it still uses this resource",
    "403000": "set adobe.client_id: it is also the api key",
    "403003": "the api key (adobe.client_id) is not known to Adobe",
    "403010": "the request carried no token: set adobe.client_id and adobe.client_secret",
    "401013": "the token was refused: check adobe.client_id and adobe.client_secret",
    "403025": "the credential has no product profile with API access: an administrator adds it",
    "400003": "a header is missing: set adobe.org_id",
    "429050": "too many calls; wait a minute and run it again",
    "XDM-1006-400": "the registry wants another Accept header",
    "XDM-1012-404": "the schema does not exist in this sandbox",
    "XDM-3005-400": "a schema of this title exists: choose another name or give its id",
}


def explain(
    status: int, body: Any, headers: Mapping[str, str], *, doing: str, where: str
) -> AdobeError:
    """
    Turn an error answer into one `AdobeError`.

    *body* is the parsed JSON or text; *doing* is what was asked in words ("create the flow");
    *where* is method and path. Nothing of our request is repeated.
    """
    code, detail = _code_and_detail(body)
    request_id = headers.get("x-request-id", "")
    if isinstance(body, dict) and isinstance(report := body.get("report"), dict):
        request_id = str(report.get("request-id") or report.get("registryRequestId") or request_id)
    text = f"Adobe refused to {doing}: {status}"
    text += f" {code}" if code else ""
    text += f", {detail}" if detail else ""
    text += f" ({where}{', request ' + request_id if request_id else ''})"
    return AdobeError(
        text,
        hint=HINTS.get(code, _general_hint(status)),
        status=status,
        code=code,
        request_id=request_id,
        fault=_fault(status),
        is_temporary=status in _TEMPORARY,
        is_ambiguous=status >= 500,  # noqa: PLR2004 - the class of server errors
    )


def _code_and_detail(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        return "", ""
    found = _CODE_IN_TYPE.search(str(body.get("type", "")))
    code = found[1] if found else str(body.get("error_code") or body.get("error") or "")
    report = body.get("report")
    detail = report.get("detailed-message") if isinstance(report, dict) else None
    for key in ("errorMessage", "detail", "message", "error_description", "title"):
        detail = detail or body.get(key)
    errors = body.get("errors")
    if not detail and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        detail = errors[0].get("detail")
    return code, str(detail or "")[:_DETAIL_LIMIT]


def _fault(status: int) -> str:
    if status in {401, 403}:
        return "credentials"
    if status in {409, 412}:
        return "conflict"
    return "request" if 400 <= status < 500 and status not in _TEMPORARY else "adobe"  # noqa: PLR2004 - the class of client errors


def _general_hint(status: int) -> str:
    if status in {401, 403}:
        return "check adobe.client_id, adobe.client_secret, adobe.org_id and the product profile"
    if status == 412:  # noqa: PLR2004 - precondition failed, as HTTP numbers it
        return "somebody changed it meanwhile: run plan again"
    if status in _TEMPORARY:
        return "this is on Adobe's side; nothing is lost by running the command again later"
    return ""

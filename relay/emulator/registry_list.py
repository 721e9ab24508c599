"""
The registry's lists: filter, order, page (pure).

A page goes on behind the last value of the property it is ordered by.

Source:
    AdobeDocs/experience-platform.en, help/xdm/api/appendix.md (``orderby``, ``limit``, ``start``,
    ``property``); adobe.md §4.

Assumed:
    Without ``orderby`` a list is ordered by ``title``; Adobe's own client pages that way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import regex

from relay.emulator.fields import order_key, text_of, whole
from relay.emulator.problems import registry_problem

Item = dict[str, Any]

MAX_LIMIT = 300
_OPERATORS = ("==", "!=", ">=", "<=", ">", "<", "~")
_REGEX_TIMEOUT_S = 0.1


def page_of(items: Sequence[Item], query: Any, *, path: str) -> tuple[list[Item], Item]:
    """
    Choose and cut *items* by the *query*: the page, and ``_page`` and ``_links`` beside it.

    Raises:
        Refused: a parameter cannot be read.
    """
    chosen = [item for item in items if _matches(item, query.getlist("property"))]
    order = query.get("orderby") or "title"
    is_falling = order.startswith("-")
    name = order.lstrip("+- ").split(",")[0] or "title"
    chosen.sort(key=lambda item: order_key(item.get(name)), reverse=is_falling)
    if start := query.get("start"):
        chosen = [item for item in chosen if _is_behind(item.get(name), start, is_falling)]
    limit = _limit(query.get("limit", str(MAX_LIMIT)))
    page = chosen[:limit]
    following = text_of(page[-1].get(name)) if page and len(chosen) > limit else None
    links: Item = {"next": None}
    if following is not None:
        query_text = f"orderby={quote(order)}&limit={limit}&start={quote(following, safe='')}"
        links["next"] = {"href": f"{path}?{query_text}"}
    return page, {
        "_page": {"orderby": order, "next": following, "count": len(page)},
        "_links": links,
    }


def _limit(value: str) -> int:
    number = whole(value)
    if number is None:
        raise registry_problem("1013-400", "Invalid query", "limit must be a whole number")
    return max(1, min(number, MAX_LIMIT))


def _is_behind(value: Any, start: str, is_falling: bool) -> bool:
    if isinstance(value, int | float):
        try:
            first = order_key(float(start))
        except ValueError:
            return False
    else:
        first = order_key(start)
    key = order_key(value)
    return key < first if is_falling else key > first


def _matches(item: Item, filters: Sequence[str]) -> bool:
    # Conditions are joined by a comma, or given one a parameter.
    return all(_takes(item, text) for joined in filters for text in joined.split(",") if text)


def _takes(item: Item, text: str) -> bool:
    at = {text.find(operator): operator for operator in reversed(_OPERATORS) if operator in text}
    if not at:
        return text in item
    position = min(at)
    operator, name = at[position], text[:position]
    wanted = text[position + len(operator) :]
    value = item.get(name)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if operator == "!=":
        return all(text_of(each) != wanted for each in values)
    compare = _comparison(operator, wanted)
    return any(compare(text_of(each)) for each in values)


def _comparison(operator: str, wanted: str) -> Callable[[str], bool]:
    match operator:
        case "==":
            return lambda found: found == wanted
        case "~":
            return lambda found: _search(wanted, found)
        case ">":
            return lambda found: found > wanted
        case ">=":
            return lambda found: found >= wanted
        case "<":
            return lambda found: found < wanted
        case _:
            return lambda found: found <= wanted


def _search(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=_REGEX_TIMEOUT_S) is not None
    except (regex.error, TimeoutError):
        raise registry_problem(
            "1013-400", "Invalid query", "the expression after ~ cannot be used"
        ) from None

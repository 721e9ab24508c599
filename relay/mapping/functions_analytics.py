"""
Adobe Analytics strings taken apart: event lists and products.

An event list is ``event101=5:123456,scOpen``: names with an optional value and serialisation id.
A products string holds products between commas, each with the fields category, name, quantity,
price, events and merchandising eVars between semicolons; the last two hold entries between bars.

Source:
    Data Prep functions, "Analytics functions"; two of them stand commented out in its source.

Assumed:
    numbers are given as text, as the product functions are shown to do; what is not there is null.
"""

from __future__ import annotations

from typing import Any

from relay.mapping.arguments import bounded, text
from relay.mapping.function import Example, Function, function

_FAMILY = "Analytics"
_CATEGORY, _NAME, _QUANTITY, _PRICE, _EVENTS, _EVARS = range(6)
_TWO = ";Example product 1;1;3.50,Example category 2;Example product 2;1;5.99"
_SHORT = ";Example product 1;1;3.50,Example category 2;Example product 2"
_WITH_EVENTS = (
    ";Example product 1;1;4.20;event1=2.3|event2=5:1,;Example product 2;1;4.20;event1=3|event2=2:2"
)
_HIDDEN = "stands commented out in the documentation's source: not released"


def _event(listed: str, name: str, separator: str) -> tuple[str, str | None] | None:
    """Give value (1 when none is written) and id of the event *name*; None when not listed."""
    for entry in listed.split(separator):
        written, _, value_and_id = entry.strip().partition("=")
        bare, bare_colon, bare_id = written.partition(":")
        if bare != name:
            continue
        value, colon, serial = value_and_id.partition(":")
        found_id = serial if colon else bare_id if bare_colon else None
        return value or "1", found_id
    return None


def _products(value: Any) -> list[list[str]] | None:
    if value is None:
        return None
    products = text(value, "a products string")
    bounded(products.count(",") + products.count(";"))
    return [product.split(";") for product in products.split(",")]


def _column(value: Any, column: int) -> list[str | None] | None:
    products = _products(value)
    if products is None:
        return None
    return [product[column] or None if len(product) > column else None for product in products]


def _product_events(value: Any, name: Any) -> list[tuple[str, str | None] | None] | None:
    listed = _column(value, _EVENTS)
    if listed is None or name is None:
        return None
    wanted = text(name, "the name of an event")
    return [None if entry is None else _event(entry, wanted, "|") for entry in listed]


@function(
    "aa_get_event_id",
    _FAMILY,
    "aa_get_event_id(EVENT_STRING, EVENT_NAME)",
    "Gives the serialisation id of an event in an event list.",
    Example('aa_get_event_id("event101=5:123456,scOpen", "event101")', "123456"),
    Example('aa_get_event_id("event101=5:123456,scOpen", "scOpen")', None),
)
def aa_get_event_id(events: Any, name: Any) -> str | None:
    """Find an event's id."""
    if events is None or name is None:
        return None
    found = _event(text(events), text(name), ",")
    return found and found[1]


@function(
    "aa_get_event_value",
    _FAMILY,
    "aa_get_event_value(EVENT_STRING, EVENT_NAME)",
    "Gives the value of an event in an event list, 1 when none is written.",
    Example('aa_get_event_value("event101=5:123456,scOpen", "event101")', "5"),
    Example('aa_get_event_value("event101=5:123456,scOpen", "scOpen")', "1"),
)
def aa_get_event_value(events: Any, name: Any) -> str | None:
    """Find an event's value."""
    if events is None or name is None:
        return None
    found = _event(text(events), text(name), ",")
    return found and found[0]


@function(
    "aa_get_product_categories",
    _FAMILY,
    "aa_get_product_categories(PRODUCTS_STRING)",
    "Gives the category of each product.",
    Example(f'aa_get_product_categories("{_TWO}")', [None, "Example category 2"]),
)
def aa_get_product_categories(products: Any) -> list[str | None] | None:
    """Give the first field."""
    return _column(products, _CATEGORY)


@function(
    "aa_get_product_names",
    _FAMILY,
    "aa_get_product_names(PRODUCTS_STRING)",
    "Gives the name of each product.",
    Example(f'aa_get_product_names("{_TWO}")', ["Example product 1", "Example product 2"]),
)
def aa_get_product_names(products: Any) -> list[str | None] | None:
    """Give the second field."""
    return _column(products, _NAME)


@function(
    "aa_get_product_quantities",
    _FAMILY,
    "aa_get_product_quantities(PRODUCTS_STRING)",
    "Gives the quantity of each product.",
    Example(f'aa_get_product_quantities("{_SHORT}")', ["1", None]),
)
def aa_get_product_quantities(products: Any) -> list[str | None] | None:
    """Give the third field."""
    return _column(products, _QUANTITY)


@function(
    "aa_get_product_prices",
    _FAMILY,
    "aa_get_product_prices(PRODUCTS_STRING)",
    "Gives the price of each product.",
    Example(f'aa_get_product_prices("{_SHORT}")', ["3.50", None]),
)
def aa_get_product_prices(products: Any) -> list[str | None] | None:
    """Give the fourth field."""
    return _column(products, _PRICE)


@function(
    "aa_get_product_event_values",
    _FAMILY,
    "aa_get_product_event_values(PRODUCTS_STRING, EVENT_NAME)",
    "Gives the value of an event for each product.",
    Example(f'aa_get_product_event_values("{_WITH_EVENTS}", "event1")', ["2.3", "3"]),
    Example(f'aa_get_product_event_values("{_WITH_EVENTS}", "event2")', ["5", "2"]),
)
def aa_get_product_event_values(products: Any, name: Any) -> list[str | None] | None:
    """Find an event's values."""
    found = _product_events(products, name)
    return None if found is None else [event and event[0] for event in found]


@function(
    "aa_get_product_evars",
    _FAMILY,
    "aa_get_product_evars(PRODUCTS_STRING, EVAR_NAME)",
    "Gives the value of a merchandising eVar for each product.",
    Example(
        'aa_get_product_evars(";Example product;1;6.69;;eVar1=Merchandising value", "eVar1")',
        ["Merchandising value"],
    ),
    note="the documentation's syntax calls the second argument EVENT_NAME",
)
def aa_get_product_evars(products: Any, name: Any) -> list[str | None] | None:
    """Find an eVar's values."""
    listed = _column(products, _EVARS)
    if listed is None or name is None:
        return None
    wanted = text(name, "the name of an eVar")
    values: list[str | None] = []
    for entries in listed:
        pairs = (entry.partition("=") for entry in (entries or "").split("|"))
        values.append(next((held for evar, _, held in pairs if evar.strip() == wanted), None))
    return values


@function(
    "aa_get_product_events",
    _FAMILY,
    "aa_get_product_events(PRODUCTS_STRING, EVENT_NAME)",
    "Gives id and value of an event for each product.",
    Example(
        f'aa_get_product_events("{_WITH_EVENTS}", "event2")',
        [{"id": "1", "value": "5"}, {"id": "2", "value": "2"}],
    ),
    note=f"{_HIDDEN}; the example there gives 1 where the products string says 2",
)
def aa_get_product_events(products: Any, name: Any) -> list[dict[str, str | None] | None] | None:
    """Find an event's ids and values."""
    found = _product_events(products, name)
    if found is None:
        return None
    return [None if event is None else {"id": event[1], "value": event[0]} for event in found]


@function(
    "aa_get_product_event_ids",
    _FAMILY,
    "aa_get_product_event_ids(PRODUCTS_STRING, EVENT_NAME)",
    "Gives the serialisation id of an event for each product.",
    Example(f'aa_get_product_event_ids("{_WITH_EVENTS}", "event2")', ["1", "2"]),
    note=_HIDDEN,
)
def aa_get_product_event_ids(products: Any, name: Any) -> list[str | None] | None:
    """Find an event's ids."""
    found = _product_events(products, name)
    return None if found is None else [event and event[1] for event in found]


FUNCTIONS: tuple[Function, ...] = (
    aa_get_event_id,
    aa_get_event_value,
    aa_get_product_categories,
    aa_get_product_names,
    aa_get_product_quantities,
    aa_get_product_prices,
    aa_get_product_event_values,
    aa_get_product_evars,
    aa_get_product_events,
    aa_get_product_event_ids,
)

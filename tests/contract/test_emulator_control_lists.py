"""Lists of the local Adobe's Flow Service: filters, order, pages, count, and their refusals."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from control_kit import FLOW, control, source

PATH = f"{FLOW}/sourceConnections"


async def _named(adobe, *names: str) -> None:
    for name in names:
        await adobe.ok("POST", PATH, {**source(name), "description": f"of {name}"})
        adobe.clock.advance(1)


async def _names(adobe, query: str) -> list[str]:
    return [item["name"] for item in (await adobe.ok("GET", f"{PATH}?{query}"))["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("property=name==b", ["b"]),
        ("property=name==a,c", ["a", "c"]),
        ("property=name!=a", ["b", "c"]),
        ("property=name==a&property=state==enabled", ["a"]),
        ("property=name==a&property=name==b", []),
        ("property=createdAt>1700000000500", ["b", "c"]),
        ("property=createdAt<=1700000001000", ["a", "b"]),
        ("property=connectionSpec.id==96479064-7b8a-4d69-b9ed-21c5683837ea&limit=2", ["a", "b"]),
        ("orderby=-name", ["c", "b", "a"]),
        ("orderby=%2Bname", ["a", "b", "c"]),
        ("orderby=name&limit=1", ["a"]),
        ("orderby=-createdAt&limit=1", ["c"]),
    ],
)
async def test_filters_and_order_choose_what_they_say(query, found):
    """Values joined by a comma are alternatives, filters add up, a sign gives the direction."""
    async with control() as adobe:
        await _named(adobe, "a", "b", "c")
        assert await _names(adobe, query) == found


@pytest.mark.parametrize(
    ("kind", "field", "found"),
    [
        ("flows", "sourceConnectionIds[]", "source"),
        ("flows", "targetConnectionIds", "target"),
        ("flows", "transformations[].params.mappingId", "mapping"),
        ("flows", "flowSpec.id", "spec"),
    ],
)
async def test_filters_reach_into_lists_and_objects(kind, field, found):
    """A flow is found by the ids in its lists and by what its mapping names."""
    async with control() as adobe:
        item = await adobe.made_flow()
        values = {
            "source": item["sourceConnectionIds"][0],
            "target": item["targetConnectionIds"][0],
            "mapping": item["transformations"][0]["params"]["mappingId"],
            "spec": item["flowSpec"]["id"],
        }
        for value, total in ((values[found], 1), ("other", 0)):
            answer = await adobe.ok("GET", f"{FLOW}/{kind}?property={field}=={value}")
            assert len(answer["items"]) == total
        source_flows = "property=inheritedAttributes.properties.isSourceFlow==true"
        assert len((await adobe.ok("GET", f"{FLOW}/flows?{source_flows}"))["items"]) == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("count=true&limit=1", "FLOW-1401-400"),
        ("wrong=1", "FLOW-1451-400"),
        ("property=nothing==1", "FLOW-1449-400"),
        ("property=name", "FLOW-1450-400"),
        ("property=name~a", "FLOW-1440-400"),
        ("property=createdAt<=1,2", "FLOW-1443-400"),
        ("property=id>=1", "FLOW-1448-400"),
        ("property=createdAt>yesterday", "FLOW-1452-400"),
        ("property=name==", "FLOW-1453-400"),
        ("orderby=*name", "FLOW-1432-400"),
        ("orderby=nothing", "FLOW-1433-400"),
        ("limit=0", "FLOW-1453-400"),
        ("limit=1001", "FLOW-1453-400"),
        ("limit=many", "FLOW-1453-400"),
        ("count=perhaps", "FLOW-1453-400"),
        ("continuationToken=nonsense", "FLOW-1453-400"),
    ],
)
async def test_a_query_that_cannot_be_read_has_its_code(query, code):
    """Each mistake in a list's query is refused with the error table's code."""
    async with control() as adobe:
        await adobe.refused(400, code, "GET", f"{PATH}?{query}")


async def test_a_search_is_a_list_by_a_body():
    """A search takes the query as a text of its body, with limit, order and count beside it."""
    async with control() as adobe:
        item = await adobe.made_flow()
        path = f"{FLOW}/flows/search"
        for query, total in (("property=name==events", 1), ("property=name==other", 0), ("", 1)):
            body = {"queryString": query, "limit": 5, "orderby": "-name"}
            assert len((await adobe.ok("POST", path, body))["items"]) == total
        body = {"queryString": f"property=id=={item['id']}", "count": True}
        assert await adobe.ok("POST", path, body) == {"count": 1}
        await adobe.refused(400, "FLOW-1453-400", "POST", path, json={"limit": 1001})


async def test_count_gives_a_number_and_no_items():
    """count=true answers how many match, and nothing else."""
    async with control() as adobe:
        await _named(adobe, "a", "b")
        assert await adobe.ok("GET", f"{PATH}?count=true") == {"count": 2}
        assert await adobe.ok("GET", f"{PATH}?count=true&property=name==a") == {"count": 1}


@pytest.mark.parametrize("repeats_query", [True, False])
async def test_pages_together_are_the_list(repeats_query):
    """Following the token, with or without the first query beside it, gives every item once."""
    async with control() as adobe:
        names = [f"n{number}" for number in range(7)]
        await _named(adobe, *names, "other")
        query = "property=name!=other&limit=3&orderby=name"
        found: list[str] = []
        sizes: list[int] = []
        path = f"{PATH}?{query}"
        while path:
            answer = await adobe.ok("GET", path)
            found += [item["name"] for item in answer["items"]]
            sizes.append(len(answer["items"]))
            link = answer["_links"].get("next", {}).get("href", "")
            token = parse_qs(urlsplit(link).query).get("continuationToken", [""])[0]
            # Adobe's own client cuts the address at its first "=": the rest is the token.
            assert link == "" or link.split("=")[1] == token
            assert re.fullmatch(r"[A-Za-z0-9_-]*", token)
            again = f"{query}&" if repeats_query else ""
            path = f"{PATH}?{again}continuationToken={token}" if token else ""
        assert (found, sizes) == (names, [3, 3, 1])


async def test_a_list_has_twenty_items_by_default():
    """Without a limit a page has 20 items and a link to the next."""
    async with control() as adobe:
        await _named(adobe, *(f"n{number}" for number in range(21)))
        answer = await adobe.ok("GET", PATH)
        assert len(answer["items"]) == 20
        assert answer["_links"]["next"]["href"].startswith("/sourceConnections?continuationToken=")

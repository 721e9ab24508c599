"""The local Adobe's Catalog and Data Prep: data sets, mapping sets, the language."""

from __future__ import annotations

import re

import pytest
from control_kit import CATALOG, CONTENT_TYPE, PREP, control, fixture_of, keys_of

SETS = f"{CATALOG}/dataSets"
MAPPINGS = f"{PREP}/mappingSets"
JSON_PATCH = {"content-type": "application/json-patch+json"}


async def test_a_data_set_is_a_map_keyed_by_its_id():
    """A creation answers a list of one reference; a lookup answers a map."""
    async with control() as adobe:
        schema_id = await adobe.schema()
        body = {"name": "set", "schemaRef": {"id": schema_id, "contentType": CONTENT_TYPE}}
        answer = await adobe.call("POST", f"{SETS}?requestDataSource=true", json=body)
        assert answer.status_code == 201
        (reference,) = answer.json()
        id_ = reference.removeprefix("@/dataSets/")
        assert re.fullmatch(r"[0-9a-f]{24}", id_)
        assert answer.headers["location"].endswith(id_)
        read = await adobe.ok("GET", f"{SETS}/{id_}")
        assert list(read) == [id_]
        assert {**read[id_], **body} == read[id_]
        assert {"version", "imsOrg", "created", "updated", "tags", "files", "viewId"} <= set(
            read[id_]
        )


async def test_a_data_set_is_changed_by_merging_or_by_operations():
    """A merge keeps what it does not name, a patch does what it says; both raise the version."""
    async with control() as adobe:
        id_ = await adobe.dataset(await adobe.schema())
        path = f"{SETS}/{id_}"
        merged = {"name": "merged", "tags": {"mine": ["1"]}, "description": "x"}
        assert await adobe.ok("PATCH", path, merged) == [f"@/dataSets/{id_}"]
        operations = [
            {"op": "add", "path": "/tags/unifiedProfile", "value": ["enabled:true"]},
            {"op": "remove", "path": "/description"},
        ]
        await adobe.ok("PATCH", path, operations, headers=JSON_PATCH)
        read = (await adobe.ok("GET", path))[id_]
        assert read["tags"].keys() >= {"mine", "unifiedProfile", "adobe/pqs/table"}
        assert (read["name"], "description" in read, read["version"]) == ("merged", False, "1.0.2")
        await adobe.ok("PATCH", f"{CATALOG}/v2/dataSets/{id_}", {"tags": {"mine": ["2"]}})
        assert (await adobe.ok("GET", path))[id_]["tags"]["mine"] == ["2"]
        for wrong in ([{"op": "remove", "path": "/nothing"}], "text", {"tags": 1}):
            assert (await adobe.call("PATCH", path, json=wrong)).status_code == 400


async def test_lists_of_data_sets_are_filtered_ordered_and_paged():
    """Name, order, limit, start and properties choose what they say."""
    async with control() as adobe:
        schema_id = await adobe.schema()
        for name in ("b", "a", "c"):
            await adobe.dataset(schema_id, name)
            adobe.clock.advance(1)

        async def names(query: str) -> list[str]:
            return [item["name"] for item in (await adobe.ok("GET", f"{SETS}?{query}")).values()]

        assert await names("name=a") == ["a"]
        assert await names("") == ["b", "a", "c"]
        assert await names("orderBy=asc:name") == ["a", "b", "c"]
        assert await names("orderBy=desc:created&limit=2") == ["c", "a"]
        assert await names("orderBy=asc:name&limit=2&start=2") == ["c"]
        assert await names(f"property=schemaRef.id=={schema_id}&limit=1") == ["b"]
        assert await names("property=nothing") == []
        (only,) = (await adobe.ok("GET", f"{SETS}?name=a&properties=name")).values()
        assert only == {"name": "a"}
        for wrong in ("limit=0", "limit=101", "start=x", "orderBy=name"):
            answer = await adobe.call("GET", f"{SETS}?{wrong}")
            assert answer.status_code == 400
            assert keys_of(answer.json()) == keys_of(fixture_of("gateway_errors.json")[6]["body"])


@pytest.mark.parametrize(
    "body",
    [{}, {"schemaRef": {"id": "https://ns.adobe.com/nothing"}}, {"schemaRef": "x"}, {"name": 1}],
)
async def test_a_data_set_needs_a_schema_that_exists(body):
    """A data set without a known schema is refused."""
    async with control() as adobe:
        assert (await adobe.call("POST", SETS, json=body)).status_code == 400


async def test_a_deleted_data_set_is_gone():
    """A deletion answers the reference; afterwards the data set is not found."""
    async with control() as adobe:
        id_ = await adobe.dataset(await adobe.schema())
        assert await adobe.ok("DELETE", f"{SETS}/{id_}") == [f"@/dataSets/{id_}"]
        for method in ("GET", "DELETE", "PATCH"):
            assert (await adobe.call(method, f"{SETS}/{id_}", json={})).status_code == 404


async def test_a_mapping_set_answers_as_the_tutorial_prints():
    """A creation has the printed keys; the stored rows carry both dialects."""
    async with control() as adobe:
        schema_id = await adobe.schema()
        body = fixture_of("customerio_mapping_request.json")
        body["outputSchema"]["schemaRef"]["id"] = schema_id
        made = await adobe.ok("POST", MAPPINGS, body)
        assert set(made) == {
            "id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy",
        }  # fmt: skip
        assert re.fullmatch(r"[0-9a-f]{32}", made["id"])
        read = await adobe.ok("GET", f"{MAPPINGS}/{made['id']}")
        row = read["mappings"][0]
        assert row["sourceType"] == "text/x.schema-path"
        assert row["source"] == row["sourceAttribute"] == "data.identifiers.cio_id"
        assert row["destination"] == row["destinationXdmPath"] == "_extconndev.cio_id"
        expanded = await adobe.ok("GET", f"{MAPPINGS}/{made['id']}?expandSchema=true")
        assert expanded["outputSchema"]["jsonSchema"]["$id"] == schema_id


async def test_both_dialects_of_a_mapping_set_are_taken():
    """Expressions and constants, and a schema named the old way, are stored as they are read."""
    async with control() as adobe:
        schema_id = await adobe.schema()
        body = {
            "xdmSchema": schema_id,
            "mappings": [
                {
                    "sourceType": "EXPRESSION",
                    "source": "concat(metric)",
                    "destination": "_extconndev.email",
                },
                {"sourceType": "STATIC", "source": "x", "destination": "_extconndev.metricx"},
            ],
        }
        made = await adobe.ok("POST", MAPPINGS, body)
        read = await adobe.ok("GET", f"{MAPPINGS}/{made['id']}")
        assert [row["sourceType"] for row in read["mappings"]] == ["text/x.aep-xl", "STATIC"]
        assert read["outputSchema"]["schemaRef"]["id"] == schema_id
        await adobe.ok("PUT", f"{MAPPINGS}/{made['id']}", read)


async def test_a_replaced_mapping_set_is_the_next_version():
    """The id stays, the version grows, and every earlier version can be read."""
    async with control() as adobe:
        id_ = await adobe.mapping(await adobe.schema())
        first = await adobe.ok("GET", f"{MAPPINGS}/{id_}")
        changed = await adobe.ok("PUT", f"{MAPPINGS}/{id_}", {"mappings": first["mappings"][:2]})
        assert (changed["id"], changed["version"], len(changed["mappings"])) == (id_, 1, 2)
        assert await adobe.ok("GET", f"{MAPPINGS}/{id_}?version=0") == first
        assert await adobe.ok("GET", f"{MAPPINGS}/{id_}") == changed
        assert (await adobe.call("GET", f"{MAPPINGS}/{id_}?version=2")).status_code == 404
        listed = await adobe.ok("GET", f"{MAPPINGS}?limit=1&start=0")
        assert listed["data"] == [changed]
        await adobe.ok("DELETE", f"{MAPPINGS}/{id_}/mappings/{changed['mappings'][0]['id']}")
        assert (await adobe.ok("GET", f"{MAPPINGS}/{id_}"))["version"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"mappings": []},
        {"mappings": [{"source": "a"}]},
        {"mappings": [{"sourceType": "EXPRESSION", "source": "concat(", "destination": "a"}]},
        {"mappings": [{"sourceType": "MAGIC", "source": "a", "destination": "a"}]},
        {"outputSchema": {}},
        {"outputSchema": {"schemaRef": {"id": "https://ns.adobe.com/nothing"}}},
    ],
)
async def test_a_mapping_set_that_cannot_be_used_is_refused(change):
    """Rows that do not parse and a schema that is not there are refused."""
    async with control() as adobe:
        body = fixture_of("customerio_mapping_request.json")
        body["outputSchema"]["schemaRef"]["id"] = await adobe.schema()
        assert (await adobe.call("POST", MAPPINGS, json={**body, **change})).status_code == 400


async def test_validation_answers_row_by_row():
    """Every row is judged by itself, with what is wrong about it."""
    async with control() as adobe:
        rows = [
            {"sourceType": "ATTRIBUTE", "source": "event_id", "destination": "_id"},
            {"sourceType": "EXPRESSION", "source": "concat(", "destination": "eventType"},
        ]
        answer = await adobe.ok("POST", f"{MAPPINGS}/validate", {"mappings": rows})
        good, bad = answer["validationResponse"]
        assert good == {"status": "SUCCESS", "errors": None}
        assert bad["status"] == "FAILED"
        assert set(bad["errors"][0]) == {
            "destination", "exception", "source", "columnName", "sourceType",
        }  # fmt: skip


async def test_a_preview_maps_and_converts():
    """Sample data is mapped and converted to the schema; rows without a value are told."""
    async with control() as adobe:
        document = fixture_of("customerio_mapping_request.json")
        document["outputSchema"]["schemaRef"]["id"] = await adobe.schema()
        data = {"event_id": 1234, "metric": "sent"}
        answer = await adobe.ok(
            "POST", f"{MAPPINGS}/preview", {"data": data, "mappingSet": document}
        )
        assert answer["data"] == {"_extconndev": {"event_id0": "1234", "metricx": "sent"}}
        assert {error["source"] for error in answer["errors"]} == {
            "data.identifiers.cio_id", "data.identifiers.email", "object_type", "timestamp",
        }  # fmt: skip
        several = {"data": [data, data], "mappingSet": document}
        assert len((await adobe.ok("POST", f"{MAPPINGS}/preview", several))["data"]) == 2
        for wrong in ({"data": 1}, {"mappingSet": []}, {"mappingSet": {"mappings": []}}):
            answer = await adobe.call("POST", f"{MAPPINGS}/preview", json={**several, **wrong})
            assert answer.status_code == 400


async def test_the_language_is_listed_and_judged():
    """Functions and operators are listed as documented; an expression is valid or not."""
    async with control() as adobe:
        language = f"{PREP}/languages/el"
        functions = await adobe.ok("GET", f"{language}/functions")
        assert set(functions[0]) == {
            "category", "function", "description", "syntax", "returns", "returnType", "example",
            "result", "params", "since",
        }  # fmt: skip
        operators = await adobe.ok("GET", f"{language}/operators")
        assert set(operators[0]) == {
            "operatorSymbol", "methodName", "numberOfOperands", "description", "example",
        }  # fmt: skip
        for expression, is_valid in (
            ("concat(metric, '-')", True),
            ({"expression": "metric"}, True),
            ("concat(", False),
        ):
            body = {"expression": expression}
            assert await adobe.ok("POST", f"{language}/validate", body) is is_valid

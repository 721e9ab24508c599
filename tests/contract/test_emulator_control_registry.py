"""The local Adobe's Schema Registry: forms, versions, composition, descriptors, lists."""

from __future__ import annotations

import re

import pytest
from control_kit import (
    EXPERIENCE_EVENT,
    PROFILE,
    REGISTRY,
    XED,
    XED_FULL,
    XED_ID,
    control,
    keys_of,
    schema_path,
)

from relay.schema import compile_schema

GROUPS = f"{REGISTRY}/tenant/fieldgroups"
SCHEMAS = f"{REGISTRY}/tenant/schemas"
DESCRIPTORS = f"{REGISTRY}/tenant/descriptors"
XDM = "application/vnd.adobe.xdm+json"


def _accept(form: str, version: str = "1") -> dict[str, str]:
    return {"accept": f"{form}; version={version}"}


async def _read(adobe, id_: str, form: str = XED_FULL, kind: str = "schemas"):
    return await adobe.ok("GET", schema_path(kind, id_), headers=_accept(form))


async def test_a_created_schema_has_the_registry_s_members():
    """Ids have the documented shape, and the registry writes class, parts, version and history."""
    async with control() as adobe:
        id_ = await adobe.schema()
        made = await _read(adobe, id_, XED)
        assert re.fullmatch(r"https://ns\.adobe\.com/extconndev/schemas/[0-9a-f]{48}", id_)
        assert made["meta:altId"] == f"_extconndev.schemas.{id_[-48:]}"
        assert (made["version"], made["meta:class"]) == ("1.0", PROFILE)
        assert PROFILE in made["meta:extends"]
        group = next(ref for ref in made["refs"] if "/mixins/" in ref)
        assert [part["$ref"] for part in made["allOf"]] == [PROFILE, group]
        assert {"repo:createdDate", "repo:lastModifiedDate", "eTag"} <= set(
            made["meta:registryMetadata"]
        )


async def test_the_full_form_has_everything_in_one_document():
    """xed-full has the fields of class and field groups, typed, and compiles on its own."""
    async with control() as adobe:
        id_ = await adobe.schema(
            parent=EXPERIENCE_EVENT,
            fields={
                "email": {"type": "string"},
                "at": {"type": "string", "format": "date-time"},
                "small": {"type": "integer", "minimum": -32768, "maximum": 32767},
                "list": {"type": "array", "items": {"type": "number"}},
            },
        )
        full = await _read(adobe, id_)
        assert "allOf" not in full
        own = full["properties"]["_extconndev"]["properties"]
        kinds = {name: node["meta:xdmType"] for name, node in own.items()}
        assert kinds == {"email": "string", "at": "date-time", "small": "short", "list": "array"}
        assert full["required"] == ["@id", "xdm:timestamp"]
        schema = compile_schema(full)
        record = {"_id": "x", "timestamp": "2023-01-01T00:00:00Z", "_extconndev": {"email": "e"}}
        assert schema.is_valid(record)
        assert [each.rule for each in schema.check({"_id": "x"})] == ["required"]


async def test_the_accept_header_chooses_the_form():
    """A lookup by $id or altId gives the form asked for: id, composed, with texts or without."""
    async with control() as adobe:
        id_ = await adobe.schema()
        short = await _read(adobe, id_, XED_ID)
        assert set(short) == {"$id", "meta:altId", "version", "title"}
        assert await _read(adobe, short["meta:altId"]) == await _read(adobe, id_)
        assert "title" not in await _read(adobe, id_, "application/vnd.adobe.xed-full-notext+json")
        described = await _read(adobe, id_, "application/vnd.adobe.xed-full-desc+json")
        assert described["meta:descriptors"] == []


@pytest.mark.parametrize("accept", ["", "application/json", "*/*", "application/vnd.adobe.x+json"])
async def test_another_accept_header_is_refused(accept):
    """Lists and lookups without a form of the registry are refused, each with its code."""
    async with control() as adobe:
        id_ = await adobe.schema()
        headers = {"accept": accept}
        await adobe.refused(400, "XDM-1006-400", "GET", SCHEMAS, headers=headers)
        body = await adobe.refused(
            400, "XDM-1007-400", "GET", schema_path("schemas", id_), headers=headers
        )
        assert set(keys_of(body)) == {"type", "title", "status", "report", "detail"}
        assert set(body["report"]) == {
            "registryRequestId", "timestamp", "detailed-message", "sub-errors",
        }  # fmt: skip


async def test_a_lookup_names_its_version():
    """A lookup without a version is refused; one with a version that is not there is not found."""
    async with control() as adobe:
        path = schema_path("schemas", await adobe.schema())
        await adobe.refused(400, "XDM-1007-400", "GET", path, headers={"accept": XED})
        await adobe.refused(404, "XDM-1012-404", "GET", path, headers=_accept(XED, "2"))
        await adobe.ok("GET", path, headers=_accept(XED, "1.0"))


@pytest.mark.parametrize(
    ("accept", "code"),
    [(XED, "XDM-1008-400"), ("*/*", "XDM-1008-400"), (f"{XDM}; version=1", "XDM-1008-400")],
)
async def test_descriptors_have_forms_of_their_own(accept, code):
    """A list or lookup of descriptors takes xdm without a version, and refuses with its codes."""
    async with control() as adobe:
        headers = {"accept": accept}
        await adobe.refused(400, code, "GET", DESCRIPTORS, headers=headers)
        await adobe.refused(400, "XDM-1009-400", "GET", f"{DESCRIPTORS}/x", headers=headers)


async def test_a_list_names_no_version():
    """A list whose Accept header carries a version is refused, in Adobe's words."""
    async with control() as adobe:
        headers = _accept(XED)
        body = await adobe.refused(400, "XDM-1006-400", "GET", SCHEMAS, headers=headers)
        assert body["detail"] == (
            "The supplied Accept header is not valid: application/vnd.adobe.xed+json; version=1 - "
            "A valid Accept value should look like application/vnd.adobe.'{xed|xdm'}+json"
        )


async def test_a_changed_field_group_is_a_new_minor_version_that_schemas_show():
    """A field added to a field group is in the schemas that use it, and its version has grown."""
    async with control() as adobe:
        id_ = await adobe.schema()
        group = next(ref for ref in (await _read(adobe, id_))["refs"] if "/mixins/" in ref)
        root = "/definitions/customFields/properties/_extconndev/properties"
        change = [{"op": "add", "path": f"{root}/more", "value": {"type": "boolean"}}]
        changed = await adobe.ok("PATCH", schema_path("fieldgroups", group), change)
        assert changed["version"] == "1.1"
        full = await _read(adobe, id_)
        assert full["properties"]["_extconndev"]["properties"]["more"]["type"] == "boolean"
        missing = [{"op": "remove", "path": f"{root}/nothing"}]
        answer = await adobe.call("PATCH", schema_path("fieldgroups", group), json=missing)
        assert answer.status_code == 400


async def test_a_schema_is_for_profile_once_and_for_all():
    """The union tag is set by either spelling of the path and cannot be taken away."""
    async with control() as adobe:
        for name, path in (("a", "/meta:immutableTags/-"), ("b", "/meta:immutableTags-")):
            target = schema_path("schemas", await adobe.schema(name))
            change = [{"op": "add", "path": path, "value": "union"}]
            assert (await adobe.ok("PATCH", target, change))["meta:immutableTags"] == ["union"]
            back = [{"op": "remove", "path": "/meta:immutableTags/0"}]
            assert (await adobe.call("PATCH", target, json=back)).status_code == 400


async def test_titles_are_unique():
    """A second schema of one title is refused; the same title may stay when it is replaced."""
    async with control() as adobe:
        id_ = await adobe.schema("one")
        body = {"type": "object", "title": "one", "allOf": [{"$ref": PROFILE}]}
        await adobe.refused(400, "XDM-3005-400", "POST", SCHEMAS, json=body)
        replaced = await adobe.ok("PUT", schema_path("schemas", id_), body)
        assert (replaced["version"], replaced["refs"]) == ("1.1", [PROFILE])


def _group(fields, root="_extconndev"):
    return {
        "type": "object",
        "title": "group",
        "meta:intendedToExtend": [PROFILE],
        "definitions": {
            "customFields": {"properties": {root: {"type": "object", "properties": fields}}}
        },
        "allOf": [{"$ref": "#/definitions/customFields"}],
    }


@pytest.mark.parametrize(
    "body",
    [
        _group({"a": {}}, root="_other"),
        _group({"_hidden": {"type": "string"}}),
        _group({"with blank": {"type": "string"}}),
        {key: value for key, value in _group({}).items() if key != "meta:intendedToExtend"},
        {key: value for key, value in _group({}).items() if key != "title"},
        {**_group({}), "allOf": [{"$ref": "https://ns.adobe.com/nothing"}]},
    ],
)
async def test_a_field_group_keeps_to_xdm_s_rules(body):
    """Fields belong under the tenant's name and have plain names; references lead somewhere."""
    async with control() as adobe:
        answer = await adobe.call("POST", GROUPS, json=body)
        assert answer.status_code == 400
        assert answer.json()["type"].startswith("http://ns.adobe.com/aep/errors/XDM-")


async def test_references_that_go_in_circles_end():
    """A field group that refers to itself is composed in bounded time."""
    async with control() as adobe:
        made = await adobe.ok("POST", GROUPS, _group({"a": {"type": "string"}}))
        references = [{"$ref": made["$id"]} for _ in range(8)]
        await adobe.ok(
            "PUT", schema_path("fieldgroups", made["$id"]), {**made, "allOf": references}
        )
        assert (await _read(adobe, made["$id"], kind="fieldgroups"))["title"] == "group"


async def test_adobe_s_own_classes_are_in_the_global_container():
    """The two classes and the identity map are found, and nobody can change them."""
    async with control() as adobe:
        listed = await adobe.ok("GET", f"{REGISTRY}/global/classes", headers={"accept": XED_ID})
        assert {item["$id"] for item in listed["results"]} == {PROFILE, EXPERIENCE_EVENT}
        answer = await adobe.call("POST", f"{REGISTRY}/global/classes", json={"title": "x"})
        assert answer.status_code == 405


async def test_lists_are_filtered_ordered_and_paged():
    """A page goes on behind the last value of its order; filters choose by property."""
    async with control() as adobe:
        for name in ("c", "a", "b"):
            await adobe.schema(name)
        listed = {"headers": {"accept": XED_ID}}
        first = await adobe.ok("GET", f"{SCHEMAS}?orderby=title&limit=2", **listed)
        assert [item["title"] for item in first["results"]] == ["a", "b"]
        assert first["_page"] == {"orderby": "title", "next": "b", "count": 2}
        rest = await adobe.ok("GET", first["_links"]["next"]["href"], **listed)
        assert [item["title"] for item in rest["results"]] == ["c"]
        assert (rest["_page"]["next"], rest["_links"]["next"]) == (None, None)
        for query, found in (
            ("property=title==b", ["b"]),
            ("property=title~^[ab]$&orderby=-title", ["b", "a"]),
            (f"property=meta:class=={PROFILE},title!=a", ["b", "c"]),
            ("property=meta:immutableTags", []),
        ):
            answer = await adobe.ok("GET", f"{SCHEMAS}?{query}", **listed)
            assert [item["title"] for item in answer["results"]] == found
        answer = await adobe.call("GET", f"{SCHEMAS}?property=title~(", **listed)
        assert answer.status_code == 400


async def test_a_primary_identity_makes_its_field_required():
    """With a primary identity on a field, a record without it is ingested no longer."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        listed = await adobe.ok("GET", SCHEMAS, headers={"accept": XED})
        descriptor = {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceSchema": listed["results"][0]["$id"],
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": "/_extconndev/email",
            "xdm:namespace": "Email",
            "xdm:property": "xdm:code",
            "xdm:isPrimary": True,
        }
        made = await adobe.ok("POST", DESCRIPTORS, descriptor)
        assert {**made, **descriptor} == made
        event = {"event_id": "1", "metric": "sent", "object_type": "email", "timestamp": 1}
        await adobe.send(flow, event)
        runs = await adobe.ok("GET", "/data/foundation/flowservice/runs")
        assert runs["items"][0]["metrics"]["recordSummary"]["failedRecordCount"] == 1


async def test_descriptors_are_made_listed_replaced_and_deleted():
    """A descriptor is listed by type, in the second form as results, and gone when deleted."""
    async with control() as adobe:
        body = {
            "@type": "xdm:alternateDisplayInfo",
            "xdm:sourceSchema": await adobe.schema(),
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": "/_extconndev/email",
            "xdm:title": {"en": "Mail"},
        }
        made = await adobe.ok("POST", DESCRIPTORS, body)
        path = f"{DESCRIPTORS}/{made['@id']}"
        grouped = await adobe.ok("GET", DESCRIPTORS, headers={"accept": XDM})
        assert grouped == {"xdm:alternateDisplayInfo": [made]}
        for form, found in (
            ("xdm-v2", made),
            ("xdm-v2-id", made["@id"]),
        ):
            accept = {"accept": f"application/vnd.adobe.{form}+json"}
            assert (await adobe.ok("GET", DESCRIPTORS, headers=accept))["results"] == [found]
        changed = await adobe.ok("PUT", path, {**body, "xdm:title": {"en": "Post"}})
        assert await adobe.ok("GET", path, headers={"accept": XDM}) == changed
        assert (await adobe.call("DELETE", path)).status_code == 204
        await adobe.refused(404, "XDM-1012-404", "GET", path, headers={"accept": XDM})
        for missing in ("@type", "xdm:sourceSchema", "xdm:sourceProperty"):
            partial = {key: value for key, value in body.items() if key != missing}
            assert (await adobe.call("POST", DESCRIPTORS, json=partial)).status_code == 400

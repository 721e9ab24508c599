"""XDM documents compiled to a check that speaks as the inlet does."""

from __future__ import annotations

import pytest

from relay.errors import SchemaError
from relay.schema import compile_schema


def field(**words):
    return {"type": "object", "properties": {"x": words}}


def messages(document, record, limit=None):
    return [v.message for v in compile_schema(document).check(record, limit)]


def test_the_inlets_own_example():
    """The two violations of Adobe's documented sync validation answer come out word for word."""
    schema = compile_schema({"type": "object", "properties": {"_id": {"type": "string"}}})
    found = {(v.path, v.rule, v.message) for v in schema.check({"_id": 12, "workEmail": "x"})}
    assert found == {
        ("#", "additionalProperties", "extraneous key [workEmail] is not permitted"),
        ("#/_id", "type", "expected type: String, found: Long"),
    }


@pytest.mark.parametrize(
    ("words", "good", "bad", "message"),
    [
        ({"type": "string"}, "a", None, "expected type: String, found: Null"),
        ({"type": "string"}, "", 1.5, "expected type: String, found: Double"),
        ({"type": "string"}, "é", True, "expected type: String, found: Boolean"),
        ({"type": "string"}, "a", {}, "expected type: String, found: JSONObject"),
        ({"type": "string"}, "a", [], "expected type: String, found: JSONArray"),
        ({"type": "boolean"}, False, "false", "expected type: Boolean, found: String"),
        ({"type": "boolean"}, True, 1, "expected type: Boolean, found: Long"),
        ({"type": "number"}, 1, "1", "expected type: Number, found: String"),
        ({"type": "number"}, 1e300, True, "expected type: Number, found: Boolean"),
        ({"type": "integer"}, 5, 5.5, "expected type: Integer, found: Double"),
        (
            {"type": "integer", "meta:xdmType": "byte"},
            127,
            128,
            "[…] is not less or equal to 127",
        ),
        (
            {"type": "integer", "meta:xdmType": "byte"},
            -128,
            -129,
            "[…] is not greater or equal to -128",
        ),
        (
            {"type": "integer", "meta:xdmType": "short"},
            -32768,
            32768,
            "[…] is not less or equal to 32767",
        ),
        (
            {"type": "integer", "meta:xdmType": "int"},
            2147483647,
            2147483648,
            "[…] is not less or equal to 2147483647",
        ),
        (
            {"type": "integer", "meta:xdmType": "long"},
            9007199254740991,
            9007199254740992,
            "[…] is not less or equal to 9007199254740991",
        ),
        (
            {"type": "integer", "maximum": 9, "minimum": 2},
            9,
            10,
            "[…] is not less or equal to 9",
        ),
        (
            {"type": "string", "enum": ["a", "b"]},
            "b",
            "c",
            "[…] is not a valid enum value. Expected [a, b]",
        ),
        (
            {"type": "string", "pattern": "^[0-9]+$"},
            "12",
            "a",
            "string […] does not match pattern ^[0-9]+$",
        ),
        ({"type": "string", "minLength": 2}, "ab", "a", "expected minLength: 2, actual: 1"),
        ({"type": "string", "maxLength": 2}, "éé", "abc", "expected maxLength: 2, actual: 3"),
        (
            {"type": "string", "format": "date"},
            "2026-02-28",
            "2026-13-01",
            "[…] is not a valid date. Expected [yyyy-MM-dd]",
        ),
        (
            {"type": "string", "format": "uri-reference"},
            "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
            "a b",
            "[…] is not a valid uri-reference",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ["a"],
            [],
            "expected minimum item count: 1, found: 0",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ["a"],
            ["a", "b"],
            "expected maximum item count: 1, found: 2",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            ["a", "b"],
            ["a", "a"],
            "array items are not unique",
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            [],
            "a",
            "expected type: JSONArray, found: String",
        ),
        (
            {"type": "object", "properties": {}},
            {},
            {"y": 1},
            "extraneous key [y] is not permitted",
        ),
        (
            {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]},
            {"y": ""},
            {},
            "required key [y] not found",
        ),
    ],
)
def test_each_rule_has_its_sentence(words, good, bad, message):
    """A good value passes, a bad one gives one violation with the inlet's sentence."""
    assert messages(field(**words), {"x": good}) == []
    assert messages(field(**words), {"x": bad}) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "2018-11-23T22:07:01Z",
        "2018-11-23T22:07:01.1Z",
        "2018-11-23T22:07:01.123456789Z",
        "2018-11-23T22:07:01+02:00",
        "2018-11-23T22:07:01.5-11:30",
        "2018-02-31T22:07:01Z",
    ],
)
def test_date_times_as_the_inlet_lists_them(text):
    """The four documented patterns pass, day 31 of a short month too."""
    assert messages(field(type="string", format="date-time"), {"x": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "2018-00-23T22:07:01Z",
        "2018-11-32T22:07:01Z",
        "2018-11-23T24:07:01Z",
        "2018-11-23T22:07:01",
        "2018-11-23 22:07:01Z",
        "2018-11-23T22:07:01+0200",
        "2018-11-23T22:07:01.1234567890Z",
        "2018-11-23T22:07Z",
        "2018-11-23T22:07:01Z\n",
        "1613063089",
        "",
    ],
)
def test_no_other_date_times(text):
    """Anything else is a format violation that lists the four patterns."""
    (violation,) = compile_schema(field(type="string", format="date-time")).check({"x": text})
    assert (violation.path, violation.rule) == ("#/x", "format")
    assert violation.message == (
        "[…] is not a valid date-time. Expected [yyyy-MM-dd'T'HH:mm:ssZ, "
        "yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, "
        "yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]"
    )


def test_maps_take_any_key_and_check_every_value():
    """An object with additionalProperties is a map: free keys, typed values."""
    document = field(
        type="object", additionalProperties={"type": "array", "items": {"type": "string"}}
    )
    assert messages(document, {"x": {"Email": ["a"], "any key": []}}) == []
    (violation,) = compile_schema(document).check({"x": {"a/b": ["a", 5]}})
    assert violation.path == "#/x/a~1b/1"


def test_five_at_most_and_all_on_request():
    """Five violations are reported by default, every one with limit None."""
    schema = compile_schema({"type": "object", "properties": {}})
    record = {f"k{n}": 1 for n in range(9)}
    assert len(schema.check(record)) == 5
    assert len(schema.check(record, limit=None)) == 9
    assert len(schema.check(record, limit=1)) == 1


def test_required_fields_by_their_long_names():
    """The registry may name required fields in XDM's long spelling; they are found."""
    document = {
        "type": "object",
        "required": ["@id", "xdm:timestamp"],
        "properties": {
            "_id": {"type": "string", "meta:xdmField": "@id"},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "meta:xdmField": "xdm:timestamp",
            },
        },
    }
    assert messages(document, {}) == [
        "required key [_id] not found",
        "required key [timestamp] not found",
    ]


def test_a_primary_identity_is_required():
    """A document with descriptors makes the primary identity field required, with its parents."""
    document = {
        "type": "object",
        "properties": {
            "_t": {"type": "object", "properties": {"email": {"type": "string"}}},
        },
        "meta:descriptors": [
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceProperty": "/_t/email",
                "xdm:isPrimary": True,
            },
        ],
    }
    assert messages(document, {}) == ["required key [_t] not found"]
    assert messages(document, {"_t": {}}) == ["required key [email] not found"]


def test_composed_documents_with_their_references():
    """A document in composed form works with the documents it refers to; allOf is merged."""
    group = {
        "definitions": {
            "fields": {
                "properties": {"_t": {"type": "object", "properties": {"a": {"type": "string"}}}}
            }
        },
        "allOf": [{"$ref": "#/definitions/fields"}],
    }
    base = {"properties": {"_id": {"type": "string"}}, "required": ["_id"]}
    document = {
        "type": "object",
        "definitions": group["definitions"],
        "allOf": [{"$ref": "urn:base"}, {"$ref": "#/definitions/fields"}],
        "properties": {"_t": {"properties": {"b": {"type": "integer"}}}},
    }
    schema = compile_schema(document, {"urn:base": base})
    assert schema.check({"_id": "1", "_t": {"a": "x", "b": 1}}) == []
    assert [v.message for v in schema.check({"_t": {}})] == ["required key [_id] not found"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"type": "string"}, "expected an object"),
        (field(type="strange"), "#/x: type 'strange'"),
        (field(), "#/x: there is no type"),
        (field(**{"$ref": "urn:unknown"}), "nothing known as urn:unknown"),
        ({"type": "object", "properties": {"x": {"$ref": "#"}}}, "deeper than|circle"),
        ({"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}}, "circle"),
        (field(type="string", pattern="("), "does not compile"),
        ({"type": "object", "properties": {"x": 5}}, "#/x: expected an object"),
    ],
)
def test_documents_that_cannot_be_used(document, says):
    """A document that is no usable schema is refused with the place and the reason."""
    with pytest.raises(SchemaError, match=says):
        compile_schema(document)


@pytest.mark.parametrize(
    "words",
    [
        {"properties": ["a"]},
        {"properties": None},
        {"properties": {"a": "string"}},
        {"properties": {"a": {"type": "object", "properties": 1}}},
        {"properties": {"a": {"type": "string", "format": ["date"]}}},
        {"properties": {"a": {"type": "string", "meta:xdmType": {}}}},
        {"properties": {"a": {"type": "string", "meta:xdmField": []}}},
        {"required": True},
        {"required": [["a"]]},
        {"allOf": None},
        {"allOf": ["a"]},
        {"$ref": 5},
        {"meta:descriptors": {}},
        {"meta:descriptors": [1]},
        {
            "meta:descriptors": [
                {
                    "@type": "xdm:descriptorIdentity",
                    "xdm:isPrimary": True,
                    "xdm:sourceProperty": 3,
                }
            ]
        },
    ],
    ids=str,
)
def test_a_document_of_another_shape_is_refused_with_its_place(words):
    """What no registry writes is named with what stands there, not a failure of ours."""
    with pytest.raises(SchemaError, match=r"^#.*: expected .*, found "):
        compile_schema({"type": "object", **words})


def test_a_record_deeper_than_the_validator_goes_is_a_violation():
    """Text read as JSON may be deeper than any body; the check says so and does not fail."""
    value: object = "x"
    for _ in range(300):
        value = [value]
    schema = compile_schema(field(type="string"))
    assert not schema.is_valid({"x": value})
    assert [(one.path, one.rule) for one in schema.check({"x": value})] == [("#", "depth")]


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN"])
def test_a_double_that_json_cannot_hold_is_named(number):
    """The validator takes one for null; who wrote the expression reads what it gave."""
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "of": {"type": "array", "items": {"type": "number"}},
                "at": {"type": "integer"},
            },
        }
    )
    found = schema.check({"of": [1.5, float(number)], "at": float(number)})
    messages = {violation.path: violation.message for violation in found}
    assert messages == {
        "#/of/1": f"expected type: Number, found: {number}",
        "#/at": f"expected type: Integer, found: {number}",
    }


def test_a_message_never_holds_the_value():
    """Neither the fields nor the sentence of a violation carry what was found."""
    secret = "anna@example.com"
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "string", "enum": ["x"]},
                "c": {"type": "string", "format": "date-time"},
                "d": {"type": "string", "pattern": "^x"},
                "e": {"type": "string", "maxLength": 3},
                "f": {"type": "string", "format": "uri-reference"},
            },
        }
    )
    record = dict.fromkeys("abcde", secret) | {"f": f"\\ {secret}"}
    violations = schema.check(record, limit=None)
    assert len(violations) == 6
    for violation in violations:
        assert secret not in repr(violation)
        assert secret not in violation.message

"""
The classes, field groups and behaviours that every organisation finds in the global container.

A small part of Adobe's library: what a Customer.io set-up needs.

Source:
    adobe/xdm, components/classes/experienceevent.schema.json, components/behaviors/
    time-series.schema.json, read 2026-08; adobe.md §4 (required fields of ExperienceEvent).

Assumed:
    The rest of the library is left out; a reference to it is refused as not found.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]

EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"
RECORD = "https://ns.adobe.com/xdm/data/record"
TIME_SERIES = "https://ns.adobe.com/xdm/data/time-series"
ADHOC = "https://ns.adobe.com/xdm/data/adhoc"

_STRING = {"type": "string", "meta:xdmType": "string"}
_DATE_TIME = {"type": "string", "format": "date-time", "meta:xdmType": "date-time"}
_ID = {
    "title": "Identifier",
    "type": "string",
    "format": "uri-reference",
    "minLength": 1,
    "meta:xdmType": "string",
    "meta:xdmField": "@id",
}


def global_parts(kind: str) -> dict[str, Item]:
    """Every global resource of *kind* (``classes``, ``fieldgroups``, …) by its ``$id``."""
    makers = {
        "classes": (_experience_event, _profile),
        "fieldgroups": (_identity_map, _personal_details),
        "behaviors": (_record, _time_series, _adhoc),
    }
    return {part["$id"]: part for part in (maker() for maker in makers.get(kind, ()))}


def _part(id_: str, title: str, properties: Item, kind: str, **more: Any) -> Item:
    name = id_.removeprefix("https://ns.adobe.com/xdm/").replace("/", ".")
    return {
        "$id": id_,
        "meta:altId": f"_xdm.{name}",
        "meta:resourceType": kind,
        "version": "1",
        "title": title,
        "type": "object",
        "description": f"Adobe's {title}.",
        "properties": properties,
        "meta:extensible": True,
        "meta:abstract": True,
        "meta:xdmType": "object",
        "meta:containerId": "global",
        **more,
    }


def _experience_event() -> Item:
    properties = {
        "_id": _ID,
        "timestamp": _DATE_TIME | {"title": "Timestamp", "meta:xdmField": "xdm:timestamp"},
        "eventType": _STRING | {"title": "Event Type", "meta:xdmField": "xdm:eventType"},
        "producedBy": _STRING | {"title": "Produced By", "meta:xdmField": "xdm:producedBy"},
    }
    return _part(
        EXPERIENCE_EVENT,
        "XDM ExperienceEvent",
        properties,
        "classes",
        **{"required": ["@id", "xdm:timestamp"], "meta:extends": [TIME_SERIES]},
    )


def _profile() -> Item:
    properties = {
        "_id": _ID,
        "_repo": {
            "type": "object",
            "meta:xdmType": "object",
            "properties": {
                "createDate": _DATE_TIME | {"meta:xdmField": "repo:createDate"},
                "modifyDate": _DATE_TIME | {"meta:xdmField": "repo:modifyDate"},
            },
        },
        "createdByBatchID": _STRING,
        "modifiedByBatchID": _STRING,
        "personID": _STRING,
        "repositoryCreatedBy": _STRING,
        "repositoryLastModifiedBy": _STRING,
    }
    return _part(
        PROFILE, "XDM Individual Profile", properties, "classes", **{"meta:extends": [RECORD]}
    )


def _identity_map() -> Item:
    identity = {
        "type": "object",
        "meta:xdmType": "object",
        "properties": {
            "id": _STRING | {"title": "Identifier"},
            "authenticatedState": _STRING
            | {"enum": ["ambiguous", "authenticated", "loggedOut"], "title": "State"},
            "primary": {"type": "boolean", "meta:xdmType": "boolean", "title": "Primary"},
        },
    }
    properties = {
        "identityMap": {
            "title": "IdentityMap",
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "meta:xdmType": "array",
                "items": identity,
            },
            "meta:xdmType": "map",
            "meta:xdmField": "xdm:identityMap",
        }
    }
    return _field_group(IDENTITY_MAP, "IdentityMap", properties)


def _personal_details() -> Item:
    id_ = "https://ns.adobe.com/xdm/context/profile-personal-details"
    email = {"type": "object", "meta:xdmType": "object", "properties": {"address": _STRING}}
    phone = {"type": "object", "meta:xdmType": "object", "properties": {"number": _STRING}}
    properties = {"personalEmail": email, "mobilePhone": phone}
    return _field_group(id_, "Personal Contact Details", properties)


def _field_group(id_: str, title: str, properties: Item) -> Item:
    extended = [PROFILE, EXPERIENCE_EVENT]
    return _part(id_, title, properties, "mixins", **{"meta:intendedToExtend": extended})


def _record() -> Item:
    return _part(RECORD, "Record Schema", {"_id": _ID}, "behaviors")


def _time_series() -> Item:
    properties = {"_id": _ID, "timestamp": _DATE_TIME | {"meta:xdmField": "xdm:timestamp"}}
    required = ["@id", "xdm:timestamp"]
    return _part(TIME_SERIES, "Time-series Schema", properties, "behaviors", required=required)


def _adhoc() -> Item:
    return _part(ADHOC, "Adhoc Schema", {}, "behaviors")

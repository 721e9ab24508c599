"""JSON Patch as the local Adobe's services carry it out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from relay.emulator.json_patch import PatchError, apply_patch

DOCUMENT: dict[str, Any] = {"a": {"b/c": 1, "~": 2}, "list": [1, {"x": 2}], "none": None}


@pytest.mark.parametrize(
    ("operation", "place", "value"),
    [
        ({"op": "add", "path": "/new", "value": 1}, ("new",), 1),
        ({"op": "add", "path": "/a", "value": {}}, ("a",), {}),
        ({"op": "replace", "path": "/a/b~1c", "value": 3}, ("a", "b/c"), 3),
        ({"op": "replace", "path": "/a/~0", "value": 3}, ("a", "~"), 3),
        ({"op": "REPLACE", "path": "/list/1/x", "value": [3]}, ("list", 1, "x"), [3]),
        ({"op": "add", "path": "/list/0", "value": 9}, ("list",), [9, 1, {"x": 2}]),
        ({"op": "add", "path": "/list/-", "value": 9}, ("list",), [1, {"x": 2}, 9]),
        ({"op": "add", "path": "/list/2", "value": 9}, ("list",), [1, {"x": 2}, 9]),
        ({"op": "remove", "path": "/list/0"}, ("list",), [{"x": 2}]),
        ({"op": "replace", "path": "/none", "value": 0}, ("none",), 0),
    ],
)
def test_an_operation_does_what_its_name_says(operation, place, value):
    """Members and elements are added, replaced and removed at the place that the path names."""
    found: Any = apply_patch(DOCUMENT, [operation])
    for step in place:
        found = found[step]
    assert found == value


@pytest.mark.parametrize(
    "operations",
    [
        None,
        {},
        [],
        [1],
        [{"path": "/a"}],
        [{"op": "move", "from": "/a", "path": "/b"}],
        [{"op": "test", "path": "/a", "value": 1}],
        [{"op": "add", "value": 1}],
        [{"op": "add", "path": "/x"}],
        [{"op": "add", "path": "", "value": {}}],
        [{"op": "add", "path": "a", "value": {}}],
        [{"op": "add", "path": "/nothing/x", "value": 1}],
        [{"op": "add", "path": "/list/9", "value": 1}],
        [{"op": "add", "path": "/list/-1", "value": 1}],
        [{"op": "add", "path": "/list/²", "value": 1}],
        [{"op": "add", "path": "/none/x", "value": 1}],
        [{"op": "replace", "path": "/nothing", "value": 1}],
        [{"op": "remove", "path": "/list/2"}],
        [{"op": "add", "path": "/ok", "value": 1}, {"op": "remove", "path": "/nothing"}],
    ],
)
def test_what_cannot_be_carried_out_changes_nothing(operations):
    """One operation that does not fit refuses all of them and leaves the document alone."""
    document = deepcopy(DOCUMENT)
    with pytest.raises(PatchError):
        apply_patch(document, operations)
    assert document == DOCUMENT


@given(
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=4),
    st.text(min_size=1, max_size=4),
    st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4),
)
def test_what_was_added_can_be_removed_again(document, name, value):
    """Adding a member of any name and removing it gives the document without that member."""
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    added = apply_patch(document, [{"op": "add", "path": path, "value": value}])
    assert added[name] == value
    removed = apply_patch(added, [{"op": "remove", "path": path}])
    assert removed == {key: item for key, item in document.items() if key != name}

"""
JSON Patch as Adobe's services take it: add, replace and remove, in any case (pure).

Source:
    RFC 6902 and 6901; adobe.md §3.4 (operations, 1434 for others), §4.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

OPERATIONS = frozenset({"add", "replace", "remove"})


class PatchError(Exception):
    """An operation that cannot be carried out; *operation* is set when its name is the reason."""

    def __init__(self, message: str, *, operation: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation


def apply_patch(document: Any, operations: Any) -> Any:
    """
    Carry out *operations* on a copy of *document*, all or none.

    Raises:
        PatchError: naming the operation or path that does not fit.
    """
    if not isinstance(operations, list) or not operations:
        raise PatchError("expected a list of operations")
    changed = deepcopy(document)
    for operation in operations:
        changed = _one(changed, operation)
    return changed


def paths_of(operations: Any) -> list[str]:
    """List the paths that *operations* name, as far as they have any."""
    if not isinstance(operations, list):
        return []
    return [str(item.get("path", "")) for item in operations if isinstance(item, dict)]


def _one(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise PatchError("an operation is an object")
    name = str(operation.get("op", "")).lower()
    if name not in OPERATIONS:
        raise PatchError(f"Unsupported patch operation {name!r}", operation=name or "none")
    path = operation.get("path")
    if not isinstance(path, str):
        raise PatchError('Missing field "path"')
    if name != "remove" and "value" not in operation:
        raise PatchError('Missing field "value"')
    steps = _steps(path)
    if not steps:
        raise PatchError("the whole document cannot be changed")
    holder = document
    for step in steps[:-1]:
        holder = _member(holder, step, path)
    _change(holder, steps[-1], name, operation.get("value"), path)
    return document


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise PatchError(f"the path {path!r} must start with '/'")
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _member(holder: Any, step: str, path: str) -> Any:
    if isinstance(holder, dict) and step in holder:
        return holder[step]
    if isinstance(holder, list) and step.isascii() and step.isdigit() and int(step) < len(holder):
        return holder[int(step)]
    raise PatchError(f'Missing field "{step}" in {path}')


def _change(holder: Any, step: str, name: str, value: Any, path: str) -> None:
    if isinstance(holder, dict):
        if name != "add":
            _member(holder, step, path)
        if name == "remove":
            del holder[step]
        else:
            holder[step] = deepcopy(value)
        return
    if not isinstance(holder, list):
        raise PatchError(f'Missing field "{step}" in {path}')
    if name == "add" and (step == "-" or step == str(len(holder))):
        holder.append(deepcopy(value))
        return
    _member(holder, step, path)
    at = int(step)
    if name == "remove":
        del holder[at]
    elif name == "add":
        holder.insert(at, deepcopy(value))
    else:
        holder[at] = deepcopy(value)

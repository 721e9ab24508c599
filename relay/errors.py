"""
Every error the relay raises.

::

    RelayError
    ├── ConfigError
    ├── SpoolError
    │   ├── SpoolFull
    │   ├── SpoolClosed
    │   ├── SpoolFailed
    │   ├── SpoolLocked
    │   └── SpoolVersion
    ├── MappingError
    │   ├── ExpressionSyntaxError
    │   └── EvaluationError
    ├── SchemaError
    ├── AuthError
    ├── AdobeError
    ├── ProvisionError
    ├── ControlError
    └── DemoFailed

A refused event is not an error: it is a value (`relay.outcome`). Errors are for I/O, for bugs, and
for what a person wrote.
"""

from __future__ import annotations

import unicodedata


class RelayError(Exception):
    """Something a person should read: what happened, where, what was expected, what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigError(RelayError):
    """The settings cannot be used; *problems* lists every one found, not only the first."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class SpoolError(RelayError):
    """The spool cannot do what was asked."""


class SpoolFull(SpoolError):
    """Storing them would pass ``spool.max_bytes``, or the disk is full; none was stored."""


class SpoolClosed(SpoolError):
    """The spool is draining or closed."""


class SpoolFailed(SpoolError):
    """A write or an fsync failed; what waited for it was not acknowledged."""


class SpoolLocked(SpoolError):
    """Another process holds this spool."""


class SpoolVersion(SpoolError):
    """The spool was written by a newer relay; this one would damage it."""


class MappingError(RelayError):
    """A mapping set or one of its rows cannot be used."""


class ExpressionSyntaxError(MappingError):
    """
    An expression does not parse.

    *source* is the expression, *position* the offset of the first character that does not fit.
    """

    def __init__(self, message: str, *, source: str, position: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.source = source
        self.position = position

    def __str__(self) -> str:
        return _pointed(self.message, self.source, self.position, self.hint)


class EvaluationError(MappingError):
    """
    An expression parsed but has no value for this record.

    *message* names the sub-expression and the Java types met, never a value. *position* is where
    the sub-expression starts in *source*; without a source there is no caret. *kind* says what
    failed: ``operand``, ``method`` or ``function`` (of which ``empty()`` and ``size()`` take no
    notice, as in the engine), ``java``, ``unknown`` (no such function or method) or ``limit``.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        position: int = 0,
        kind: str = "operand",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.source = source
        self.position = position
        self.kind = kind

    def __str__(self) -> str:
        if not self.source:
            return super().__str__()
        return _pointed(self.message, self.source, self.position, self.hint)


_SHOWN_CHARS = 100


def _pointed(message: str, source: str, position: int, hint: str) -> str:
    """Add the line of *source* around *position*, a caret below it, and the hint."""
    start = source.rfind("\n", 0, position) + 1
    end = source.find("\n", position)
    # A line may be as long as an expression; what is near the caret is enough.
    start = max(start, position - _SHOWN_CHARS)
    end = min(end if end >= 0 else len(source), position + _SHOWN_CHARS)
    blank = "".join(map(_blank, source[start:position]))
    text = f"{message}\n  {source[start:end]}\n  {blank}^"
    return f"{text}\nhint: {hint}" if hint else text


def _blank(character: str) -> str:
    """Give the blank as wide as *character* is on a terminal; a tab ends where the other does."""
    if character == "\t":
        return character
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in {"W", "F"} else " "


class SchemaError(RelayError):
    """An XDM schema document cannot be compiled."""


class AuthError(RelayError):
    """
    A token could not be had.

    *permanent* says that asking again with the same credentials will not help; *retry_after_s*
    is what the identity service asked to wait, 0 when it did not.
    """

    def __init__(
        self, message: str, *, hint: str = "", permanent: bool = False, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message, hint=hint)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class AdobeError(RelayError):
    """
    Adobe, or Customer.io's App API, refused a call or could not be reached.

    *status* is 0 when there was no answer. *fault* is ``"request"`` (what we sent),
    ``"credentials"``, ``"conflict"`` (somebody else changed it) or ``"adobe"``; *is_temporary*
    says that the same call may work later; *is_ambiguous* that it may have been carried out.
    """

    def __init__(  # noqa: PLR0913 - one fact of the answer each
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        code: str = "",
        request_id: str = "",
        fault: str = "adobe",
        is_temporary: bool = False,
        is_ambiguous: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.fault = fault
        self.is_temporary = is_temporary
        self.is_ambiguous = is_ambiguous


class ProvisionError(RelayError):
    """The set-up at Adobe cannot be brought to what the configuration asks for."""


class ControlError(RelayError):
    """A command could not be carried out by, or beside, the running relay."""


class DemoFailed(RelayError):
    """A part of the demonstration did not start, or did not come to an end."""

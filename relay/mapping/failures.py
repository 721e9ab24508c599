"""
How an operation fails before the evaluator knows where it stands (pure).

The engine has two families, and ``size`` and ``empty`` tell them apart: they take an operand that
failed as the engine's own error for nothing, and let Java's runtime exceptions pass. Messages
never hold a value.
"""

from __future__ import annotations


class OperandError(Exception):
    """An operator does not take this operand: the engine's ArithmeticException."""


class JavaError(Exception):
    """A Java runtime exception that the engine passes on: a cast, a pattern, a number format."""


class NotANumber(JavaError):
    """Java's NumberFormatException: a text was needed as a number and is none."""


class MethodFailed(Exception):
    """A method of a Java value threw; the engine makes it an error of its own."""


class UnknownMethod(Exception):
    """There is no such method, or none that takes such arguments; *hint* names what there is."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

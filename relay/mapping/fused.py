"""
An expression fused to one Python function: the way it runs when nothing is odd (pure).

`relay.mapping.compiler` says what an expression means, by closures that call each other. That is
the reference, and too slow for sixty rows an event: most of the time goes into the calls. Here the
same tree becomes the text of a single Python expression, compiled once::

    lower(data.email)        t2.lower() if type(t2 := …) is str and len(t2) <= 4096
                             else None if t2 is None else odd()

The text only has the cases that are common: fields that are there, texts, whole numbers. Whatever
else turns up - an error, a value of another type, a function that a field of the record hides -
raises, and the reference evaluates the expression again from its start. So no error is made here,
every message and caret is the reference's, and a mistake here can only be a value that differs:
tests/property compares the two. What draws chance or time is not fused.

Rules, for who adds to it:

- operands are evaluated in the engine's order, and all of those that it evaluates;
- a text is worked on without being counted (`Evaluation.made`) only when it is short;
- names in the text are made here: ``c1`` (a constant of the namespace), ``t1`` (a local), ``ev``
  and ``r`` (the evaluation and its record). Nothing of a mapping or an event stands in it.
"""

from __future__ import annotations

from typing import Any, Final

from relay.mapping import nodes, registry
from relay.mapping.coercion import to_boolean
from relay.mapping.compiler import Compiler
from relay.mapping.evaluate import Code, Evaluation
from relay.mapping.fused_calls import call_piece, method_piece
from relay.mapping.fused_operators import chain_piece, unary_piece
from relay.mapping.fused_pieces import SHORT_CHARS, Known, Names, Piece
from relay.mapping.nodes import Literal, Name, Node
from relay.mapping.references import plain_names

_MAX_NODES: Final = 600
_MAX_DEPTH: Final = 24
_EVERYWHERE: Final = {
    "__builtins__": {},
    "Exception": Exception,
    "type": type,
    "str": str,
    "int": int,
    "bool": bool,
    "dict": dict,
    "len": len,
}


def fused(source: str, tree: Node, reference: Code) -> Code:
    """Fuse *tree*, which *reference* evaluates; the reference itself when that gains nothing."""
    if isinstance(tree, (Literal, Name)) or not _may_run_twice(tree):
        return reference
    fusion = Fusion(source)
    return fusion.function(fusion.piece(tree), reference)


def _may_run_twice(tree: Node) -> bool:
    for count, (node, _) in enumerate(nodes.walk(tree)):
        if count > _MAX_NODES:
            return False
        if isinstance(node, nodes.FunctionCall):
            function = registry.find(node.name)
            if function is None or function.is_impure or function.needs_context:
                return False
    return True


class Fusion:
    """The text of one function while it is made."""

    def __init__(self, source: str) -> None:
        # Grow with every piece: the names, the depth now, and the functions that a field of the
        # record could hide.
        self._names = Names(_EVERYWHERE)
        self._depth = 0
        self._called: set[str] = set()
        self._compiler = Compiler(source)

    def constant(self, value: Any) -> str:
        """Name *value* in the text."""
        return self._names.constant(value)

    def local(self) -> str:
        """Give the name of a local that is not used yet."""
        return self._names.local()

    def function(self, piece: Piece, reference: Code) -> Code:
        """Compile the whole text; *piece* is the value."""

        def again(evaluation: Evaluation) -> Any:
            if evaluation.is_spent:
                evaluation.restart()
            return reference(evaluation)

        hidden = " or ".join(f"{self.constant(name)} in r" for name in sorted(self._called))
        text = (
            "def run(ev):\n"
            " r = ev.record\n"
            f" if {hidden or False}:\n"
            "  return again(ev)\n"
            " try:\n"
            f"  return {piece.text}\n"
            " except Exception:\n"
            "  pass\n"
            " return again(ev)\n"
        )
        namespace = {**self._names.namespace, "again": again}
        try:
            code = compile(text, "<fused expression>", "exec")
        except (SyntaxError, RecursionError):  # brackets too deep for Python
            return reference
        exec(code, namespace)  # noqa: S102 - text that was made here of names made here, see above
        run: Code = namespace["run"]
        return run

    def piece(self, node: Node) -> Piece:
        """Give the text for *node*; what has none is called as the reference has it."""
        self._depth += 1
        made = self._made(node) if self._depth <= _MAX_DEPTH else None
        self._depth -= 1
        if made is None:
            return Piece(f"{self.constant(self._compiler.code(node))}(ev)")
        return made

    def truth(self, node: Node) -> str:
        """Give the text for whether *node* is true."""
        return self._truth_of(self.piece(node), self.local())

    def _truth_of(self, piece: Piece, held: str) -> str:
        if piece.known is Known.TRUTH:
            return f"({held} := {piece.text})"
        is_true = f"{held} if type({held} := {piece.text}) is bool"
        return f"({is_true} else {self.constant(to_boolean)}({held}))"

    def _made(self, node: Node) -> Piece | None:
        match node:
            case Literal(value):
                return self._literal(value)
            case Name(name):
                return Piece(f"r.get({self.constant(name)})")
            case nodes.Group(inner):
                return self.piece(inner)
            case nodes.Reference(Name(), steps):
                return self._reference(node, steps)
            case nodes.Chain():
                return chain_piece(self, node)
            case nodes.Choice():
                return self._choice(node)
            case nodes.Unary():
                return unary_piece(self, node)
            case nodes.FunctionCall():
                self._called.add(node.name)
                return call_piece(self, node)
        return None

    def _literal(self, value: Any) -> Piece:
        if value is None or type(value) is bool:
            return Piece(str(value), Known.SHORT if value is None else Known.TRUTH)
        is_short = type(value) is str and len(value) <= SHORT_CHARS
        return Piece(self.constant(value), Known.SHORT if is_short else Known.NOTHING)

    def _reference(self, node: nodes.Reference, steps: tuple[nodes.Step, ...]) -> Piece | None:
        names = plain_names(node)
        # The text of a path has one pair of brackets in the other for each name.
        if len(names) > _MAX_DEPTH:
            return None
        if names:
            return Piece(self._path(names, self.constant(self._compiler.code(node))))
        last = steps[-1]
        receiver = nodes.Reference(node.head, steps[:-1], span=node.span)
        if isinstance(last, nodes.MethodCall) and plain_names(receiver):
            return method_piece(self, receiver if steps[:-1] else node.head, last)
        return None

    def _path(self, names: tuple[str, ...], whole: str) -> str:
        """Read *names*; *whole* reads them as the reference does, where there are no objects."""
        first, *rest = names
        text = f"r.get({self.constant(first)})"
        steps: list[tuple[str, str]] = []
        for name in rest:
            held = self.local()
            # A null at the root may be a longer name of the record: `a.b`.
            nothing = f"None if {held} is None else " if steps else ""
            steps.append((f"type({held} := {text}) is dict", f"{nothing}{whole}(ev)"))
            text = f"{held}.get({self.constant(name)})"
        for test, otherwise in reversed(steps):
            text = f"({text} if {test} else {otherwise})"
        return text

    def _choice(self, node: nodes.Choice) -> Piece:
        text = ""
        for case in node.cases:
            held = self.local()
            test = self._truth_of(self.piece(case.condition), held)
            # An elvis (`a ?: b`) gives its condition.
            text += (
                f"{held if case.value is None else self.piece(case.value).text} if {test} else "
            )
        return Piece(f"({text}{self.piece(node.otherwise).text})")

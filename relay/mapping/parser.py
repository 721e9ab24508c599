"""
The grammar: every method's docstring is its rule, and the rule is what it does (pure).

``"x"`` is a token's spelling, CAPITALS a kind of token, ``/`` tries one after the other,
``*( )`` is any number, ``[ ]`` at most one. Precedence stands in `relay.mapping.precedence`.

Beyond the engine's own grammar: ``${…}``, ``[*]`` and ``[]``, and lambdas whose body is an
expression. Statements are refused with a sentence: a mapping is an expression.

Source:
    Commons JEXL 3.1, Parser.jjt. Additions: dataprep-language.md §2.
"""

from __future__ import annotations

# ruff: noqa: D210, D403 - a rule is written as a grammar has it, and may end in a quote
import math
from collections.abc import Iterator, Sequence
from typing import Final

from relay.errors import ExpressionSyntaxError
from relay.mapping import nodes
from relay.mapping.cursor import Cursor
from relay.mapping.limits import MAX_DEPTH, MAX_SOURCE_CHARS
from relay.mapping.nodes import Node, Step
from relay.mapping.paths import EACH, Segment
from relay.mapping.precedence import OPERATORS, PRECEDENCE, UNARY, Level
from relay.mapping.template import template_parts
from relay.mapping.tokens import Token, tokenize

_WORDS: Final = {"null": None, "true": True, "false": False, "NaN": math.nan}


def parse(source: str) -> Node:
    """
    Parse *source*; without any token it is null, as in the engine.

    Raises:
        ExpressionSyntaxError: with the position of the first token that does not fit.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise ExpressionSyntaxError(
            f"expected at most {MAX_SOURCE_CHARS} characters, found {len(source)}",
            source=source[:80],
            position=0,
        )
    parser = Parser(source, tokenize(source))
    tree = parser.whole()
    for node, above in nodes.walk(tree):
        if above >= MAX_DEPTH:
            raise ExpressionSyntaxError(
                f"the expression is nested more than {MAX_DEPTH} deep",
                source=source,
                position=node.span[0],
                hint="split it over several mappings",
            )
    return tree


class Parser(Cursor):
    """One pass over the tokens of one expression."""

    def whole(self) -> Node:
        """whole = [ expression ] END"""
        if self.token.kind == "end":
            return nodes.Literal(None)
        tree = self.expression()
        if self.token.kind != "end":
            raise self.refusal("an operator or the end")
        return tree

    def expression(self) -> Node:
        """expression = operation [ "?" middle expression / "?:" expression ]"""
        self.open()
        start = self.token.start
        cases: list[nodes.Case] = []
        last = self.operation()
        # The last expression of a ternary may be one again: a loop, so that many are not deep.
        while self.has("?", "?:"):
            value = self.middle() if self.take().value == "?" else None
            cases.append(nodes.Case(last, value, span=(last.span[0], self.before)))
            last = self.operation()
        self.close()
        if not cases:
            return last
        return nodes.Choice(tuple(cases), last, span=(start, self.before))

    def middle(self) -> Node:
        """middle = expression ":" """
        inner = self.expression()
        hint = ""
        if isinstance(inner, nodes.FunctionCall) and inner.namespace:
            before, name = inner.namespace, inner.name
            hint = f"{before} : {name}(…) is one call, of {name} in a namespace; write ({name}(…))"
        self.expect(":", "to end the middle of '?'", hint)
        return inner

    def operation(self) -> Node:
        """operation = unary *( OPERATOR unary )"""
        operands = [self.unary()]
        operators: list[Token] = []
        while self.has(*OPERATORS):
            operators.append(self.take())
            operands.append(self.unary())
        for level in reversed(PRECEDENCE):
            if operators:
                operands, operators = self._joined(level, operands, operators)
        return operands[0]

    def unary(self) -> Node:
        """unary = *( "-" / "~" / "!" / "empty" / "size" ) value"""
        operators = []
        while self.has(*UNARY):
            operators.append(self.take())
        operand = self.value()
        for operator in reversed(operators):
            span = (operator.start, operand.span[1])
            operand = nodes.Unary(operator.value, operand, span=span)
        return operand

    def value(self) -> Node:
        """value = primary *( special / step )"""
        start = self.token.start
        head = self.primary()
        steps: list[Step] = []
        if isinstance(head, nodes.Reference):
            steps.extend(head.steps)
            head = head.head
        while self.has("[", "."):
            if self.has(".") and self.sees(1, "size", "empty"):
                steps.append(self.special())
            else:
                steps.extend(self.step())
        if not steps:
            return head
        return nodes.Reference(head, tuple(steps), span=(start, self.before))

    def special(self) -> Step:
        """special = "." ( "size" / "empty" ) "(" ")" """
        start = self.take().start
        name = self.take().value
        hint = f"a field of this name is written .${{{name}}}"
        self.expect("(", f"after .{name}", hint)
        self.expect(")", f"after .{name}(", hint)
        span = (start, self.before)
        return nodes.SizeMethod(span=span) if name == "size" else nodes.EmptyMethod(span=span)

    def step(self) -> Iterator[Step]:
        """step = ( index / member ) *( arguments )"""
        if self.has("["):
            yield self.index()
        else:
            yield from self.member()
        yield from self._invocations()

    def index(self) -> Step:
        """index = "[" [ "*" / expression ] "]" """
        start = self.take().start
        is_each = self.has("]") or (self.has("*") and self.sees(1, "]"))
        if is_each and self.has("*"):
            self.take()
        inner = None if is_each else self.expression()
        self.expect("]", "after the index")
        span = (start, self.before)
        return nodes.Each(span=span) if inner is None else nodes.Index(inner, span=span)

    def member(self) -> Iterator[Step]:
        """member = "." ( ( MEMBER / TEXT ) [ arguments ] / REFERENCE )"""
        dot = self.take()
        token = self.token
        if token.kind == "reference":
            self.take()
            yield from _path_steps(token.value, (token.start, token.end))
            return
        if token.kind not in {"member", "text"}:
            raise self.refusal("a name after '.'")
        self.take()
        if self.has("("):
            arguments = self.arguments(token.value)
            yield nodes.MethodCall(token.value, arguments, span=(dot.start, self.before))
        else:
            yield nodes.Member(token.value, span=(dot.start, token.end))

    def primary(self) -> Node:
        """primary = lambda / group / braces / array / call / reference / name / literal"""
        if self._at_lambda():
            return self.lambda_()
        match self.token.kind, self.token.value:
            case "symbol", "(":
                return self.group()
            case "symbol", "{":
                return self.braces()
            case "symbol", "[":
                return self.array()
            case "name", _:
                return self.call() if self._at_call() else self.name()
            case "reference", _:
                return self.reference()
        return self.literal()

    def group(self) -> Node:
        """group = "(" expression ")" *( arguments )"""
        start = self.take().start
        inner = self.expression()
        self.expect(")", "to close '('")
        group = nodes.Group(inner, span=(start, self.before))
        calls = tuple(self._invocations())
        return nodes.Reference(group, calls, span=(start, self.before)) if calls else group

    def braces(self) -> Node:
        """braces = "{" ( ":" / entry *( "," entry ) / [ expression *( "," expression ) ] ) "}" """
        start = self.take().start
        if self.has(":"):
            self.take()
            self.expect("}", "to close the empty map")
            return nodes.MapLiteral((), span=(start, self.before))
        items = [] if self.has("}") else [self.expression()]
        if self.has(":"):
            return self._map(start, items[0])
        while self.has(","):
            self.take()
            items.append(self.expression())
        self.expect("}", "to close the set")
        return nodes.SetLiteral(tuple(items), span=(start, self.before))

    def entry(self) -> tuple[Node, Node]:
        """entry = expression ":" expression"""
        key = self.expression()
        self.expect(":", "after a key of the map")
        return key, self.expression()

    def array(self) -> Node:
        """array = "[" ( "..." / [ expression *( "," expression ) ] [ "," "..." ] ) "]" """
        start = self.take().start
        items: list[Node] = []
        if not self.has("]", "...", ","):
            items.append(self.expression())
            while self.has(",") and not self.sees(1, "..."):
                self.take()
                items.append(self.expression())
        is_list = self.has(",") and self.sees(1, "...")
        is_list = is_list or (not items and self.has("..."))
        if is_list:
            while self.take().value != "...":
                pass
        self.expect("]", "to close the array")
        return nodes.ArrayLiteral(tuple(items), is_list, span=(start, self.before))

    def call(self) -> Node:
        """call = NAME [ ":" NAME ] arguments"""
        start = self.token.start
        namespace, name = "", self.take().value
        if self.has(":"):
            self.take()
            namespace, name = name, self.take().value
        arguments = self.arguments(name)
        return nodes.FunctionCall(name, arguments, namespace, span=(start, self.before))

    def arguments(self, name: str = "") -> tuple[Node, ...]:
        """arguments = "(" [ expression *( "," expression ) ] ")" """
        self.take()
        values = [] if self.has(")") else [self.expression()]
        while values and self.has(","):
            self.take()
            values.append(self.expression())
        what = f"after argument {len(values)}" + (f" of {name}" if name else "")
        self.expect(")", what)
        return tuple(values)

    def lambda_(self) -> Node:
        """lambda = ( NAME / "(" [ NAME *( "," NAME ) ] ")" ) "->" ( body / expression )"""
        start = self.token.start
        parameters = []
        while (token := self.take()).value != "->":
            if token.kind == "name":
                parameters.append(token.value)
        inner = self.body() if self.has("{") else self.expression()
        return nodes.Lambda(tuple(parameters), inner, span=(start, self.before))

    def body(self) -> Node:
        """body = "{" expression [ ";" ] "}" """
        self.take()
        inner = self.expression()
        if self.has(";"):
            self.take()
        self.expect("}", "after the one expression of the lambda")
        return inner

    def reference(self) -> Node:
        """reference = REFERENCE"""
        token = self.take()
        span = (token.start, token.end)
        head = nodes.Name(token.value[0], span=span)
        steps = tuple(_path_steps(token.value[1:], span))
        return nodes.Reference(head, steps, span=span) if steps else head

    def name(self) -> Node:
        """name = NAME"""
        token = self.take()
        return nodes.Name(token.value, span=(token.start, token.end))

    def literal(self) -> Node:
        """literal = NUMBER / TEXT / TEMPLATE / "null" / "true" / "false" / "NaN" """
        token = self.token
        span = (token.start, token.end)
        if token.kind in {"number", "text"}:
            return nodes.Literal(self.take().value, span=span)
        if token.kind == "template":
            return nodes.Template(tuple(self._template(self.take())), span=span)
        if self.has(*_WORDS):
            return nodes.Literal(_WORDS[self.take().value], span=span)
        raise self.refusal("a value")

    def _joined(
        self, level: Level, operands: list[Node], operators: list[Token]
    ) -> tuple[list[Node], list[Token]]:
        """Make a `Chain` of every run of the operators of *level*."""
        left: list[Node] = []
        between: list[Token] = []
        run: list[nodes.Operation] = []
        first = operands[0]
        for operator, operand in zip(operators, operands[1:], strict=True):
            if operator.value in level.operators:
                if run and level.once:
                    written = self.source[operator.start : operator.end]
                    message = f"expected brackets: {written!r} cannot follow another {level.name}"
                    raise self.failure(message, operator, "write (a == b) == c")
                span = (operator.start, operand.span[1])
                run.append(nodes.Operation(operator.value, operand, span=span))
            else:
                left.append(_chain(first, run))
                between.append(operator)
                first, run = operand, []
        return [*left, _chain(first, run)], between

    def _map(self, start: int, first: Node) -> Node:
        self.take()
        entries = [(first, self.expression())]
        while self.has(","):
            self.take()
            entries.append(self.entry())
        self.expect("}", "to close the map")
        return nodes.MapLiteral(tuple(entries), span=(start, self.before))

    def _invocations(self) -> Iterator[Step]:
        while self.has("("):
            start = self.token.start
            yield nodes.Invocation(self.arguments(), span=(start, self.before))

    def _template(self, token: Token) -> Iterator[str | Node]:
        for part in template_parts(self.source, token):
            yield part if isinstance(part, str) else self._inside(part)

    def _inside(self, tokens: list[Token]) -> Node:
        inner = Parser(self.source, tokens, self.nesting)
        return inner.whole()

    def _at_call(self) -> bool:
        if self.sees(1, ":") and self.ahead(2).kind == "name":
            return self.sees(3, "(")
        return self.sees(1, "(")

    def _at_lambda(self) -> bool:
        if self.token.kind == "name":
            return self.sees(1, "->")
        if not self.has("("):
            return False
        at = 1
        while self.ahead(at).kind == "name" and self.sees(at + 1, ","):
            at += 2
        if self.ahead(at).kind == "name":
            at += 1
        elif at > 1:
            return False
        return self.sees(at, ")") and self.sees(at + 1, "->")


def _chain(first: Node, run: Sequence[nodes.Operation]) -> Node:
    if not run:
        return first
    return nodes.Chain(first, tuple(run), span=(first.span[0], run[-1].span[1]))


def _path_steps(path: Sequence[Segment], span: nodes.Span) -> Iterator[Step]:
    for step in path:
        if isinstance(step, str):
            yield nodes.Member(step, span=span)
        elif step is EACH:
            yield nodes.Each(span=span)
        else:
            yield nodes.Index(nodes.Literal(step, span=span), span=span)

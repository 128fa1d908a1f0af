"""Folded functions as C: of the kernel's style, or of any program's."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import terms as t

__all__ = ["KERNEL", "C", "Dialect", "function_text", "table_text"]


@dataclass(frozen=True)
class Dialect:
    """How a C program is written: names of types, indentation, columns."""

    mask: str
    small: str
    signed: str
    number: str
    flag: str
    indent: str
    columns: int
    pointer: str = "s"
    first: bool = False  # declarations come before statements
    lowest: str = "__builtin_ctz({})"
    highest: str = "31 - __builtin_clz({})"
    current: str = "current"  # the field's name; in Linux that is a macro

    def named(self, field: str) -> str:
        """Return what a field of the state is called."""
        return self.current if field == "current" else field


KERNEL = Dialect(
    "u16", "u8", "s8", "unsigned int", "bool", "\t", 80, first=True,
    lowest="__ffs({})", highest="__fls({})", current="current_plane",
)  # fmt: skip
C = Dialect("uint16_t", "uint8_t", "int8_t", "unsigned", "int", "    ", 100)

_ORDER = {
    "*": 10, "/": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "==": 6, "!=": 6, "&": 5, "^": 4, "|": 3, "&&": 2, "||": 1,
}  # fmt: skip
_UNARY, _CHOOSE = 11, 0


class _Writer:
    def __init__(self, dialect: Dialect, state: str) -> None:
        self.dialect, self.state = dialect, state

    # ---- Expressions ----

    def text(self, expr: t.Expr, order: int = -1) -> str:
        """Write an expression; `order` is that of what stands around it."""
        found, own = self._written(expr)
        return f"({found})" if own < order else found

    def _written(self, expr: t.Expr) -> tuple[str, int]:
        match expr:
            case t.Number(value):
                return self._number(value), 12
            case t.Var(name, _, _):
                return name, 12
            case t.Field(name):
                return self._field(name), 12
            case t.Entry(table, index):
                return f"{table}[{self.text(index)}]", 12
            case t.Count(which, of):
                return self._count(which, of)
            case t.Narrow(bits, of):
                kind = self.dialect.mask if bits == 16 else self.dialect.small
                return f"({kind}){self.text(of, _UNARY)}", _UNARY
            case t.Not(op, of):
                return f"{op}{self.text(of, _UNARY)}", _UNARY
            case t.Choose(condition, yes, no):
                words = f"{self.text(condition, 1)} ? {self.text(yes, 1)} : {self.text(no)}"
                return words, _CHOOSE
            case t.Call(name, arguments):
                given = ", ".join([self.dialect.pointer, *map(self.text, arguments)])
                return f"{name}({given})", 12
            case t.Binary(op, left, right):
                return self._binary(op, left, right)

    def _field(self, name: str) -> str:
        return f"{self.dialect.pointer}->{self.dialect.named(name)}"

    def _number(self, value: int) -> str:
        if value < 0:  # all bits above those of a set of planes
            return f"0x{value & 0xFFFF:x}"
        return f"0x{value:x}" if value > 255 else str(value)

    def _count(self, which: str, of: t.Expr) -> tuple[str, int]:
        found = getattr(self.dialect, which).format(self.text(of))
        return found, _ORDER["-"] if " - " in found else 12

    def _binary(self, op: str, left: t.Expr, right: t.Expr) -> tuple[str, int]:
        own = _ORDER[op]
        one = left == t.Number(1) and op == "<<"
        # Compilers ask for these parentheses, readers too.
        mixed = {"&", "|", "^", "<<", ">>"} if op in ("&", "|", "^", "<<", ">>") else set()
        mixed = {"&&"} if op == "||" else mixed

        def side(expr: t.Expr, order: int) -> str:
            inner = expr.op if isinstance(expr, t.Binary) else ""
            counted = isinstance(expr, t.Count) and op in ("<<", ">>")
            if (inner in mixed and inner != op) or (counted and " - " in self.text(expr)):
                return f"({self.text(expr)})"
            if expr == t.Field("current") and op in ("==", "!="):  # it is signed
                return f"({self.dialect.number}){self.text(expr)}"
            return self.text(expr, order)

        return f"{'1u' if one else side(left, own)} {op} {side(right, own + 1)}", own

    # ---- Statements ----

    def block(self, body: Sequence[t.Statement], depth: int) -> Iterator[str]:
        if self.dialect.first:
            declared = [each.var for each in body if isinstance(each, t.Let)]
            for kind in dict.fromkeys(map(self._kind, declared)):
                names = ", ".join(var.name for var in declared if self._kind(var) == kind)
                yield from self._wrapped(f"{kind} {names};", depth, len(kind) + 1)
            if declared:
                yield ""
        for statement in body:
            yield from self.statement(statement, depth)

    def statement(self, statement: t.Statement, depth: int) -> Iterator[str]:
        match statement:
            case t.Note(text):
                yield from self.comment(text, depth)
            case t.Let(_, None, _) if self.dialect.first:
                return
            case t.Let(var, value, _) if self.dialect.first and value is not None:
                yield from self._long(f"{var.name} = ", value, depth)
            case t.Let(var, None, _):
                yield self._indented(f"{self._kind(var)} {var.name};", depth)
            case t.Let(var, value, mutable) if value is not None:
                const = "" if mutable else "const "
                yield from self._long(f"{const}{self._kind(var)} {var.name} = ", value, depth)
            case t.Set(var, value):
                yield from self._long(f"{var.name} = ", value, depth)
            case t.Put(field, value):
                yield from self._put(field, value, depth)
            case t.Return(value):
                yield from self._long("return ", value, depth)
            case t.If():
                yield from self._if(statement, depth)
            case t.Switch(of, ways):
                yield self._indented(f"switch ({self.text(of)}) {{", depth)
                for numbers, way in ways:
                    braced = any(isinstance(each, t.Let) for each in way)
                    for at, (number, word) in enumerate(numbers):
                        opened = " {" if braced and at + 1 == len(numbers) else ""
                        yield self._indented(f"case {number}:{opened} /* {word} */", depth)
                    yield from self.block(way, depth + 1)
                    if braced:
                        yield self._indented("}", depth)
                yield self._indented("}", depth)

    def _put(self, field: str, value: t.Expr, depth: int) -> Iterator[str]:
        target = self._field(field)
        for op in ("|", "&"):
            if isinstance(value, t.Binary) and (value.op, value.left) == (op, t.Field(field)):
                yield from self._long(f"{target} {op}= ", value.right, depth)
                return
        yield from self._long(f"{target} = ", value, depth)

    def _if(self, statement: t.If, depth: int, before: str = "") -> Iterator[str]:
        condition = self.text(statement.condition)
        single = not before and all(
            len(way) == 1 and not isinstance(way[0], t.If | t.Switch | t.Let | t.Note)
            for way in (statement.yes, statement.no) if way
        )  # fmt: skip
        opened = "" if single else " {"
        yield from self._wrapped(f"{before}if ({condition}){opened}", depth, len(before) + 4)
        yield from self.block(statement.yes, depth + 1)
        match statement.no:
            case (t.If() as other,) if not single:
                yield from self._if(other, depth, "} else ")
                return
            case (_, *_):
                yield self._indented("else" if single else "} else {", depth)
                yield from self.block(statement.no, depth + 1)
        if not single:
            yield self._indented("}", depth)

    def _kind(self, var: t.Var) -> str:
        names = {"mask": self.dialect.mask, "flag": self.dialect.flag}
        return names.get(var.kind, self.dialect.number)

    def _long(self, before: str, value: t.Expr, depth: int) -> Iterator[str]:
        yield from self._wrapped(f"{before}{self.text(value)};", depth, len(before))

    def _wrapped(self, text: str, depth: int, hang: int) -> Iterator[str]:
        """Break a line that is too long after its operators."""
        room = self.dialect.columns - depth * len(self.dialect.indent.expandtabs(8))
        lines = textwrap.wrap(
            text, room, subsequent_indent=" " * hang, break_long_words=False,
            break_on_hyphens=False,
        ) if len(text) > room else [text]  # fmt: skip
        for line in lines:
            yield self._indented(line.replace("\0", " "), depth)

    def _indented(self, text: str, depth: int) -> str:
        if self.dialect.indent == "\t":
            spaces = len(text) - len(text.lstrip())
            text = "\t" * (spaces // 8) + " " * (spaces % 8) + text.lstrip()
        return self.dialect.indent * depth + text

    def comment(self, text: str, depth: int) -> Iterator[str]:
        room = self.dialect.columns - depth * len(self.dialect.indent.expandtabs(8))
        lines = textwrap.wrap(text, room - 6)
        if len(lines) == 1:
            yield self._indented(f"/* {lines[0]} */", depth)
            return
        yield self._indented("/*", depth)
        for line in lines:
            yield self._indented(f" * {line}", depth)
        yield self._indented(" */", depth)


def function_text(
    dialect: Dialect, state: str, name: str, parameters: Sequence[t.Var],
    body: Sequence[t.Statement], *, reads_only: bool, static: bool,
) -> list[str]:  # fmt: skip
    """Write a function."""
    writer = _Writer(dialect, state)
    const = "const " if reads_only else ""
    given = [f"{const}struct {state} *{dialect.pointer}"]
    given += [f"{writer._kind(each)} {each.name}" for each in parameters]
    given = [each.replace(" ", "\0") for each in given]  # they are not broken
    head = f"{'static ' if static else ''}{dialect.number} {name}("
    lines = list(writer._wrapped(f"{head}{', '.join(given)})", 0, len(head)))
    return [*lines, "{", *writer.block(body, 1), "}"]


def table_text(dialect: Dialect, name: str, values: Sequence[int]) -> list[str]:
    """Write a table of constants."""
    bits = t.width(t.Entry(name, t.Number(0)))
    writer = _Writer(dialect, "")
    kind = dialect.mask if bits == 16 else dialect.small
    shown = ", ".join(f"0x{v:x}" if bits == 16 else str(v) for v in values)
    return list(
        writer._wrapped(f"static const {kind} {name}[] = {{ {shown} }};", 0, len(dialect.indent))
    )

"""Folded functions as Rust, without `std`."""

from collections.abc import Iterator, Mapping, Sequence

from . import terms as t

__all__ = ["RustWriter"]

_COLUMNS = 100
_CHOICE_COLUMNS = 50  # of an `if` with `else` in one line
_WORD = {"mask": "u16", "flag": "bool", "number": "u32"}


class RustWriter:
    """Writes functions over a `State`.

    Parameters
    ----------
    types : mapping of str to sequence of str
        The types of the arguments of each function that is called.
    """

    def __init__(self, types: Mapping[str, Sequence[str]]) -> None:
        self.types = types

    # ---- Expressions: each is written as what is wanted, u16, u32 or bool ----

    def text(self, expr: t.Expr, want: str) -> str:
        """Write an expression without parentheses around it."""
        match expr:
            case t.Number(value):
                return _number(value, want)
            case t.Choose(condition, yes, no):
                other = self.text(no, want)
                other = other if isinstance(no, t.Choose) else f"{{ {other} }}"
                first = f"if {self.text(condition, 'bool')} {{ {self.text(yes, want)} }}"
                return f"{first} else {other}"
            case _:
                return self._as(*self._own(expr), want)

    def _as(self, text: str, have: str, want: str) -> str:
        if have == want:
            return text
        if want == "bool":
            return f"{text} != 0"
        if want == "u32":
            return f"u32::from({text})"
        return f"{_enclosed(text)} as u16"

    def _inner(self, expr: t.Expr, want: str) -> str:
        return _enclosed(self.text(expr, want))

    def _own(self, expr: t.Expr) -> tuple[str, str]:
        """Write an expression in the type that it has."""
        match expr:
            case t.Var(name, _, kind):
                return name, _WORD[kind]
            case t.Field("current"):
                return "s.current as u32", "u32"
            case t.Field("status"):
                return "u32::from(s.status)", "u32"
            case t.Field(name):
                return f"s.{name}", "u16"
            case t.Entry(table, index):
                kind = "u16" if t.is_mask(expr) else "u8"
                read = f"{table.upper()}[{self._inner(index, 'u32')} as usize]"
                return (read, kind) if kind == "u16" else (f"u32::from({read})", "u32")
            case t.Count("lowest", of):
                return f"{self._inner(of, 'u16')}.trailing_zeros()", "u32"
            case t.Count(_, of):
                return f"15 - {self._inner(of, 'u16')}.leading_zeros()", "u32"
            case t.Narrow(_, of) if t.is_mask(of):
                return self._own(of)
            case t.Narrow(bits, of):
                return f"{self._inner(of, 'u32')} as u{bits}", f"u{bits}"
            case t.Not("!", t.Not("!", of)):
                return self.text(of, "bool"), "bool"
            case t.Not("!", of) if t.is_flag(of):
                return f"!{self._inner(of, 'bool')}", "bool"
            case t.Not("!", of):  # it ends in ` != 0`
                return self.text(of, "bool").removesuffix(" != 0") + " == 0", "bool"
            case t.Not(_, of):
                kind = "u16" if t.is_mask(of) else "u32"
                return f"!{self._inner(of, kind)}", kind
            case t.Call(name, arguments):
                given = map(self.text, arguments, self.types[name])
                return f"{name}({', '.join(['s', *given])})", "u32"
            case t.Binary(op, left, right):
                return self._binary(expr, op, left, right)
            case _:
                raise NotImplementedError(str(expr))

    def _binary(self, expr: t.Expr, op: str, left: t.Expr, right: t.Expr) -> tuple[str, str]:
        if op in ("&&", "||"):
            return f"{self._side(op, left, 'bool')} {op} {self._side(op, right, 'bool')}", "bool"
        if op == "<<" and left == t.Number(1):
            return f"1u16 << {self._inner(right, 'u32')}", "u16"
        if op in ("<<", ">>"):
            kind = "u16" if t.is_mask(left) else "u32"
            return f"{self._inner(left, kind)} {op} {self._inner(right, 'u32')}", kind
        if op in ("==", "!="):
            kind = "u16" if t.is_mask(left) or t.is_mask(right) else "u32"
            return f"{self._inner(left, kind)} {op} {self._inner(right, kind)}", "bool"
        kind = "u16" if t.is_mask(expr) else "u32"
        return f"{self._side(op, left, kind)} {op} {self._side(op, right, kind)}", kind

    def _side(self, op: str, expr: t.Expr, want: str) -> str:
        text = self.text(expr, want)
        chained = isinstance(expr, t.Binary) and expr.op == op and op not in ("<<", ">>", "-")
        compared = op in ("&&", "||") and " && " not in text and " || " not in text
        plain = compared and not text.startswith("if ")
        return text if (chained and text.count(op)) or plain else _enclosed(text)

    # ---- Statements ----

    def function(
        self, name: str, parameters: Sequence[t.Var], body: Sequence[t.Statement],
        *, reads_only: bool, head: str,
    ) -> list[str]:  # fmt: skip
        """Write a function."""
        state = "s: &State" if reads_only else "s: &mut State"
        given = ", ".join([state, *(f"{p.name}: {_WORD[p.kind]}" for p in parameters)])
        line = f"{head}fn {name}({given}) -> u32 {{"
        if len(line) > _COLUMNS:
            arguments = [f"    {each}," for each in given.split(", ")]
            opening = [f"{head}fn {name}(", *arguments, ") -> u32 {"]
        else:
            opening = [line]
        return [*opening, *self.block(body, 1, last=True), "}"]

    def block(self, body: Sequence[t.Statement], depth: int, *, last: bool = False) -> list[str]:
        """Write statements; the last one of a function is its value."""
        lines: list[str] = []
        for at, statement in enumerate(body):
            ends = last and at + 1 == len(body)
            lines += [
                "    " * depth + line if line else ""
                for line in self._statement(statement, ends=ends)
            ]
        return lines

    def _statement(self, statement: t.Statement, *, ends: bool) -> Iterator[str]:
        match statement:
            case t.Note(text):
                yield f"// {text}"
            case t.Let(var, None, _):
                yield f"let {var.name}: {_WORD[var.kind]};"
            case t.Let(var, value, mutable) if value is not None:
                word = "let mut" if mutable else "let"
                kind = _WORD[var.kind]
                yield from self._valued(f"{word} {var.name}: {kind} = ", value, kind, ";")
            case t.Set(var, value):
                yield from self._valued(f"{var.name} = ", value, _WORD[var.kind], ";")
            case t.Put(field, value):
                yield self._put(field, value)
            case t.Return(value):
                yield from self._valued(*(("", value, "u32", "") if ends else
                                          ("return ", value, "u32", ";")))  # fmt: skip
            case t.If(condition, yes, no):
                yield from self._if(condition, yes, no)
            case t.Switch(of, ways):
                yield f"match {self.text(of, 'u32')} {{"
                for numbers, way in ways:
                    words = ", ".join(word for _, word in numbers)
                    yield f"    // {words}"
                    yield f"    {' | '.join(str(number) for number, _ in numbers)} => {{"
                    yield from self.block(way, 2)
                    yield "    }"
                yield "    _ => {}"
                yield "}"

    def _valued(self, before: str, value: t.Expr, want: str, after: str) -> Iterator[str]:
        """Write a value; a choice of which it is takes lines of its own where rustfmt says so."""
        text = self.text(value, want)
        if not isinstance(value, t.Choose) or (before and len(text) <= _CHOICE_COLUMNS):
            yield f"{before}{text}{after}"
            return
        opening = before
        while isinstance(value, t.Choose):
            yield f"{opening}if {self.text(value.condition, 'bool')} {{"
            yield f"    {self.text(value.yes, want)}"
            opening, value = "} else ", value.no
        yield "} else {"
        yield f"    {self.text(value, want)}"
        yield f"}}{after}"

    def _if(
        self, condition: t.Expr, yes: Sequence[t.Statement], no: Sequence[t.Statement]
    ) -> Iterator[str]:
        yield f"if {self.text(condition, 'bool')} {{"
        yield from self.block(yes, 1)
        if len(no) == 1 and isinstance(no[0], t.If):
            first, *rest = self._if(no[0].condition, no[0].yes, no[0].no)
            yield f"}} else {first}"
            yield from rest
            return
        if no:
            yield "} else {"
            yield from self.block(no, 1)
        yield "}"

    def _put(self, field: str, value: t.Expr) -> str:
        if field == "current":
            return f"s.current = {self._inner(value, 'u32')} as i8;"
        if field == "status":
            return f"s.status = {self.text(value, 'u32')};"
        for op in ("|", "&"):
            if isinstance(value, t.Binary) and (value.op, value.left) == (op, t.Field(field)):
                return f"s.{field} {op}= {self.text(value.right, 'u16')};"
        return f"s.{field} = {self.text(value, 'u16')};"


def _number(value: int, want: str) -> str:
    if want == "bool":
        return "true" if value else "false"
    value &= 0xFFFF if want == "u16" else 0xFFFFFFFF
    return f"0x{value:x}" if value > 255 else str(value)


def _enclosed(text: str) -> str:
    simple = text.replace("_", "").replace(".", "").isalnum()
    call = text.endswith(")") and text.count("(") == 1 and " " not in text.partition("(")[0]
    return text if simple or call else f"({text})"

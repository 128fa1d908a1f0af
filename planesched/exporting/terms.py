"""Terms: expressions and statements of a folded function, made as simple as they can be.

Longer than 300 lines because it is one small algebra: its terms, and what holds between them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

__all__ = [
    "Binary", "Call", "Choose", "Count", "Entry", "Expr", "Field", "If", "Let", "Narrow", "Not",
    "Note", "Number", "Put", "Return", "Set", "Statement", "Switch", "Var", "arithmetic", "bit_and",
    "bit_or", "choose", "inside", "invert", "is_flag", "is_mask", "narrow", "negate", "parts",
    "rebuilt", "substituted", "truth", "width",
]  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A constant; one below zero stands for all its higher bits set."""

    value: int


@dataclass(frozen=True)
class Var:
    """A local variable or a parameter of so many bits at most. `kind`: mask, number or flag."""

    name: str
    bits: int
    kind: str


@dataclass(frozen=True)
class Field:
    """A field of the vCPU's state."""

    name: str


@dataclass(frozen=True)
class Binary:
    """An operator of C between two."""

    op: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True)
class Not:
    """Of a truth (``!``), or of every bit (``~``)."""

    op: str
    of: "Expr"


@dataclass(frozen=True)
class Choose:
    """The one or the other."""

    condition: "Expr"
    yes: "Expr"
    no: "Expr"


@dataclass(frozen=True)
class Count:
    """The lowest or the highest plane of a set that is not empty."""

    which: str
    of: "Expr"


@dataclass(frozen=True)
class Entry:
    """An entry of a table by plane or event."""

    table: str
    index: "Expr"


@dataclass(frozen=True)
class Narrow:
    """The lowest bits."""

    bits: int
    of: "Expr"


@dataclass(frozen=True)
class Call:
    """A call of another exported function, with the state first."""

    name: str
    arguments: tuple["Expr", ...]


Expr = Number | Var | Field | Binary | Not | Choose | Count | Entry | Narrow | Call


@dataclass(frozen=True)
class Let:
    """A variable begins; without a value, it is set later."""

    var: Var
    value: Expr | None
    mutable: bool = False


@dataclass(frozen=True)
class Set:
    """A variable is set again."""

    var: Var
    value: Expr


@dataclass(frozen=True)
class Put:
    """A field of the state is written."""

    field: str
    value: Expr


@dataclass(frozen=True)
class If:
    """Two ways."""

    condition: Expr
    yes: tuple["Statement", ...]
    no: tuple["Statement", ...]


@dataclass(frozen=True)
class Switch:
    """By a number: the numbers of each way, in words too."""

    of: Expr
    ways: tuple[tuple[tuple[tuple[int, str], ...], tuple["Statement", ...]], ...]


@dataclass(frozen=True)
class Return:
    """The answer."""

    value: Expr


@dataclass(frozen=True)
class Note:
    """A comment."""

    text: str


Statement = Let | Set | Put | If | Switch | Return | Note

_STATE_BITS = {"current": 4, "status": 2}
_LOGICAL = {"==", "!=", "<", ">", "<=", ">=", "&&", "||"}
_SPECIAL = {"&", "|", "&&", "||"}


def parts(term: Any) -> Iterator[Expr]:
    """Yield every expression in an expression or a statement, itself included."""
    if isinstance(term, Expr):
        yield term
    for each in inside(term):
        yield from parts(each)


def width(expr: Expr) -> int:
    """Return how many bits the value takes at most."""
    match expr:
        case Number(value):
            return value.bit_length() if value >= 0 else 32
        case Var(_, bits, _) | Narrow(bits, _):
            return bits
        case Field(name):
            return _STATE_BITS.get(name, 16)
        case Binary(op, left, right):
            return _width_of(op, left, right)
        case Choose(_, yes, no):
            return max(width(yes), width(no))
        case Not("!", _):
            return 1
        case Count():
            return 4
        case Entry(table, _):
            return 16 if table in ("above_of", "below_of") else 8
        case _:
            return 32


def _width_of(op: str, left: Expr, right: Expr) -> int:
    if op in _LOGICAL:
        return 1
    if op == "&":
        return min(width(left), width(right))
    if op in "|^":
        return max(width(left), width(right))
    if op == ">>":
        return width(left) - (right.value if isinstance(right, Number) else 0)
    if op == "<<":
        most = right.value if isinstance(right, Number) else (1 << min(width(right), 5)) - 1
        return min(32, width(left) + most)
    return 32


def is_mask(expr: Expr) -> bool:
    """Return whether it is a set of planes."""
    match expr:
        case Var(_, _, kind):
            return kind == "mask"
        case Field(name):
            return name not in _STATE_BITS
        case Entry(table, _):
            return table in ("above_of", "below_of")
        case Binary("&" | "|", left, right):
            both = [side for side in (left, right) if not isinstance(side, Number)]
            return bool(both) and all(is_mask(side) for side in both)
        case Binary("<<", Number(1), _):
            return True
        case Not("~", of) | Narrow(16, of):
            return is_mask(of)
        case Choose(_, yes, no):
            sides = [side for side in (yes, no) if not isinstance(side, Number)]
            return bool(sides) and all(is_mask(side) for side in sides)
        case _:
            return False


def is_flag(expr: Expr) -> bool:
    """Return whether it is true or false."""
    match expr:
        case Not("!", _):
            return True
        case Binary(op, _, _):
            return op in _LOGICAL
        case Var(_, _, kind):
            return kind == "flag"
        case Number(value):
            return value in (0, 1)
        case Choose(_, yes, no):
            return is_flag(yes) and is_flag(no)
        case _:
            return False


def invert(expr: Expr) -> Expr:
    """Return every bit the other way."""
    if isinstance(expr, Number):
        return Number(~expr.value)
    if isinstance(expr, Not) and expr.op == "~":
        return expr.of
    return Not("~", expr)


def truth(expr: Expr) -> Expr:
    """Return an expression that is true where this one is not zero, decided where it can be."""
    if isinstance(expr, Number):
        return Number(int(expr.value != 0))
    if isinstance(expr, Choose) and {type(expr.yes), type(expr.no)} == {Number}:
        yes, no = truth(expr.yes), truth(expr.no)
        if yes == no:
            return yes
        return expr.condition if yes == Number(1) else negate(expr.condition)
    return expr


def negate(expr: Expr) -> Expr:
    """Return the other truth."""
    match expr:
        case Number(value):
            return Number(int(not value))
        case Not("!", of) if is_flag(of):
            return of
        case Binary("==", left, right):
            return Binary("!=", left, right)
        case Binary("!=", left, right):
            return Binary("==", left, right)
        case _:
            return Not("!", expr)


def bit_and(left: Expr, right: Expr) -> Expr:
    """Return the bits of both; what has no effect is left out."""
    if isinstance(left, Number) and isinstance(right, Number):
        return Number(left.value & right.value)
    for this, other in ((left, right), (right, left)):
        if isinstance(this, Number):
            full = (1 << width(other)) - 1
            if this.value & full == 0:
                return Number(0)
            if this.value & full == full:
                return other
        match this:  # all or nothing of it
            case Choose(condition, Number(0), Number(all_of)) if _fills(all_of, width(other)):
                return choose(condition, Number(0), other)
        if isinstance(this, Narrow) and width(other) <= this.bits:
            return bit_and(other, this.of) if this is right else bit_and(this.of, other)
    return left if left == right else Binary("&", left, right)


def bit_or(left: Expr, right: Expr) -> Expr:
    """Return the bits of either."""
    if isinstance(left, Number) and isinstance(right, Number):
        return Number(left.value | right.value)
    for this, other in ((left, right), (right, left)):
        if this == Number(0):
            return other
        if isinstance(this, Number) and _fills(this.value, width(other)):
            return this
        if isinstance(this, Choose) and (this.condition, this.yes) == (other, Number(0)):
            return choose(other, other, this.no)
    return left if left == right else Binary("|", left, right)


def _fills(value: int, bits: int) -> bool:
    full = (1 << bits) - 1
    return value & full == full


def narrow(bits: int, expr: Expr) -> Expr:
    """Return the lowest bits."""
    if isinstance(expr, Number):
        return Number(expr.value & ((1 << bits) - 1))
    return expr if width(expr) <= bits else Narrow(bits, expr)


def choose(condition: Expr, yes: Expr, no: Expr) -> Expr:
    """Return one of two."""
    if isinstance(condition, Number):
        return yes if condition.value else no
    if yes == no:
        return yes
    if yes == Number(0) and no == condition:  # it is zero either way
        return yes
    if condition == Binary("!=", yes, no):  # x != y ? x : y
        return yes
    if condition == Binary("==", yes, no):
        return no
    if isinstance(condition, Not) and condition.op == "!":
        return choose(condition.of, no, yes)
    if (yes, no) == (Number(1), Number(0)) and is_flag(condition):
        return condition
    condition = truth(condition)
    if isinstance(condition, Number):
        return yes if condition.value else no
    return Choose(condition, yes, no)


def _compared(op: str, left: Expr, right: Expr) -> Expr | None:
    """Decide a comparison that the widths decide."""
    if isinstance(right, Number) and op in ("==", "!=") and right.value >= 1 << width(left):
        return Number(int(op == "!="))
    if left == right and op in ("==", "!="):
        return Number(int(op == "=="))
    if op in ("==", "!=") and isinstance(left, Choose):  # both are constants: it is the condition
        yes, no = (arithmetic(op, side, right) for side in (left.yes, left.no))
        if isinstance(yes, Number) and isinstance(no, Number) and yes != no:
            return left.condition if yes.value else negate(left.condition)
    return None


def _numbers(op: str, a: int, b: int) -> int:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a // b
        case "<<":
            return a << b
        case ">>":
            return a >> b
        case "==":
            return int(a == b)
        case "!=":
            return int(a != b)
        case "<":
            return int(a < b)
        case ">":
            return int(a > b)
        case "<=":
            return int(a <= b)
        case ">=":
            return int(a >= b)
        case _:
            raise NotImplementedError(f"operator {op}")


def arithmetic(op: str, left: Expr, right: Expr) -> Expr:
    """Return what an operator gives, other than && and ||, whose right side may not be reached."""
    if op == "&":
        return bit_and(left, right)
    if op == "|":
        return bit_or(left, right)
    if isinstance(left, Number) and isinstance(right, Number):
        return Number(_numbers(op, left.value, right.value))
    if right == Number(0) and op in ("+", "-", "<<", ">>"):
        return left
    if op == "*" and Number(0) in (left, right):
        return Number(0)
    if op == "*" and right == Number(1):
        return left
    found = _compared(op, left, right)
    return Binary(op, left, right) if found is None else found


def inside(term: Any) -> tuple[Any, ...]:
    """Return what a term or a tuple of them consists of."""
    if isinstance(term, tuple):
        return term
    if not isinstance(term, Expr | Statement):
        return ()
    return tuple(getattr(term, each.name) for each in fields(term))


def rebuilt(term: Any, change: Callable[[Any], Any]) -> Any:
    """Return a term with each of its parts changed."""
    if isinstance(term, tuple):
        return tuple(map(change, term))
    if not isinstance(term, Expr | Statement):
        return term
    return replace(term, **{each.name: change(getattr(term, each.name)) for each in fields(term)})


def substituted(term: Any, var: Var, value: Expr) -> Any:
    """Return an expression or statement with a variable's value in its place."""
    if term == var:
        return value
    return rebuilt(term, lambda inner: substituted(inner, var, value))

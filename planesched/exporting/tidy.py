"""Folded statements made short: values that nobody reads are gone, those read once stand there."""

from collections import Counter
from collections.abc import Sequence

from . import terms as t

__all__ = ["tidy"]

_SHORT = 9  # terms of an expression that is still read at a glance
_OWN_NAMES = ("base", "pre", "view", "dead")


def tidy(body: Sequence[t.Statement], parameters: Sequence[t.Var] = ()) -> tuple[t.Statement, ...]:
    """Tidy a function's body until nothing changes."""
    now = tuple(body)
    while True:
        after = _pass(now)
        if after == now:
            return _renamed(_without_idle_notes(_returning(now)), parameters)
        now = after


def _pass(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    reads = Counter(part for part in t.parts(body) if isinstance(part, t.Var))
    for statement in _all(body):  # a name that is written is no reading of it
        if isinstance(statement, t.Let | t.Set):
            reads[statement.var] -= 1
    written = {each.var for each in _all(body) if isinstance(each, t.Set)}
    return _block(body, reads, written)


def _all(body: Sequence[t.Statement]):  # type: ignore[no-untyped-def]
    for statement in body:
        yield statement
        if isinstance(statement, t.If):
            yield from _all(statement.yes)
            yield from _all(statement.no)
        elif isinstance(statement, t.Switch):
            for _, way in statement.ways:
                yield from _all(way)


def _block(
    body: tuple[t.Statement, ...], reads: Counter[t.Var], written: set[t.Var]
) -> tuple[t.Statement, ...]:
    made: list[t.Statement] = []
    waiting = [s for at, s in enumerate(body) if not (isinstance(s, t.Put) and s in body[:at][-1:])]
    while waiting:
        statement = waiting.pop(0)
        match statement:
            case t.Let(var, _, _) | t.Set(var, _) if reads[var] == 0:
                continue
            case t.Set(var, _) if isinstance(body[-1], t.Return) and not _reads(waiting, var):
                continue
            case t.Let(var, value, True) if value is not None and var not in written:
                statement = t.Let(var, value)
            case t.Let(var, value, True) if value is not None and _set_once_each_way(waiting, var):
                statement = t.Let(var, None, mutable=True)
            case t.Let(var, t.Var() as same, False) if same not in written:
                waiting = list(t.substituted(tuple(waiting), var, same))
                continue
            case t.Let(var, value, False) if value is not None and reads[var] == 1:
                at = _reader(waiting, var)
                if at is not None and _may_take(waiting[at], var, value):
                    waiting[at] = t.substituted(waiting[at], var, value)
                    continue
            case t.If(condition, yes, no):
                yes, no = _acting(_block(yes, reads, written)), _acting(_block(no, reads, written))
                statement = t.If(condition, yes, no)
                if not yes and not no:
                    continue
                if not yes:
                    statement = t.If(t.negate(condition), no, ())
            case t.Switch(of, ways):
                statement = t.Switch(of, tuple((n, _block(way, reads, written)) for n, way in ways))
        made.append(statement)
    return tuple(made)


def _reads(body: Sequence[t.Statement], var: t.Var) -> bool:
    """Say whether statements read a variable; where they only set it, that is counted too."""
    return var in t.parts(tuple(body))


def _set_once_each_way(body: Sequence[t.Statement], var: t.Var) -> bool:
    """Say whether every way sets a variable, once, before anything reads it: it needs no value."""
    for at, statement in enumerate(body):
        if not _reads((statement,), var):
            continue
        rest = body[at + 1 :]
        match statement:
            case t.Set(same, value) if same == var:
                return var not in t.parts(value) and not _sets(rest, var)
            case t.If(condition, yes, no):
                ways = all(_set_once_each_way(way, var) for way in (yes, no))
                return ways and var not in t.parts(condition) and not _sets(rest, var)
        return False
    return bool(body) and isinstance(body[-1], t.Return)


def _sets(body: Sequence[t.Statement], var: t.Var) -> bool:
    return any(isinstance(each, t.Set) and each.var == var for each in _all(body))


def _acting(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    """Return nothing where there are only comments."""
    return body if any(not isinstance(each, t.Note) for each in body) else ()


def _reader(waiting: Sequence[t.Statement], var: t.Var) -> int | None:
    """Find the statement that reads a variable, where nothing is written before it."""
    for at, statement in enumerate(waiting):
        if var in t.parts(statement):
            return at
        if not isinstance(statement, t.Note | t.Let):
            return None
    return None


def _may_take(statement: t.Statement, var: t.Var, value: t.Expr) -> bool:
    """Say whether a value may stand in the next statement in place of its name."""
    match statement:
        case t.Let(_, into, mutable) if into is not None:
            if mutable and into == var:
                return True
        case t.Set(_, into) | t.Put(_, into) | t.Return(into) | t.If(into, _, _):
            pass
        case _:
            return False
    if var not in t.parts(into):
        return False
    within = (part for part in t.parts(into) if isinstance(part, t.Binary))
    chosen = isinstance(value, t.Choose) and any(var in (p.left, p.right) for p in within)
    if var.name in _OWN_NAMES or chosen:
        return False
    return sum(1 for _ in t.parts(value)) + sum(1 for _ in t.parts(into)) <= _SHORT


def _returning(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    """Return on either way of an `if`, where both end by setting what is returned after it."""
    match body:
        case (*before, t.If(condition, (*yes, t.Set(one, a)), (*no, t.Set(two, b))),
              t.Return(t.Var() as answer)) if one == two == answer:  # fmt: skip
            kept = [s for s in before if not (isinstance(s, t.Let) and s.var == answer)]
            rest = _returning((*no, t.Return(b)))
            return (*kept, t.If(condition, _returning((*yes, t.Return(a))), ()), *rest)
    return body


def _without_idle_notes(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    """Leave out a comment that another follows at once, or nothing does."""
    made: list[t.Statement] = []
    for at, statement in enumerate(body):
        follows = body[at + 1] if at + 1 < len(body) else None
        if isinstance(statement, t.Note) and (follows is None or isinstance(follows, t.Note)):
            continue
        match statement:
            case t.If(condition, yes, no):
                statement = t.If(condition, _without_idle_notes(yes), _without_idle_notes(no))
            case t.Switch(of, ways):
                statement = t.Switch(of, tuple((n, _without_idle_notes(w)) for n, w in ways))
        made.append(statement)
    return tuple(made)


def _renamed(body: tuple[t.Statement, ...], parameters: Sequence[t.Var]) -> tuple[t.Statement, ...]:
    """Give a name its number only where two variables have it."""
    used = {part.name: part for part in t.parts(body) if isinstance(part, t.Var)}
    used.update({each.name: each for each in parameters})
    for name, var in sorted(used.items()):
        if var in parameters:
            continue
        plain = name.rpartition("_")[0]
        if name[len(plain) + 1 :].isdigit() and plain and plain not in used:
            body = t.substituted(body, var, t.Var(plain, var.bits, var.kind))
            used[plain] = used.pop(name)
    return body

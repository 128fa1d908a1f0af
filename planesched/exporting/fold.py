"""Partial evaluation of the rules' C: with a policy's numbers known, what is left of a function.

Every call is done where it stands, with what is known of its arguments. Each `if` of which the
answer is not known becomes two ways: where one returns, the other goes on; else they meet, and what
either changed is a variable from there on. A function that returns on one way of several, in the
middle of a statement, has the rest of its caller done on each of them (the statement is begun anew
with the value). Longer than 300 lines because it is one evaluator: each kind of statement and
expression once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import terms as t
from .source import Rules

__all__ = ["Folded", "Folder"]

_SIMPLE = (t.Number, t.Var)
_WIDTHS = {"uint16_t": 16, "uint8_t": 8, "int8_t": 8}


@dataclass(frozen=True)
class _Policy:
    """The pointer to the policy."""


@dataclass(frozen=True)
class _State:
    """The pointer to the state, or so many bytes beyond it."""

    offset: t.Expr | None = None


@dataclass(frozen=True)
class _Place:
    """The address of a local variable or struct."""

    key: tuple[Any, ...]


@dataclass(frozen=True)
class _Row:
    """An entry of a table of structs whose number is not known."""

    table: str
    index: t.Expr


@dataclass
class Folded:
    """A function of the export."""

    name: str
    parameters: list[t.Var]
    body: tuple[t.Statement, ...]
    comment: str = ""


@dataclass
class _Frame:
    number: int
    function: Any
    answer: Callable[[Any], None]
    known: dict[int, Any] = field(default_factory=dict)  # calls whose value was found


class _ManyReturns(Exception):
    """A call in a statement returns on several ways."""

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.call = call


class Folder:
    """Folds functions for one policy.

    Parameters
    ----------
    rules : Rules
        The headers.
    policy : mapping of str to int or list of int
        Every field of struct ps_policy.
    shared : mapping of str to str
        Functions that are not done where they are called, and their names in the export.
    fixed : mapping of str to mapping of str to Expr
        Of these, arguments that are the same in each call.
    """

    def __init__(
        self,
        rules: Rules,
        policy: Mapping[str, Any],
        shared: Mapping[str, str] | None = None,
        fixed: Mapping[str, Mapping[str, t.Expr]] | None = None,
    ) -> None:
        self.rules, self.policy, self.shared = rules, policy, dict(shared or {})
        self.fixed = dict(fixed or {})
        self.folded: dict[str, Folded] = {}
        self.tables: dict[str, list[t.Expr]] = {}
        self._begin()

    def _begin(self) -> None:
        self.store: dict[tuple[Any, ...], Any] = {}
        self.slots: dict[tuple[Any, ...], t.Var] = {}
        self.out: list[t.Statement] = []
        self.names: dict[str, int] = {}
        self.frames = 0

    # ---- Functions ----

    def fold(self, name: str, title: str, arguments: Mapping[str, Any]) -> Folded:
        """Fold a function whose parameters are the state and what is not named in `arguments`."""
        outer = self.store, self.slots, self.out, self.names, self.frames
        self._begin()
        function = self.rules.functions[name]
        parameters: list[t.Var] = []
        values = [
            self._parameter(declared, arguments, parameters)
            for declared in function.decl.type.args.params
        ]
        body = self._captured(lambda: self._call(function, values, self._return, lambda: None))
        folded = Folded(title, parameters, tuple(body), self.rules.comments.get(name, ""))
        self.store, self.slots, self.out, self.names, self.frames = outer
        return folded

    def _return(self, value: Any) -> None:
        self.out.append(t.Return(value))

    def _parameter(
        self, declared: Any, arguments: Mapping[str, Any], parameters: list[t.Var]
    ) -> Any:
        name, kind = declared.name, _type_of(declared)
        if name in arguments:
            return arguments[name]
        if kind == "ps_policy":
            return _Policy()
        if kind == "ps_state":
            return _State()
        if kind == "ps_algorithm":
            return t.Number(0)
        if kind == "ps_stepping":
            key = ("parameter", name)
            for each in self.rules.structs[kind]:
                self.store[(*key, each.name)] = self._new_parameter(
                    each.name, _type_of(each), parameters
                )
            return _Place(key)
        return self._new_parameter(name, kind, parameters)

    def _new_parameter(self, name: str, kind: str, parameters: list[t.Var]) -> t.Var:
        bits = {"plane": 4, "was": 4, "view": 4, "event": 5, "reason": 4, "recheck": 1}.get(
            name, _WIDTHS.get(kind, 32)
        )
        shape = "mask" if kind == "uint16_t" else "flag" if kind == "int" else "number"
        var = t.Var(self._name(name), bits, shape)
        parameters.append(var)
        return var

    def _call(
        self, function: Any, values: Sequence[Any], answer: Callable[[Any], None],
        after: Callable[[], None],
    ) -> None:  # fmt: skip
        """Do a function's body; `after` follows where it ends without a return."""
        self.frames += 1
        frame = _Frame(self.frames, function, answer)
        for declared, value in zip(function.decl.type.args.params, values, strict=True):
            self.store[(frame.number, declared.name)] = self._converted(_type_of(declared), value)
        self._run(function.body.block_items or [], frame, after)

    # ---- Statements ----

    def _run(self, items: Sequence[Any], frame: _Frame, after: Callable[[], None]) -> None:
        """Do statements, and then what comes after them."""
        for at, item in enumerate(items):
            rest = items[at + 1 :]
            kind = type(item).__name__
            before = self._now()
            try:
                if kind == "Return":
                    frame.answer(None if item.expr is None else self._value(item.expr, frame))
                    return None
                if kind == "Compound":
                    return self._run([*(item.block_items or []), *rest], frame, after)
                if kind == "If":
                    condition = self._truth(item.cond, frame)
                    return self._branch(condition, item, rest, frame, after)
                if kind == "Switch":
                    return self._run([*self._way(item, frame), *rest], frame, after)
                self._do(item, frame)
            except _ManyReturns as many:
                self._back_to(before)
                return self._on_each_return(many.call, items[at:], frame, after)
        after()
        return None

    def _now(self) -> tuple[Any, ...]:
        return dict(self.store), dict(self.slots), dict(self.names), len(self.out)

    def _back_to(self, before: tuple[Any, ...]) -> None:
        """Take back what was done since."""
        self.store, self.slots, self.names, made = before
        del self.out[made:]

    def _on_each_return(
        self, call: Any, items: Sequence[Any], frame: _Frame, after: Callable[[], None]
    ) -> None:
        def answered(value: Any) -> None:
            outer = dict(frame.known)
            frame.known[id(call)] = value
            self._run(items, frame, after)
            frame.known = outer

        function = self.rules.functions[call.name.name]
        values = [self._value(each, frame) for each in call.args.exprs]
        self._call(function, values, answered, lambda: answered(None))

    def _way(self, switch: Any, frame: _Frame) -> list[Any]:
        """Return the statements of a switch over what is known."""
        of = self._value(switch.cond, frame)
        if not isinstance(of, t.Number):
            raise NotImplementedError(f"{switch.coord}: a switch over what is not known")
        cases = switch.stmt.block_items
        chosen = [
            at for at, case in enumerate(cases)
            if type(case).__name__ == "Case" and self._value(case.expr, frame) == of
        ] or [at for at, case in enumerate(cases) if type(case).__name__ == "Default"]  # fmt: skip
        found: list[Any] = []
        for case in cases[chosen[0] :] if chosen else []:
            for statement in case.stmts or []:
                if type(statement).__name__ == "Break":
                    return found
                found.append(statement)
                if _always_returns(statement):
                    return found
        return found

    def _branch(
        self, condition: t.Expr, item: Any, rest: Sequence[Any], frame: _Frame,
        after: Callable[[], None],
    ) -> None:  # fmt: skip
        yes = [item.iftrue]
        no = [item.iffalse] if item.iffalse is not None else []
        if isinstance(condition, t.Number):
            return self._run([*(yes if condition.value else no), *rest], frame, after)
        if _always_returns(item.iftrue) or (no and _always_returns(item.iffalse)):
            first = self._captured(lambda: self._run([*yes, *rest], frame, after))
            if _ends(first):
                self.out.append(t.If(condition, tuple(first), ()))
                return self._run([*no, *rest], frame, after)
            # Of a function done in the middle of a statement: what follows is within both ways,
            # up to where an `if` around it has its own meet.
            self._join(
                condition,
                lambda: self._run([*yes, *rest], frame, after),
                lambda: self._run([*no, *rest], frame, after),
            )
            return None
        self._join(
            condition,
            lambda: self._run(yes, frame, lambda: None),
            lambda: self._run(no, frame, lambda: None),
        )
        return self._run(rest, frame, after)

    def _join(self, condition: t.Expr, yes: Callable[[], None], no: Callable[[], None]) -> None:
        """Do two ways that meet: what either changes becomes a variable before them."""
        self._materialise(yes, no)
        first, second = self._captured(yes), self._captured(no)
        if _acts(first) or _acts(second):
            self.out.append(t.If(condition, tuple(first), tuple(second)))

    def _materialise(self, *ways: Callable[[], None]) -> None:
        changed: dict[tuple[Any, ...], list[t.Expr]] = {}
        written: set[str] = set()
        for way in ways:
            names, slots = dict(self.names), self.slots
            self.slots = {}
            made, after = self._tried(way)
            self.names, self.slots = names, slots
            written |= _written(made)
            for key, value in self.store.items():
                if after[key] != value:
                    changed.setdefault(key, [value]).append(after[key])
        for name in sorted(written):
            self._keep(name)
        for key, values in changed.items():
            if key in self.slots:
                self.store[key] = self.slots[key]
                continue
            bits = max(map(t.width, values))
            kind = "mask" if any(map(t.is_mask, values)) else "number"
            kind = "flag" if all(map(t.is_flag, values)) else kind
            slot = t.Var(self._name(str(key[-1])), bits, kind)
            self.out.append(t.Let(slot, self.store[key], mutable=True))
            self.store[key] = self.slots[key] = slot

    def _captured(self, work: Callable[[], None]) -> list[t.Statement]:
        """Do something on a copy of what is known; return the statements that it makes."""
        return self._tried(work)[0]

    def _tried(
        self, work: Callable[[], None]
    ) -> tuple[list[t.Statement], dict[tuple[Any, ...], Any]]:
        outer = self.store, self.slots, self.out
        self.store, self.slots, self.out = dict(self.store), dict(self.slots), []
        try:
            work()
            return self.out, self.store
        finally:
            self.store, self.slots, self.out = outer

    def _do(self, item: Any, frame: _Frame) -> None:
        """Do a declaration, an assignment or a call."""
        kind = type(item).__name__
        if kind == "Decl":
            self._declare(item, frame)
        elif kind == "Assignment":
            self._assign(item, frame)
        elif kind == "FuncCall":
            self._value(item, frame)
        elif kind == "Cast":
            pass  # (void)parameter
        else:
            raise NotImplementedError(f"{item.coord}: {kind}")

    def _declare(self, item: Any, frame: _Frame) -> None:
        key = (frame.number, item.name)
        kind = _type_of(item)
        if kind in self.rules.structs:
            self._put_struct(key, kind, item.init, frame)
        elif item.init is not None:
            value = self._converted(kind, self._value(item.init, frame))
            self.store[key] = self._let(item.name, value)

    def _put_struct(self, key: tuple[Any, ...], kind: str, init: Any, frame: _Frame) -> None:
        names = [each.name for each in self.rules.structs[kind]]
        if init is None:
            return
        if type(init).__name__ == "InitList":
            values = dict(
                zip(names, [self._value(each, frame) for each in init.exprs], strict=False)
            )
        else:
            values = self._value(init, frame)
        for each in self.rules.structs[kind]:
            value = self._converted(_type_of(each), values.get(each.name, t.Number(0)))
            self.store[(*key, each.name)] = value

    def _assign(self, item: Any, frame: _Frame) -> None:
        value = self._value(item.rvalue, frame)
        if item.op != "=":
            value = t.arithmetic(item.op[:-1], self._value(item.lvalue, frame), value)
        kind = type(item.lvalue).__name__
        if kind == "ID":
            self._set((frame.number, item.lvalue.name), value, item.lvalue.name)
            return
        base = self._struct(item.lvalue, frame)
        name = item.lvalue.field.name
        if isinstance(base, _State):
            self._put(name, value)
        else:
            self._set((*base.key, name), value, name)

    def _set(self, key: tuple[Any, ...], value: Any, name: str) -> None:
        slot = self.slots.get(key)
        if slot is None:
            self.store[key] = self._let(name, value)
        elif value != slot:
            self.out.append(t.Set(slot, value))
            self.store[key] = value if isinstance(value, t.Number) else slot

    def _put(self, name: str, value: t.Expr) -> None:
        """Write a field of the state; what was read from it before is kept in variables."""
        written = t.narrow(8 if name in ("current", "status") else 16, value)
        if written == t.Field(name):
            return
        self._keep(name)
        self.out.append(t.Put(name, written))

    def _keep(self, name: str) -> None:
        """Keep in variables what was read from a field that is about to be written."""
        for key, held in list(self.store.items()):
            if isinstance(held, t.Expr) and t.Field(name) in t.parts(held):
                self.store[key] = self._fresh(str(key[-1]), held)

    def _let(self, name: str, value: Any) -> Any:
        """Name a value, unless it is simple."""
        simple = not isinstance(value, t.Expr) or isinstance(value, (*_SIMPLE, t.Field))
        return value if simple else self._fresh(name, value)

    def _fresh(self, name: str, value: t.Expr) -> t.Var:
        kind = "mask" if t.is_mask(value) else "flag" if t.is_flag(value) else "number"
        var = t.Var(self._name(name), t.width(value), kind)
        self.out.append(t.Let(var, value))
        return var

    def _name(self, name: str) -> str:
        self.names[name] = number = self.names.get(name, 0) + 1
        return name if number == 1 else f"{name}_{number}"

    # ---- Expressions ----

    def _value(self, node: Any, frame: _Frame) -> Any:
        return getattr(self, f"_of_{type(node).__name__}")(node, frame)

    def _truth(self, node: Any, frame: _Frame) -> t.Expr:
        value = self._value(node, frame)
        if isinstance(value, _Policy | _State | _Place):
            return t.Number(1)
        return t.truth(value)

    def _of_Constant(self, node: Any, _: _Frame) -> t.Expr:
        return t.Number(int(node.value.rstrip("uUlL"), 0))

    def _of_ID(self, node: Any, frame: _Frame) -> Any:
        if node.name in self.rules.constants:
            return t.Number(self.rules.constants[node.name])
        key = (frame.number, node.name)
        if key in self.store:
            return self.store[key]
        fields = {each[-1]: value for each, value in self.store.items() if each[:-1] == key}
        if not fields:
            raise NotImplementedError(f"{node.coord}: {node.name} has no value")
        return fields

    def _struct(self, node: Any, frame: _Frame) -> Any:
        """Return what a StructRef is a field of."""
        if node.type == "->":
            return self._value(node.name, frame)
        if type(node.name).__name__ == "ID":
            return _Place((frame.number, node.name.name))
        return self._value(node.name, frame)

    def _of_StructRef(self, node: Any, frame: _Frame) -> Any:
        base, name = self._struct(node, frame), node.field.name
        if isinstance(base, _Policy):
            value = self.policy[name]
            return name if isinstance(value, list) else t.Number(value)
        if isinstance(base, _State):
            return t.Field(name)
        if isinstance(base, _Row):
            self.tables[f"{name}s_of"] = [self.row(base.table, at)[name] for at in range(24)]
            return t.Entry(f"{name}s_of", base.index)
        if isinstance(base, dict):
            return base[name]
        return self.store[(*base.key, name)]

    def _of_ArrayRef(self, node: Any, frame: _Frame) -> Any:
        index = self._value(node.subscript, frame)
        if type(node.name).__name__ == "ID":  # a table of structs
            table = node.name.name
            if not isinstance(index, t.Number):
                return _Row(table, index)
            return self.row(table, index.value)
        name = self._value(node.name, frame)
        if isinstance(index, t.Number):
            return t.Number(self.policy[name][index.value])
        self.tables[f"{name}_of"] = list(map(t.Number, self.policy[name]))
        return t.Entry(f"{name}_of", index)

    def row(self, table: str, number: int) -> dict[str, t.Expr]:
        """Return an entry of a table of structs."""
        frame = _Frame(0, None, lambda _: None)
        init = self.rules.tables[table].exprs[number]
        struct = next(s for s in self.rules.structs if s == table.removesuffix("s"))
        names = [each.name for each in self.rules.structs[struct]]
        return {n: self._value(e, frame) for n, e in zip(names, init.exprs, strict=False)}

    def _of_Cast(self, node: Any, frame: _Frame) -> Any:
        value = self._value(node.expr, frame)
        return self._converted(_type_of(node.to_type), value)

    def _converted(self, kind: str, value: Any) -> Any:
        if not isinstance(value, t.Expr) or kind not in _WIDTHS:
            return value
        if kind == "int8_t":
            return value
        return t.narrow(_WIDTHS[kind], value)

    def _of_UnaryOp(self, node: Any, frame: _Frame) -> Any:
        if node.op == "&":
            name = node.expr.name
            return _Place((frame.number, name))
        if node.op == "sizeof":
            return t.Number(2)
        if node.op == "!":
            return t.negate(self._truth(node.expr, frame))
        value = self._value(node.expr, frame)
        if node.op == "~":
            return t.invert(value)
        if node.op == "-" and isinstance(value, t.Number):
            return t.Number(-value.value)
        if node.op == "-":
            return t.arithmetic("-", t.Number(0), value)
        raise NotImplementedError(f"{node.coord}: operator {node.op}")

    def _of_BinaryOp(self, node: Any, frame: _Frame) -> Any:
        if node.op in ("&&", "||"):
            return self._logical(node, frame)
        left, right = self._value(node.left, frame), self._value(node.right, frame)
        if isinstance(left, _State):
            return _State(right)
        return t.arithmetic(node.op, left, right)

    def _logical(self, node: Any, frame: _Frame) -> t.Expr:
        left = self._truth(node.left, frame)
        decides = int(node.op == "||")
        if isinstance(left, t.Number):
            if left.value == decides:
                return left
            return self._truth(node.right, frame)
        found: list[t.Expr] = []
        made = self._captured(lambda: found.append(self._truth(node.right, frame)))
        right = found[0]
        made = _needed(made, right)
        if _acts(
            made
        ):  # it takes statements, which are only reached where the left does not decide
            slot = t.Var(self._name("both" if node.op == "&&" else "either"), 1, "flag")
            self.out.append(t.Let(slot, t.Number(decides), mutable=True))
            condition = left if node.op == "&&" else t.negate(left)
            truth = right if t.is_flag(right) else t.negate(t.negate(right))
            self.out.append(t.If(condition, (*made, t.Set(slot, truth)), ()))
            return slot
        if isinstance(right, t.Number):
            return right if right.value == decides else left
        return t.Binary(node.op, left, right)

    def _of_TernaryOp(self, node: Any, frame: _Frame) -> Any:
        condition = self._truth(node.cond, frame)
        if isinstance(condition, t.Number):
            return self._value(node.iftrue if condition.value else node.iffalse, frame)
        found: list[t.Expr] = []
        yes = self._captured(lambda: found.append(self._value(node.iftrue, frame)))
        no = self._captured(lambda: found.append(self._value(node.iffalse, frame)))
        yes, no = _needed(yes, found[0]), _needed(no, found[1])
        if not _acts(yes) and not _acts(no):
            return t.choose(condition, *found)
        kind = "mask" if any(map(t.is_mask, found)) else "number"
        slot = t.Var(self._name("chosen"), max(map(t.width, found)), kind)
        self.out.append(t.Let(slot, None, mutable=True))
        ways = (*yes, t.Set(slot, found[0])), (*no, t.Set(slot, found[1]))
        self.out.append(t.If(condition, *ways))
        return slot

    def _of_FuncCall(self, node: Any, frame: _Frame) -> Any:
        if id(node) in frame.known:
            return frame.known[id(node)]
        name = node.name.name
        if name == "offsetof":
            return t.Number(self._offset(node.args.exprs[1].name))
        values = [self._value(each, frame) for each in node.args.exprs]
        if name == "ps_when_empty":
            return t.choose(values[0], t.Number(0), t.Number(0xFFFF))
        if name in ("ps_lowest", "ps_highest"):
            return t.Count(name.removeprefix("ps_"), values[0])
        if name == "ps_memcpy":
            return self._copy(*values[:2])
        function = self.rules.functions[name]
        if name in self.shared:
            return self._shared(name, function, values)
        return self._inlined(node, function, values)

    def _offset(self, name: str) -> int:
        return 2 * [each.name for each in self.rules.structs["ps_state"]].index(name)

    def _copy(self, to: Any, source: Any) -> None:
        """Do a memcpy between a mask of the state and a local variable."""
        state = to if isinstance(to, _State) else source
        assert isinstance(state.offset, t.Number), "an offset that is not known"
        name = self.rules.structs["ps_state"][state.offset.value // 2].name
        if isinstance(to, _State):
            self._put(name, self.store[source.key])
        else:
            self.store[to.key] = t.Field(name)

    def _inlined(self, node: Any, function: Any, values: Sequence[Any]) -> Any:
        before, made = self._now(), len(self.out)
        found: list[Any] = []
        depth = self.out
        comment = self._comment(function)
        if comment:
            self.out.append(t.Note(comment))

        def answer(value: Any) -> None:
            found.append(value if self.out is depth else _ManyReturns)

        self._call(function, values, answer, lambda: answer(None))
        if len(found) != 1 or found[0] is _ManyReturns:
            self._back_to(before)
            raise _ManyReturns(node)
        if comment and len(self.out) == made + 1:
            self.out.pop()  # it needed no statement
        return found[0]

    def _comment(self, function: Any) -> str:
        """Return the first sentence of a function's comment, where it names a section."""
        text = self.rules.comments.get(function.decl.name, "")
        first = text.partition(".  ")[0]
        for at, char in enumerate(text):
            if char in ".:" and text[at + 1 : at + 2] in ("", " "):
                first = text[:at]
                break
        return first + "." if "(3." in first or "(4" in first else ""

    def _shared(self, name: str, function: Any, values: Sequence[Any]) -> t.Expr:
        """Return the call of a function that is exported beside this one."""
        title = self.shared[name]
        if title not in self.folded:
            self.folded[title] = self.fold(name, title, self.fixed.get(name, {}))
        arguments: list[t.Expr] = []
        for declared, value in zip(function.decl.type.args.params, values, strict=True):
            if isinstance(value, _Place):
                kind = _type_of(declared)
                arguments += [
                    self.store[(*value.key, each.name)] for each in self.rules.structs[kind]
                ]
            elif (
                isinstance(value, t.Expr)
                and _type_of(declared) != "ps_algorithm"
                and declared.name not in self.fixed.get(name, {})
            ):
                arguments.append(value)
        return t.Call(title, tuple(arguments))


def _type_of(node: Any) -> str:
    """Return the name of a declaration's type, of what a pointer points at too."""
    while not hasattr(node, "names"):
        if type(node).__name__ == "Struct":
            return str(node.name)
        node = node.type
    return " ".join(node.names)


def _always_returns(node: Any) -> bool:
    kind = type(node).__name__
    if kind == "Return":
        return True
    if kind == "Compound":
        return any(_always_returns(each) for each in node.block_items or [])
    if kind == "If":
        return (
            node.iffalse is not None
            and _always_returns(node.iftrue)
            and _always_returns(node.iffalse)
        )
    return False


def _written(body: Sequence[t.Statement]) -> set[str]:
    """Return the fields of the state that statements write."""
    found = {each.field for each in body if isinstance(each, t.Put)}
    for each in body:
        if isinstance(each, t.If):
            found |= _written(each.yes) | _written(each.no)
    return found


def _needed(body: Sequence[t.Statement], value: t.Expr) -> list[t.Statement]:
    """Leave out variables that nothing reads."""
    read = {part for part in t.parts(value) if isinstance(part, t.Var)}
    kept: list[t.Statement] = []
    for statement in reversed(body):
        if isinstance(statement, t.Let) and statement.var not in read:
            continue
        read |= {part for part in t.parts(statement) if isinstance(part, t.Var)}
        kept.append(statement)
    return kept[::-1]


def _acts(body: Sequence[t.Statement]) -> bool:
    """Return whether there is more than comments."""
    return any(not isinstance(statement, t.Note) for statement in body)


def _ends(body: Sequence[t.Statement]) -> bool:
    """Return whether every way through ends in a return."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, t.If):
        return _ends(last.yes) and _ends(last.no)
    return isinstance(last, t.Return)

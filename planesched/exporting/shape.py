"""What is exported: the functions of a pick or of a whole step, in order, and their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..capi import policy_words
from ..events import Event
from ..policy import Policy
from . import terms as t
from .fold import Folded, Folder
from .source import rules
from .tidy import tidy

__all__ = ["Shape", "pick_shape", "policy_numbers", "state_fields", "step_shape"]

# Of a whole step: what is called from several places stays a function of its own.
_SHARED = {"ps_dispatch": "dispatch", "ps_arrive": "arrive", "ps_answer": "answer"}
_SIZES = {"uint8_t": 1, "int8_t": 1, "uint16_t": 2}


@dataclass(frozen=True)
class Shape:
    """Functions in order, the last one being what was asked for, and the tables that they read."""

    functions: tuple[Folded, ...]
    tables: Mapping[str, tuple[int, ...]]

    def reads_only(self, function: Folded) -> bool:
        """Return whether a function changes nothing."""
        return not _changes(function.body, self.functions)

    def fields(self) -> list[str]:
        """Return the fields of the state that are read or written, in the state's order."""
        bodies = [function.body for function in self.functions]
        used = {part.name for part in t.parts(tuple(bodies)) if isinstance(part, t.Field)}
        return [name for name in state_fields() if name in used]


def state_fields() -> list[str]:
    """Return the names of the fields of the state, in order."""
    return [each.name for each in rules().structs["ps_state"]]


def policy_numbers(policy: Policy, planes: int) -> dict[str, Any]:
    """Return every field of struct ps_policy, the derived ones too."""
    words = policy_words(policy, planes=planes).tobytes()
    found: dict[str, Any] = {}
    at = 0
    for each in rules().structs["ps_policy"]:
        array = type(each.type).__name__ == "ArrayDecl"
        kind = (each.type.type if array else each.type).type.names[0]
        size = _SIZES[kind]
        at = -(-at // size) * size
        values = [
            int.from_bytes(words[at + i * size : at + (i + 1) * size], "little")
            for i in range(16 if array else 1)
        ]
        found[each.name] = values if array else values[0]
        at += len(values) * size
    assert at == len(words), "struct ps_policy is laid out otherwise"
    return found


def pick_shape(policy: Policy, planes: int, name: str) -> Shape:
    """Fold the pick of the default userspace scheduler (rules, 3.5): the pure choice."""
    folder = Folder(rules(), policy_numbers(policy, planes))
    return _shape(folder, folder.fold("ps_default_pick", name, {}), planes)


def step_shape(policy: Policy, planes: int, name: str) -> Shape:
    """Fold the whole transition, event by event."""
    fixed: dict[str, dict[str, t.Expr]] = {}
    while True:
        folder, root = _step(policy, planes, name, fixed)
        found = _always_the_same(folder, root)
        if found == fixed:
            return _shape(folder, root, planes)
        for function, arguments in found.items():
            fixed[function] = {**fixed.get(function, {}), **arguments}


def _step(
    policy: Policy, planes: int, name: str, fixed: Mapping[str, Mapping[str, t.Expr]]
) -> tuple[Folder, Folded]:
    shared = {function: f"{name}_{short}" for function, short in _SHARED.items()}
    folder = Folder(rules(), policy_numbers(policy, planes), shared, fixed)
    ways: dict[tuple[t.Statement, ...], list[tuple[int, str]]] = {}
    variables = [t.Var("event", 5, "number"), t.Var("plane", 4, "number")]
    for event in Event:
        whole = folder.fold("ps_respond", name, {"event": t.Number(int(event))})
        ways.setdefault(tidy(whole.body, variables), []).append((int(event), event.name.lower()))
    switch = t.Switch(variables[0], tuple((tuple(names), body) for body, names in ways.items()))
    nothing = t.Return(t.Number(0))  # there is no such event
    return folder, Folded(name, variables, (switch, nothing), "")


def _always_the_same(folder: Folder, root: Folded) -> dict[str, dict[str, t.Expr]]:
    """Say which arguments of shared functions are one constant in every call."""
    found = {name: dict(arguments) for name, arguments in folder.fixed.items()}
    bodies = [function.body for function in [*folder.folded.values(), root]]
    calls = [part for part in t.parts(tuple(bodies)) if isinstance(part, t.Call)]
    for name, title in folder.shared.items():
        given = [call.arguments for call in calls if call.name == title]
        own = {each.name for each in rules().functions[name].decl.type.args.params}
        for at, parameter in enumerate(folder.folded[title].parameters if given else []):
            values = {arguments[at] for arguments in given}
            (first, *more) = values
            if not more and isinstance(first, t.Number) and parameter.name in own:
                found.setdefault(name, {})[parameter.name] = first
    return found


def _shape(folder: Folder, root: Folded, planes: int) -> Shape:
    functions = list(map(_tidied, folder.folded.values()))
    functions = _in_order([*functions, root if len(functions) else _tidied(root)])
    functions = _without_unread(functions)
    read = {part.table for f in functions for part in t.parts(f.body) if isinstance(part, t.Entry)}
    tables = {}
    for name, values in folder.tables.items():
        if name in read:
            numbers = [each.value for each in values if isinstance(each, t.Number)]
            if name in ("above_of", "below_of"):  # of the planes that there are
                numbers = [number & ((1 << planes) - 1) for number in numbers[:planes]]
            tables[name] = tuple(numbers)
    return Shape(tuple(functions), tables)


def _tidied(function: Folded) -> Folded:
    return replace(function, body=tidy(function.body, function.parameters))


def _in_order(functions: Sequence[Folded]) -> list[Folded]:
    """Put each function after those that it calls."""
    made: list[Folded] = []
    waiting = list(functions)
    while waiting:
        for each in waiting:
            calls = {part.name for part in t.parts(each.body) if isinstance(part, t.Call)}
            if calls <= {done.name for done in made}:
                made.append(each)
                waiting.remove(each)
                break
    return made


def _without_unread(functions: Sequence[Folded]) -> list[Folded]:
    """Leave out parameters that are not read, where they are given too; the last one's stay."""
    made = list(functions)
    for at in range(len(made) - 1):
        function = made[at]
        read = set(t.parts(function.body))
        kept = [i for i, parameter in enumerate(function.parameters) if parameter in read]
        made[at] = replace(function, parameters=[function.parameters[i] for i in kept])
        made = [replace(each, body=_calls(each.body, function.name, kept)) for each in made]
    return list(map(_plainly_named, made))


def _plainly_named(function: Folded) -> Folded:
    """Give a parameter its number only where another variable has its name."""
    used = {part.name for part in t.parts(function.body) if isinstance(part, t.Var)}
    used |= {each.name for each in function.parameters}
    for at, var in enumerate(function.parameters):
        plain, _, number = var.name.rpartition("_")
        if number.isdigit() and plain not in used:
            new = t.Var(plain, var.bits, var.kind)
            parameters = [new if i == at else p for i, p in enumerate(function.parameters)]
            body = t.substituted(function.body, var, new)
            function = Folded(function.name, parameters, body, function.comment)
            used.add(plain)
    return function


def _calls(term: Any, name: str, kept: Sequence[int]) -> Any:
    if isinstance(term, t.Call) and term.name == name:
        return t.Call(name, tuple(term.arguments[i] for i in kept))
    return t.rebuilt(term, lambda inner: _calls(inner, name, kept))


def _changes(body: Any, functions: Sequence[Folded]) -> bool:
    if isinstance(body, t.Put):
        return True
    if isinstance(body, t.Call):
        called = next(each for each in functions if each.name == body.name)
        return _changes(called.body, functions)
    return any(_changes(inner, functions) for inner in t.inside(body))

"""States as text, and HTML as notebooks show it: tables, and what stands in them."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .checks import planes_of
from .events import MASKS

__all__ = ["html_table", "preformatted", "state_table", "state_text", "states_table", "vcpu_text"]

_MOST_ROWS = 20


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: bool = False) -> str:
    """Return a table; `left` is for text, which notebooks would align to the right."""
    style = ' style="text-align:left"' if left else ""
    titles = "".join(f"<th{style}>{escape(title)}</th>" for title in head)
    body = "".join(
        f"<tr>{''.join(f'<td{style}>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def preformatted(text: str) -> str:
    """Return text as it is printed."""
    return f"<pre>{escape(text)}</pre>"


def state_table(state: Any, planes: int) -> str:
    """Return the state of a vCPU: a row a plane, a column a mask that any plane is in."""
    shown = [name for name in MASKS if name not in ("online", "runnable") and state[name]]
    shown = ["online", "runnable", *shown]
    how = {0: "runs", 1: "in userspace", 2: "blocked"}[int(state["status"])]
    rows = [
        (
            str(plane),
            how if plane == int(state["current"]) else "",
            *("x" if plane in planes_of(state[name]) else "" for name in shown),
        )
        for plane in range(planes)
    ]
    return html_table(("plane", "", *shown), rows)


def state_text(state: Any) -> str:
    """Return a state in words: its planes and every mask that is not empty."""
    masks = [(name, planes_of(state[name])) for name in MASKS]
    shown = [f"{name}={_listed(planes)}" for name, planes in masks if planes]
    return " ".join([f"current={state['current']}", *shown])


def vcpu_text(state: Any) -> str:
    """Return how a vCPU stands: what runs, what is suspended, and every mask with a plane."""
    how = ("running", "in userspace", "blocked", "in userspace")[int(state["status"])]
    masks = {name: planes_of(state[name]) for name in MASKS}
    waiting = [plane for plane in masks.pop("runnable") if plane != state["current"]]
    del masks["online"]
    parts = [f"plane {state['current']} {how}"]
    if waiting:
        parts.append(f"{_listed(waiting)} suspended")
    parts += [f"{name}: {_listed(planes)}" for name, planes in masks.items() if planes]
    return ", ".join(parts)


def _listed(planes: Iterable[int]) -> str:
    return ",".join(map(str, planes))


def states_table(vcpus: Sequence[Any]) -> str:
    """Return vCPUs by what each says of itself, the first ones of many."""
    rows = []
    for vcpu in vcpus[:_MOST_ROWS]:
        name, _, how = repr(vcpu).strip("<>").partition(": ")
        rows.append((name, how))
    if len(vcpus) > _MOST_ROWS:
        rows.append((f"and {len(vcpus) - _MOST_ROWS} more", ""))
    return html_table(("vCPU", "stands so"), rows, left=True)

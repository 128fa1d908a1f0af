"""The page around the panels: head, styles, script, data, and what keeps it to itself."""

import base64
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from ...figures.written import written_by
from .markup import Html, el, join

__all__ = ["Panel", "frame"]


class Panel(NamedTuple):
    """A part of a page: its id, its heading, a sentence on how to read it, and what it shows."""

    name: str
    heading: str
    hint: str
    body: Html


def frame(title: str, head: Html, panels: Sequence[Panel], data: Mapping[str, Any]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
    head : Html
        The answer, above all panels.
    panels : sequence of Panel
    data : mapping
        What the script needs beyond what stands in the page.
    """
    style, script = _part("page.css"), _part("page.js") + _part("timelines.js")
    # Nothing may be loaded, and no script may run but this one: whatever a name in a file says.
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    meta = [
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="generator", content=f"planesched {written_by()['version']}"),
    ]
    entries = (el("li", el("a", panel.heading, href=f"#{panel.name}")) for panel in panels)
    body = [
        el("a", "Skip to the answer", href="#answer", class_="skip"),
        el("header", el("h1", title), el("nav", el("ul", entries), aria_label="Panels")),
        el("main", el("section", head, id="answer", aria_label="The answer"), map(_shown, panels)),
        el("script", Html(_plain(data)), type="application/json", id="data"),
        el("script", Html(script)),
    ]
    top = el("head", meta, el("title", title), el("style", Html(style)))
    return f"<!DOCTYPE html>\n{el('html', top, el('body', body), lang='en')}\n"


def _shown(panel: Panel) -> Html:
    heading = f"{panel.name}-heading"
    parts = [el("h2", panel.heading, id=heading)]
    if panel.hint:
        parts.append(el("p", panel.hint, class_="hint"))
    return el("section", parts, join([panel.body]), id=panel.name, aria_labelledby=heading)


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _plain(data: Mapping[str, Any]) -> str:
    """Return data as JSON that cannot end the element that it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")

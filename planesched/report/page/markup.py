"""HTML and SVG from Python: whatever is not `Html` already is escaped, and nothing else makes it.

What comes out is well-formed XML too, so a figure can be taken out of a page as it is.
"""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Html", "attributes", "el", "join", "number", "table"]

_EMPTY = {"circle", "line", "meta", "path", "polyline", "rect", "use"}


class Html(str):
    """Text that is HTML already, made by `el`."""


Inside = str | Iterable[str | None] | None


def el(name: str, /, *inside: Inside, **given: object) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
        Its tag.
    inside : str, iterable of str or None
        What stands in it; escaped unless it is `Html`.
    given : object
        Attributes: ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None is left out,
        True stands without a value of its own.
    """
    told = attributes(given)
    if name in _EMPTY and not inside:
        return Html(f"<{name}{told}/>")
    return Html(f"<{name}{told}>{join(inside)}</{name}>")


def attributes(given: dict[str, object]) -> str:
    """Return attributes as they stand in a tag, with a space before each."""
    out = []
    for key, value in given.items():
        if value is None or value is False:
            continue
        shown = key.rstrip("_").replace("_", "-")
        text = shown if value is True else number(value) if isinstance(value, float) else value
        out.append(f' {shown}="{escape(str(text))}"')
    return "".join(out)


def join(inside: Iterable[Inside]) -> Html:
    """Return texts after each other, escaped unless they are `Html`."""
    out: list[str] = []
    for each in inside:
        if each is None:
            continue
        if isinstance(each, str):
            out.append(each if isinstance(each, Html) else escape(each))
        else:
            out.append(join(each))
    return Html("".join(out))


def number(value: float) -> str:
    """Return a coordinate: two decimals, without noughts at its end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], **given: object
) -> Html:
    """Return a table: a row's first cell names it. It scrolls where there is no room for it."""
    head = el("tr", (el("th", text, scope="col") for text in header))
    body = (
        el("tr", el("th", row[0], scope="row"), (el("td", text) for text in row[1:]))
        for row in rows
    )
    inner = el("table", el("caption", caption), el("thead", head), el("tbody", body), **given)
    return el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)

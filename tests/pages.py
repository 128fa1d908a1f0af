"""Reads a page, and checks what holds for every one: well formed, labelled, whole by itself."""

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

EMPTY = {"meta", "line", "circle", "rect", "path", "polyline"}
HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted" 'too'"""


class Page(HTMLParser):
    """Reads a page, and says where it is not well formed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.wrong = [], [], []
        self.texts = {}
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.wrong += [(tag, name) for name, _ in attrs if sum(n == name for n, _ in attrs) > 1]
        self.open.append((tag, len(self.tags) - 1))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.wrong += [tag] * (tag not in EMPTY)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(f"</{tag}>")
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, number in self.open:
            self.texts[number] = self.texts.get(number, "") + data

    def of(self, tag, **attrs):
        """The attributes and text of each such element."""
        return [
            (given, self.texts.get(number, ""))
            for number, (name, given) in enumerate(self.tags)
            if name == tag and all(given.get(k.rstrip("_")) == v for k, v in attrs.items())
        ]

    @property
    def data(self):
        [(_, text)] = self.of("script", id="data")
        return json.loads(text)


def check(text):
    """What holds for every page."""
    read = Page(text)
    assert not read.wrong
    ids = [given["id"] for _, given in read.tags if "id" in given]
    assert len(set(ids)) == len(ids)
    for tag, given in read.tags:
        for name in ("aria-labelledby", "href"):
            if name in given:
                assert given[name].removeprefix("#") in ids, (tag, given)
        assert "src" not in given
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if tag == "svg":
            assert given.get("role") == "img" or given.get("aria-hidden") == "true"
            assert given.get("aria-hidden") or given["aria-labelledby"]
        if tag == "th":
            assert given["scope"] in ("col", "row", "rowgroup")
        if given.get("tabindex"):
            assert given.get("aria-label") or given.get("aria-labelledby")
    assert len(read.of("table")) == len(read.of("caption"))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        root = ET.fromstring(svg)
        assert root.get("aria-hidden") or root[0].tag.endswith("title")
        assert root.get("aria-hidden") or len(root[0].text) > 20
    # Nothing is loaded, and nothing but the page's own script may run.
    [(given, _)] = read.of("meta", **{"http-equiv": "Content-Security-Policy"})
    for tag in ("style", "script"):
        [told] = [text for given, text in read.of(tag) if "type" not in given]
        digest = base64.b64encode(sha256(told.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in given["content"]
    assert "default-src 'none'" in given["content"]
    [(_, style)] = read.of("style")
    assert not re.search(r"url\(|@import", style)
    assert len(text.encode()) < 3_000_000
    return read

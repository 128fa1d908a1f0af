"""What Sphinx is told; `make docs` gives it the pages that docs/making has gathered and written."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

import planesched

sys.path.insert(0, str(Path(__file__).parent / "making"))
from stubs import signature

project = "planesched"
author = "The planesched developers"
release = planesched.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"
html_title = "planesched"
html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = False

# Links between pages work here and where the repository is shown; one that leads nowhere warns.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
default_role = "py:obj"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False


def link_public_names(app: Sphinx, page: nodes.document) -> None:
    """Link a word of a docstring where it is a public name; Sphinx would guess at the others."""
    for link in list(page.findall(pending_xref)):
        target = link["reftarget"]
        if link.get("refdomain") != "py" or target.startswith("planesched."):
            continue
        if target.partition(".")[0] in planesched.__all__:
            link["reftarget"] = f"planesched.{target}"
        else:
            link.replace_self(link.children)


def typed(app: Sphinx, what: str, name: str, value: object, *rest: object) -> object:
    """Give a compiled name the signature of its stub."""
    return signature(value)


def setup(app: Sphinx) -> None:
    """Look at every page that was read, and at every signature."""
    app.connect("autodoc-process-signature", typed)
    app.connect("doctree-read", link_public_names)

"""The rules of one policy as a function of its own: C for the kernel, C, or Rust.

Nothing is stated twice: the text of the headers (step.h, pick.h) is folded with the policy's
numbers known, and what is left is written down. It needs a C compiler, which preprocesses them, and
pycparser (``pip install 'planesched[export]'``).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..checks import one_of, plane_count
from ..errors import Mistake
from ..files import replacing
from ..policy import Policy
from ..policytext import as_policy
from .proof import proof_text
from .shape import pick_shape, step_shape
from .texts import Asked, source_text

__all__ = ["STYLES", "Exported", "export"]

STYLES = {"kernel": ".c", "c": ".c", "rust": ".rs"}
"""Each style and the end of its files' names."""

_NAME = re.compile(r"[A-Za-z_]\w*\Z")


@dataclass(frozen=True)
class Exported:
    """A policy's function.

    Parameters
    ----------
    name : str
        What the function is called.
    style : str
        kernel, c or rust.
    text : str
        The file.
    proof : str
        A C program that compares the function with the headers' ``ps_step``.
    """

    name: str
    style: str
    text: str
    proof: str

    def __str__(self) -> str:
        return self.text

    @property
    def n_lines(self) -> int:
        """How many lines the file has."""
        return self.text.count("\n")

    def save(self, path: str | os.PathLike[str], *, proof: bool = False) -> list[Path]:
        """Write the file, and beside it the proof, NAME_proof.c.

        Returns
        -------
        list of Path
            What was written.
        """
        target = Path(path)
        with replacing(target) as out:
            out.write(self.text)
        if not proof:
            return [target]
        beside = target.with_name(f"{target.stem}_proof.c")
        with replacing(beside) as out:
            out.write(self.proof)
        return [target, beside]


def export(
    policy: "Policy | str | os.PathLike[str]",
    planes: int = 2,
    *,
    style: str = "c",
    name: str | None = None,
    whole_step: bool = False,
) -> Exported:
    """Return a policy's pick, or its whole step, as one self-contained file.

    Parameters
    ----------
    policy : Policy, str or path
        How the planes are scheduled.
    planes : int
        How many planes there are, 1..16.
    style : {"c", "kernel", "rust"}
        C of any program; of Linux's style and types; Rust without ``std``.
    name : str, optional
        What the function is called: ``POLICY_pick`` or ``POLICY_step``.
    whole_step : bool
        The transition with all its events, instead of the pick alone.

    Returns
    -------
    Exported
        ``str()`` of it is the file.

    Raises
    ------
    Mistake
        If a name is not known or is no name, or a C compiler or pycparser is missing.

    Examples
    --------
    >>> export("vsm", 3).n_lines < 60
    True
    """
    one_of("style", style, STYLES)
    chosen = as_policy(policy, plane_count(planes))
    if chosen.has_algorithm:
        raise Mistake("algorithm", chosen.algorithm, "rank: it is not written")
    words = "" if isinstance(policy, Policy) else os.fspath(policy)
    plain = re.sub(r"\W.*", "", Path(words).name) or "policy"
    title = name if name is not None else f"{plain}_{'step' if whole_step else 'pick'}"
    if not _NAME.match(title):
        raise Mistake("name", title, "letters, digits and underscores, as a function is called")
    asked = Asked(chosen, words, planes, style, title, whole_step)
    shape = (step_shape if whole_step else pick_shape)(chosen, planes, title)
    text = source_text(asked, shape)
    return Exported(title, style, text, proof_text(asked, shape, text))

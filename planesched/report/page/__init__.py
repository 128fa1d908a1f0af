"""One page that can be sent: an answer as one HTML file, which loads nothing.

It is plain SVG and two pages of script (page.css, page.js, timelines.js), and no library. Plotly's
plotly.min.js is 4.8 MB (in plotly 7.1.0), where a page may have 3; Altair puts Vega into a page by
another compiled package, vl-convert-python. Neither draws a ladder, a matrix that filters a
timeline, or anything at all without script. What Python draws here is read with script turned off,
printed and searched; the script only chooses baselines, prices and windows, and copies. Every
figure in it is one that the results have; nothing is computed twice.

The page forbids itself all loading and every other script (Content-Security-Policy), and every name
in it is escaped: a scenario's name may say what it likes. The same answer gives the same bytes.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checking.report import DiffReport, Matrix, Report
from ...checking.wakeup_report import KickReport
from ...errors import Mistake, TypeMistake, Words
from ...figures.result import Result
from ...figures.results import Results
from ...files import check_target, replacing
from ...live.ran import Ran
from ...simulation.swept import Sweep
from .checks import check_page_parts, diff_page_parts
from .frame import Panel, frame
from .lives import live_page_parts
from .results import answer_of, foot_of, result_panels
from .sweeps import sweep_page_parts
from .timelines import timeline_panel
from .wakeups import wakeups_page_parts

__all__ = ["check_page", "page", "write_page"]


def check_page(path: str | os.PathLike[str]) -> None:
    """Raise if a page cannot be written there, before the work that it shows is done.

    Raises
    ------
    Mistake
        If the name does not end with ``.html``.
    OSError
        If it cannot be written.
    """
    if Path(path).suffix != ".html":
        raise Mistake("report", Words(os.fspath(path)), "a name that ends with .html")
    check_target(path)


def write_page(path: str | os.PathLike[str], answer: Any, command: str = "", **given: Any) -> None:
    """Write a page, whole or not at all; takes and raises what `page` and `check_page` do."""
    check_page(path)
    text = page(answer, command, **given)
    with replacing(path) as file:
        file.write(text)


def page(
    answer: Any,
    command: str = "",
    *,
    title: str = "",
    sentence: str | None = None,
    logs: Mapping[str, NDArray[np.void]] | None = None,
    states: Mapping[str, NDArray[np.void]] | None = None,
    end_ns: int | None = None,
    told: Sequence[str] = (),
) -> str:
    """Return an answer as a page.

    Parameters
    ----------
    answer : Result, Results, or what `sweep`, `check`, `matrix`, `diff` and `live.run` give
    command : str
        What makes it again.
    title : str
        What stands above; the policies' names otherwise.
    sentence : str, optional
        The verdict, where there is a better one than the figures alone give.
    logs : mapping of str to ndarray of dtype OUTCOME, optional
        By label what was logged, for timelines; of a replay the results' own.
    states : mapping of str to ndarray of dtype STATE, optional
        By label the state before each of these, for explanations.
    end_ns : int, optional
        Until when all was logged; the end of the results otherwise.
    told : sequence of str
        What else the answer rests on, in words.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    TypeMistake
        If `answer` is none of these.
    """
    if isinstance(answer, Result):
        answer = Results([answer], answer.partial)
    if isinstance(answer, Results):
        return _of_results(answer, command, title, sentence, logs, states, end_ns, told)
    if isinstance(answer, Report | Matrix):
        head, panels = check_page_parts(answer, command, title)
        return frame(title or "Which properties hold", head, panels, {})
    if isinstance(answer, DiffReport):
        head, panels = diff_page_parts(answer, command)
        return frame(title or " and ".join(answer.labels), head, panels, {})
    if isinstance(answer, KickReport):
        head, panels = wakeups_page_parts(answer, command)
        return frame(title or "Are wake-ups lost?", head, panels, {})
    if isinstance(answer, Sweep):
        head, panels = sweep_page_parts(answer, command)
        return frame(title or "A sweep", head, panels, {})
    if isinstance(answer, Ran):
        head, panels, data = live_page_parts(answer, command, logs, end_ns)
        return frame(title or f"{answer.live.label}, live", head, panels, data)
    raise TypeMistake("answer", answer, "a result, a sweep or the report of a search")


def _of_results(
    results: Results,
    command: str,
    title: str,
    sentence: str | None,
    logs: Mapping[str, NDArray[np.void]] | None,
    states: Mapping[str, NDArray[np.void]] | None,
    end_ns: int | None,
    told: Sequence[str],
) -> str:
    panels, data = result_panels(results)
    lanes = _lanes(results, logs, states, end_ns)
    if lanes is not None:
        panels += lanes[0]
        data["timeline"] = lanes[1]
    panels.append(foot_of(results, told))
    named = title or f"{', '.join(results.labels)}"
    return frame(named, answer_of(results, command, sentence), panels, data)


def _lanes(
    results: Results,
    logs: Mapping[str, NDArray[np.void]] | None,
    states: Mapping[str, NDArray[np.void]] | None,
    end_ns: int | None,
) -> tuple[list[Panel], dict[str, Any]] | None:
    ends = [result.start_ns + result.elapsed_ns for result in results]
    if logs is None:
        logs = {result.label: result.log for result in results if result.log is not None}
        known = {result.label: result.states for result in results if result.states is not None}
        states = known if states is None else states
    last = min(ends) if end_ns is None else end_ns
    return timeline_panel(list(results), logs, last, states)

"""The panels of a live run: what happened beside what was predicted, and where it ran."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...figures.cite import CITED
from ...figures.notes import warnings
from ...figures.results import Results
from ...figures.written import written_by
from ...live.ran import Ran
from ...text import fill
from .frame import Panel
from .markup import Html, el, join, table
from .results import beside, foot_of, result_panels
from .timelines import timeline_panel

__all__ = ["live_page_parts"]

PREDICTED, MEASURED = "predicted", "measured"


def live_page_parts(
    ran: Ran, command: str, logs: Mapping[str, NDArray[np.void]] | None, end_ns: int | None
) -> tuple[Html, list[Panel], dict[str, Any]]:
    """Return the answer, the panels and what the script needs of a live run.

    `logs` are by the label of the live result, as for results.
    """
    both = Results(
        [replace(ran.simulated, label=PREDICTED), replace(ran.live, label=MEASURED)], ran.partial
    )
    panels, data = result_panels(both)
    log = (logs or {}).get(ran.live.label)
    if log is not None:
        last = ran.live.start_ns + ran.live.elapsed_ns
        lanes = timeline_panel(list(both), {MEASURED: log}, last if end_ns is None else end_ns)
        if lanes is not None:
            panels += lanes[0]
            data["timeline"] = lanes[1]
    facts = list(ran.host.facts().items())
    shown = table("The host", ["what", "found"], facts, class_="facts")
    panels.append(Panel("host", "Where it ran", "", shown))
    panels.append(foot_of(both, [f"threads of vCPUs run {ran.urgency}"]))
    warned = [f"{each.label}: {note}" for each in both for note in warnings(each)]
    said = [
        el("ul", (el("li", each) for each in warned), class_="warnings") if warned else None,
        el("p", f"{ran.said}.", class_="verdict"),
        el("p", "Predicted: the simulation of the same scenario with the costs of this host, and "
           "of the same arrivals. Measured: response is to the guest's report of the vector; "
           "switches and exits count as the time of the plane that was picked.", class_="hint"),
    ]  # fmt: skip
    foot = [f"planesched {written_by()['version']}", *fill(command, CITED, hang=2)]
    head = beside(join(said), "\n".join([ran.text(CITED), "", *foot]))
    return head, [_responses(ran), *panels], data


def _responses(ran: Ran) -> Panel:
    rows = ran.responses()
    header = ["response", "", "predicted", "measured, with 95 % confidence", "factor"]
    hint = "From an interrupt's arrival to the guest's report of its vector."
    found = table("Response, predicted and measured", header, rows)
    return Panel("responses", "Predicted and measured", hint, found)

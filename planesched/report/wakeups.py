"""Interleavings of posting, kick and look as timelines."""

import os

from ..checking.wakeup_report import KickReport
from .tracks import Mark, check_timeline, tracks

__all__ = ["write_wakeups"]

_ACT_NS = 1_000  # acts have no length of their own


def write_wakeups(path: str | os.PathLike[str], report: KickReport) -> None:
    """Write a shortest way to each broken property: the vCPU on track 0, senders on those after it.

    Each act is a slice under its own name, as long as every other, with the phase, the plane and
    the flags after it.

    Parameters
    ----------
    path : str or path-like
        Ends with ``.json``, ``.json.gz`` or ``.pftrace``; written whole or not at all.
    report : KickReport
        What was found.

    Raises
    ------
    ValueError
        If the name ends otherwise, or a package is missing.
    OSError
        If the file cannot be written.
    """
    check_timeline(path)
    with tracks(path) as writer:
        for number, name in enumerate(report.broken, 1):
            shortest = report.verdicts[name].shortest
            assert shortest is not None, "what is broken has a shortest way there"
            writer.group(number, name, range(len(report.sends) + 1))
            acts = zip(shortest.rows, shortest.acts, strict=True)
            for at, (row, act) in enumerate(acts):
                track = 1 + int(act.split()[1]) if row.sender else 0
                after = (("phase", row.phase), ("runs", row.runs), ("flags", row.layer))
                writer.write(track, at * _ACT_NS, _ACT_NS, Mark(row.sender or row.vcpu, after))

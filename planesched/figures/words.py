"""What the figures of a table mean, each in a sentence."""

__all__ = ["FIGURES"]

FIGURES = {
    "response": "from an interrupt's arrival to the first instruction of the plane that takes it: "
    "the latency, and the switch and exit that brought the plane in; of interrupts that coalesced, "
    "from the first's arrival, once",
    "latency": "from an interrupt's arrival to its injection, before what the switch for it takes; "
    "of interrupts that coalesced, from the first's arrival, once",
    "sojourn": "from a job's arrival to the end of its service",
    "p99": "99 of 100 took at most this long. Quantiles come of histograms with 64 buckets an "
    "octave, so they are right to 0.8 %; counts, means and extremes are exact",
    "undone": "jobs that had arrived and were not finished at the end (in other tables: left)",
    "starved": "of the jobs that came for the plane none was finished, or more than 5 % and at "
    "least 10 were not: no time of it is shown, for the few that were done say nothing",
    "switches": "changes of the plane that a vCPU runs",
    "exits": "times that a vCPU left for userspace to choose a plane",
    "idle_entries": "switches into a plane by an interrupt, a relay, a force or userspace, when it "
    "neither ran before nor was called and took nothing",
}
"""By what a table's head calls it; docs/reference/simulation.md has the same."""

"""What is known of one vCPU while its jobs are made: busy or not, and who brings the work."""

from enum import Enum

__all__ = ["VCPU", "Job", "State"]


class State(Enum):
    """UNSEEN: no line of its own thread yet. WOKEN: woken, but not yet in the guest."""

    UNSEEN = 0
    HALTED = 1
    WOKEN = 2
    BUSY = 3


class Job:
    """A job whose service time may still grow; dead ones only hold a place."""

    __slots__ = ("live", "plane", "service", "source", "time", "vcpu")

    def __init__(self, time: int, service: int, vcpu: int, source: int, plane: int) -> None:
        self.time = time
        self.service = service
        self.vcpu = vcpu
        self.source = source
        self.plane = plane
        self.live = True

    def row(self) -> tuple[int, int, int, int, int, int]:
        """Give the fields of `planesched.JOB`."""
        return self.time, self.service, self.vcpu, self.source, self.plane, 0


class VCPU:
    """One vCPU: whether it is busy, since when, and which job brings the work."""

    __slots__ = (
        "begin",
        "carrier",
        "first",
        "id",
        "left",
        "pending",
        "seen",
        "state",
        "table",
        "wake",
    )

    def __init__(self, vcpu: int, table: list[int]) -> None:
        self.id = vcpu
        self.table = table
        self.state = State.UNSEEN
        self.begin = 0
        self.carrier: Job | None = None
        self.wake: Job | None = None
        # By vector, the arrivals that are not yet injected.
        self.pending: dict[int, Job] = {}
        # The vectors that came.
        self.seen: set[int] = set()
        # Who may have ended the halt: the first arrival since it began, the oldest that was left.
        self.first: Job | None = None
        self.left: Job | None = None

    def rest(self, until: int) -> None:
        """Begin a halt; jobs before `until` have been given out already."""
        held = (job for job in self.pending.values() if job.time >= until)
        self.first, self.left = None, next(held, None)

    def holds(self) -> int | None:
        """Give the time of the oldest job whose service is not known yet."""
        open_jobs = (self.carrier, self.first, self.left, self.wake)
        return min((job.time for job in open_jobs if job is not None), default=None)

"""Traces of a real KVM, made now and replayed: by tracefs, trace-cmd and perf. Run by ``.ci/run``.

A small guest of our own runs on /dev/kvm. tracefs is mounted if it was not, and unmounted again;
tracefs and trace-cmd record in an instance of their own, so that no setting of the host is touched.
Where the machine cannot do that, what was not run is named, and why.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from planesched import replay, traces
from planesched.traces.survey import survey

TRACEFS = Path("/sys/kernel/tracing")
INSTANCE = f"planesched-{os.getpid()}"
EVENTS = (
    "kvm_apic_accept_irq", "kvm_apicv_accept_irq", "kvm_inj_virq", "kvm_entry", "kvm_exit",
    "kvm_eoi", "kvm_vcpu_wakeup",
)  # fmt: skip
GUEST = (sys.executable, str(Path(__file__).with_name("small_guest.py")), "0.5")


class NotHereError(Exception):
    """Why something cannot be done on this machine."""


@contextlib.contextmanager
def mounted() -> Iterator[None]:
    """Mount tracefs for a time, unless it is."""
    if (TRACEFS / "events").is_dir():
        yield
        return
    done = subprocess.run(
        ["mount", "-t", "tracefs", "nodev", TRACEFS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotHereError(f"tracefs cannot be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", TRACEFS], check=True)


def run_guest() -> int:
    """Run the guest; give how many interrupts it took."""
    return int(subprocess.run(GUEST, check=True, capture_output=True, text=True).stdout)


@contextlib.contextmanager
def instance() -> Iterator[Path]:
    """Trace in an instance for a time."""
    folder = TRACEFS / "instances" / INSTANCE
    folder.mkdir()
    try:
        (folder / "trace_clock").write_text("mono")
        for name in EVENTS:
            (folder / "events" / "kvm" / name / "enable").write_text("1")
        yield folder
    finally:
        # trace-cmd extract takes it away itself.
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()


def by_tracefs(to: Path) -> int:
    """Record in an instance by its files."""
    with instance() as folder:
        taken = run_guest()
        (folder / "tracing_on").write_text("0")
        to.write_text((folder / "trace").read_text())
    return taken


def by_trace_cmd(to: Path) -> int:
    """Record in an instance, and let trace-cmd make a trace.dat file of it."""
    with instance() as folder:
        taken = run_guest()
        (folder / "tracing_on").write_text("0")
        run_tool(["trace-cmd", "extract", "-B", INSTANCE, "-o", str(to)])
    return taken


def by_perf(to: Path) -> int:
    """Record by perf, into a perf.data file."""
    chosen = [word for name in EVENTS for word in ("-e", f"kvm:{name}")]
    return int(run_tool(["perf", "record", "-q", "-a", "-o", str(to), *chosen, "--", *GUEST]))


def run_tool(command: list[str]) -> str:
    """Run a tool; give what it prints."""
    if shutil.which(command[0]) is None:
        raise NotHereError(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHereError(f"{command[0]} does not record: {done.stderr.strip()}")
    return done.stdout


def check(path: Path, taken: int) -> None:
    """Replay what was recorded; every interrupt that KVM took must be in it."""
    found = survey(traces.read(path))
    (vector,) = found.vectors
    assert (vector.vector, vector.accepted + vector.posted) == (0x40, taken), found
    assert (found.vcpus, found.lost, found.bad) == (1, 0, 0), found
    # Its own vCPU's thread tells of each wake-up, whatever else this KVM prints.
    assert 0 < found.wakeups <= taken + 1, found
    (result,) = replay(path, "vsm", plane_map=["0x40=level1"])
    assert result.trace.arrivals == taken == int(result.jobs.arrived[1]), result.trace
    print(f"{path.name}: {found.producer}, {taken} interrupts", *found.evidence.notes, sep="; ")


def main() -> int:
    """Record in each way, and check."""
    ways = {"live.txt": by_tracefs, "live.dat": by_trace_cmd, "live.data": by_perf}
    try:
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise NotHereError("there is no /dev/kvm")
        with mounted(), tempfile.TemporaryDirectory() as folder:
            for name, record in ways.items():
                path = Path(folder) / name
                try:
                    taken = record(path)
                except NotHereError as reason:
                    print(f"live capture by {record.__name__[3:]} not run: {reason}")
                else:
                    check(path, taken)
    except NotHereError as reason:
        print(f"live capture not run: {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

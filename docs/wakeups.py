"""Makes how-to/wakeups.md, on wake-ups lost between posting and look: python docs/wakeups.py."""

from dataclasses import dataclass
from pathlib import Path

from planesched import Policy, presets
from planesched.checking.kick import KICK_PROPERTIES, KickReport, check_wakeups
from planesched.protocol import PROTOCOL_FIELDS
from planesched.protocols import protocols

SHORT = {"lost_asleep": "a", "lost_running": "r", "owed": "o", "loop": "l", "twice": "t"}


@dataclass(frozen=True)
class Bug:
    """A public bug: who told of it, the field that brings it and the one that cures it."""

    title: str
    story: str
    source: str
    policy: str
    protocol: str
    sends: str
    broken: str
    cure: str
    planes: int = 2
    senders: str = "repeat"

    @property
    def words(self) -> str:
        """The command that shows it."""
        planes = f" --planes {self.planes}" if self.planes != 2 else ""
        once = " --senders once" if self.senders == "once" else ""
        return (
            f'planesched check {self.policy}{planes} --protocol "{self.protocol}" '
            f'--sends "{self.sends}"{once} --property {self.broken}'
        )

    def check(self, protocol: str) -> KickReport:
        """Search under a protocol."""
        return check_wakeups(
            self.policy,
            self.planes,
            protocol=protocol,
            sends=self.sends,
            senders=self.senders,
            properties=[self.broken],
        )


BUGS = (
    Bug(
        "The bookkeeping hits the plane that runs",
        "The look made for VTL2's message opens the latch of the VTL that runs instead of VTL2's "
        "own: VTL2's next message is suppressed.",
        "openvmm PR 3746, 1519e81ad, 2026-06-17 (virt_whp)",
        "whp", "suppress=current", "irq 2", "lost_running", "suppress=latch", 3,
    ),
    Bug(
        "The kick is seen before the bit that it announces",
        "The sender kicks, the vCPU looks and finds nothing, then the bit is set; and as only the "
        "first posting kicks, nobody looks again.",
        "openvmm PR 3945, 5f02833a4, 2026-07-15 (virt_whp)",
        "whp", "order=kick_first,when=first", "irq 2", "lost_running",
        "order=post_first,when=first", 3,
    ),
    Bug(
        "One flag for two VTLs",
        "The look on behalf of one VTL eats the kick of the other.",
        "openvmm PR 3829, ad07b3bef, 2026-06-29 (virt_whp)",
        "whp", "scope=shared", "irq 0", "lost_running", "scope=plane", 3,
    ),
    Bug(
        "The doorbell is not restored",
        "Save and restore bring back the pending messages, but not their doorbell.",
        "openvmm PR 3819, a6ded7c1b, 2026-06-26 (virt_whp, save and restore)",
        "whp", "restore=lost", "irq 0", "lost_running", "restore=kept", 3,
    ),
    Bug(
        "The doorbell is consumed after the look",
        "VMPL0 looks at the guest's APIC and clears the doorbell afterwards: what was posted "
        "between has been announced and is not looked at, and the latch keeps further signals off.",
        "coconut-svsm/svsm PR 393, e7d3fb9f, 2024-06-21",
        "snp", "looker=0,suppress=latch,consume=after", "irq 1, irq 1", "lost_running",
        "looker=0,suppress=latch",
    ),
    Bug(
        "Idle, and the work that comes before HLT",
        "The idle task decides to halt, the interrupt that makes work comes and is handled, and "
        "HLT follows all the same.",
        "coconut-svsm/svsm f9b1121a, 2025-11-26",
        "snp", "looker=0,recheck_sleep=no", "irq 1", "lost_asleep", "looker=0",
    ),
    Bug(
        "STI does not hold back #HV",
        "Under restricted injection the test of the doorbell before HLT is an act of its own: the "
        "doorbell rings between, and the host does not end HLT for one that rang already.",
        "coconut-svsm/svsm bd193cfb, 2025-12-02",
        "snp", "looker=0,suppress=latch,recheck_sleep=early", "irq 1", "lost_asleep",
        "looker=0,suppress=latch",
    ),
    Bug(
        "An NMI that wakes nobody",
        "The virtual NMI is written where the host cannot read it, and a halted VP sleeps on.",
        "openvmm PR 3511, 5779bf082, 2026-05-21 (OpenHCL on SNP)",
        "openhcl", "signal=exit", "nmi 0", "lost_asleep", "signal=both",
    ),
    Bug(
        "The window before the run",
        "The message comes after the last look and before the blocking run: its wake is used up.",
        "openvmm PRs 4033 and 3917 (threads), 3392 b884b7878 (virt_whp, mshv)",
        "whp", "when=first,recheck_entry=no", "irq 0", "lost_running", "when=first", 3,
    ),
    Bug(
        "Halted with an interrupt that could be delivered",
        "The VP stays halted though its offloaded APIC has one; a poll was the stopgap.",
        "openvmm PR 4133, 953b50bb5, reverted by 4166, 2026-08 (Hyper-V under WHP)",
        "whp", "signal=exit", "irq 0", "lost_asleep", "signal=exit,poll=asleep", 3,
    ),
)  # fmt: skip

INEXPRESSIBLE = """\
- what a guest's handler leaves for its idle loop to do: the interrupt is taken and gone, the work
  behind it is not state (the first half of coconut-svsm f9b1121a);
- a message queue behind an interrupt, longer than one (openvmm PR 3746 queues messages for a SINT);
- timers that count only while their plane runs, and time at all: a poll comes when it comes;
- two copies of one flag, in the kernel and in userspace, of which one is stale (OHCL-Linux-Kernel
  PRs 150 and 157);
- a sender that is itself a plane of another vCPU and stops in the middle of its send: senders here
  may send whenever they like, which allows a little more than can happen."""


def section(number: int, bug: Bug) -> str:
    """Run one bug and tell of it."""
    sick, well = bug.check(bug.protocol), bug.check(bug.cure)
    if sick.status != 1 or well.status != 0:
        raise ValueError(f"{bug.title}: {sick.status} with the bug, {well.status} cured")
    return f"""### {number}. {bug.title}

{bug.story}

Source: {bug.source}. Brought by `{bug.protocol}`; under `{bug.cure}` it holds.

```console
$ {bug.words}
{sick.verdicts[bug.broken]}
```
"""


def changes() -> list[tuple[str, str]]:
    """List every single change of a field, with what it is called."""
    rows = [
        (f"{field.name}={value}", f"{field.name}={value}")
        for field in PROTOCOL_FIELDS.values()
        for value in field.values[1:]
    ]
    return [("looker=FIRST", "looker: the most privileged plane"), *rows]


def first_plane(name: str) -> int:
    """Return the most privileged of two planes."""
    policy = Policy.preset(name, planes=2)
    if policy.marker is not None:
        return policy.marker
    return int(policy.direction.name == "highest_first")


def cell(name: str, change: str) -> str:
    """Say what a change breaks under a preset."""
    report = check_wakeups(
        name,
        2,
        protocol=change.replace("FIRST", str(first_plane(name))),
        sends="irq 0, irq 1",
    )
    return "".join(SHORT[broken] for broken in report.broken) or "-"


def table() -> str:
    """Return what each single change breaks under each preset."""
    names = list(presets())
    lines = [
        "| changed | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for change, label in changes():
        cells = [cell(name, change) for name in names]
        lines.append(f"| `{label}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def known() -> str:
    """List the protocols of known systems."""
    return "\n".join(
        f"- `{each.name}` (`{each.protocol}`): {each.source}. Not known: {each.unknown}."
        for each in protocols().values()
    )


PAGE = """# Is my wake-up safe?

Made by `python docs/wakeups.py`; a test keeps it true. The rules of the acts are in
[kick](../reference/kick.md).

Somebody sets a pending bit, somebody kicks, somebody looks; between the last look and the entry (or
the sleep) there is a window, and most hangs of the last years were in it. Ten minutes take you from
your own kick path to an answer:

1. **Who looks?** The vCPU's thread: nothing to say. A plane that emulates the interrupt controllers
   of those below it: `looker=P`.
2. **Read your sender.** Is the bit set before the kick (`order`)? Does every posting kick (`when`)?
   Whose flag does it raise (`book`), is there one for each plane (`scope`), can a kick be dropped
   (`suppress`), and what does it reach: a running guest, a sleeper (`signal`)?
3. **Read your look.** Are the flags cleared before what they announce is read, or after
   (`consume`)? Are they tested again in one act with the entry, and with the sleep
   (`recheck_entry`, `recheck_sleep`)? Do they survive a save and restore (`restore`)?
4. **Ask.** `planesched check POLICY --protocol FIELD=VALUE,... --sends "irq 1, irq 0" --cure`
   searches every interleaving and prints a shortest one that loses something, says whether a
   further send heals it, and which single field cures it. vCPUs share nothing but senders, so
   searching one alone is exact unless planes of other vCPUs send.

`planesched.checking.kick.check_wakeups` is the same from Python.

## What is looked for

{properties}

## Protocols of known systems

{protocols}

## Ten public bugs

{bugs}
## What cannot be said

{inexpressible}

## What each single change breaks

Two planes, interrupts for both again and again, guests halt, call, return, cli and sti; {letters}.
The values that are called harmless in [kick](../reference/kick.md) break nothing that is
lost. The search behind each cell is complete.

{table}
"""


def page() -> str:
    """Return the whole page."""
    return PAGE.format(
        properties="\n".join(f"- `{name}`: {text}" for name, text in KICK_PROPERTIES.items()),
        protocols=known(),
        bugs="\n".join(section(number, bug) for number, bug in enumerate(BUGS, 1)),
        inexpressible=INEXPRESSIBLE,
        letters=", ".join(f"{letter} = `{name}`" for name, letter in SHORT.items()),
        table=table(),
    )


if __name__ == "__main__":
    (Path(__file__).parent / "how-to" / "wakeups.md").write_text(page(), encoding="utf-8")

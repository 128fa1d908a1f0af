"""Makes why/gallery.md, the gallery of hazards, by running the checker: python docs/gallery.py.

Longer than 300 lines because it is one list.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planesched import Policy
from planesched.checking import Verdict, check, diff


@dataclass(frozen=True)
class Hazard:
    """A hazard: the policy and field that bring it, the field that cures it, and who told of it."""

    title: str
    story: str
    source: str
    preset: str
    property: str
    events: str
    cure: dict[str, Any]
    brings: dict[str, Any] = field(default_factory=dict)
    planes: int = 2
    vcpus: int = 1
    cure_events: str = ""
    vectors: str | None = None
    tpr: bool = False
    controller: str | None = None
    cure_controller: str = ""

    def run(self) -> tuple[Verdict, Verdict]:
        """Give the verdict with the hazard, and with the cure."""
        policy = Policy.preset(self.preset, self.planes).replace(**self.brings)
        sick = self._check(policy, self.events, self.controller)
        events, controller = self.cure_events or self.events, self.cure_controller
        well = self._check(policy.replace(**self.cure), events, controller or self.controller)
        return sick, well

    def _check(self, policy: Policy, events: str, controller: str | None) -> Verdict:
        report = check(
            policy, self.planes, self.vcpus, events=events, properties=self.property, threads=1,
            vectors=self.vectors, tpr=self.tpr, controller=controller,
        )  # fmt: skip
        return report.verdicts[self.property]


HAZARDS = (
    Hazard(
        "The stranded interrupt",
        "Plane 1 has disabled its interrupts, sends itself one, and returns. The one attempt that "
        "the posting was good for is used up, nothing arms it again, and plane 0 runs on while the "
        "interrupt waits in plane 1's IRR: the Windows VSM hibernate deadlock in miniature.",
        "D. Woodhouse, KVM VSM on planes, 2026: the re-arm on suspension and its selftest",
        "kvm_vsm",
        "delivery",
        "irq, return, cli, sti",
        {"rearm": True},
        {"rearm": False},
    ),
    Hazard(
        "Return with interrupts disabled",
        "The cure above has a price. A plane that returns with its own unmasked interrupt pending "
        "and its interrupts disabled is called back at once: the return never gets through, and "
        "the lower plane makes no progress until the upper one enables its interrupts.",
        "Hyper-V TLFS, VTL Return: pending interrupts are evaluated anew, whatever RFLAGS.IF",
        "vsm",
        "progress",
        "irq, call, return, cli, sti",
        {"trigger": "edge", "rearm": False},
    ),
    Hazard(
        "The same livelock from below, and the abort that ends it",
        "Plane 0 calls plane 1 while its own interrupt is pending and its interrupts are disabled: "
        "plane 0 preempts before plane 1 executes, and calls again. An SVSM that aborts the switch "
        "while an event is pending sees it and can do something about it.",
        "coconut-svsm/svsm, cpu/ghcb.rs: a switch is cancelled while a #HV is pending",
        "kvm_planes",
        "progress",
        "irq, call, return, cli, sti",
        {"refuse_pending": True},
    ),
    Hazard(
        "The lost wake-up",
        "Plane 2 halts and the vCPU blocks on it. Waking looks only at the plane that is blocked, "
        "so an interrupt for plane 0 wakes nobody. The cure here is one for plane 0's alone: what "
        "comes for plane 1 then still wakes nobody ([Find a bug](../tutorial/find-a-bug.md)).",
        "KVM planes v1 (J. Roedel, 2026-06-08): kvm_vcpu_has_events looks at one plane; the 6.17 "
        'branch had "Always block on plane 0"',
        "kvm_planes",
        "wakeup",
        "irq 0, halt, call, return",
        {"wake": "preemptors"},
        planes=3,
    ),
    Hazard(
        "A halted plane 0 starves plane 2",
        "An interrupt brings plane 0 in, it handles it and halts. It stays the lowest runnable "
        "plane for ever, so the vCPU blocks although plane 2 has work to do.",
        "KVM planes v1, patch 35: the state of a plane does not depend on its mp_state",
        "kvm_planes",
        "work_conserving",
        "irq 0, halt, call, return",
        {"idle": "fall_through"},
        planes=3,
    ),
    Hazard(
        "Nearest against highest",
        "Planes 1 and 2 both have an interrupt pending when plane 2 returns. The nearest higher "
        "plane is plane 1, and it runs although plane 2 outranks it.",
        "D. Woodhouse, KVM VSM on planes, 2026: kvm_higher_plane_with_event; against Hyper-V TLFS, "
        "VTL Interrupt Management: the highest VTL takes precedence",
        "kvm_vsm",
        "priority",
        "irq, return, cli, sti",
        {"preempt": "target"},
        planes=3,
    ),
    Hazard(
        "Only plane 0 preempts",
        "An interrupt for plane 1 while plane 2 runs waits until plane 2 gives the vCPU up of "
        "itself: only plane 0's events are looked at.",
        "KVM planes v1, patch 52: kvm_check_plane0_events",
        "kvm_planes",
        "priority",
        "irq, call, return",
        {"preempt": "target"},
        planes=3,
    ),
    Hazard(
        "A halted upper plane keeps the vCPU",
        "Plane 1 halts without returning. It keeps the vCPU, and an interrupt that plane 0 could "
        "take wakes nobody.",
        "microsoft/openvmm, hardware_cvm/mod.rs: halting VTL 1 might halt the guest; the TLFS says "
        "nothing about it",
        "vsm",
        "wakeup",
        "irq, call, return, safe_halt",
        {"idle": "fall_through"},
    ),
    Hazard(
        "An entry that the priority mask should have held back",
        "Plane 1 has masked its interrupt by priority (TPR/CR8) and returns. Where the mask does "
        "not hold back the entry, plane 1 is called back at once, for an interrupt that it cannot "
        "take.",
        "microsoft/openvmm, virt_whp/src/vp.rs; against Hyper-V TLFS, VTL Interrupt Management: "
        "the interrupt is held as pending and the VTL does not switch",
        "whp",
        "progress",
        "irq, call, return, mask, unmask",
        {"gate": "priority"},
    ),
    Hazard(
        "Userspace picks what the hardware cannot do",
        "With scheduling left to userspace, userspace may enter a plane that no guest has asked "
        "for. A TDX host can force L1 and nothing else.",
        "KVM planes v1 thread, June 2026 (J. Roedel): all they allow is a forced switch to the "
        "highest privileged plane",
        "tdx",
        "feasible",
        "irq, call, halt, enter",
        {"scheduler": "kernel"},
        {"scheduler": "user"},
        planes=3,
    ),
    Hazard(
        "A TLB lock whose holder sleeps",
        "Plane 1 of one vCPU takes the lock and halts; plane 0 of the other flushes and waits for "
        "a return that does not come. No field cures it: it is the guest that must not sleep with "
        "the lock, which is what the second search (without halt) confirms.",
        "Hyper-V TLFS, VsmVpSecureConfig: TlbLocked; Wipper on KVM planes: the guest is "
        "responsible for avoiding circular dependencies between suspended vCPUs",
        "vsm",
        "delivery",
        "call, return, halt, tlb_lock, tlb_flush",
        {},
        vcpus=2,
        cure_events="call, return, tlb_lock, tlb_flush",
    ),
    Hazard(
        "Two vCPUs that wait for each other",
        "What if planes that hand over had Hyper-V's lock? Plane 0 takes it on both vCPUs and "
        "hands over to plane 1, which does not let it go. Plane 1 flushes on both, and each waits "
        "for the plane 0 of the other. Where a plane can leave only by its return, which lets its "
        "locks go, there is no such circle.",
        "Hyper-V TLFS, VsmVpSecureConfig: the locks go with the return to a lower VTL; Wipper on "
        "KVM planes: the guest is responsible for avoiding circular dependencies between suspended "
        "vCPUs",
        "kvm_planes",
        "delivery",
        "call, return, tlb_lock, tlb_unlock, tlb_flush",
        {"call": "next", "ret": "next_online"},
        vcpus=2,
    ),
    Hazard(
        "A halt that nothing ends",
        "VTL0 halts with its interrupts shut off, an interrupt comes, and only a notification is "
        "armed: the VP is never run again, so that it never fires. The shipped code ends the halt.",
        "openvmm PR 3881, b31bde38c, 2026-07-06 (virt_whp)",
        "whp",
        "delivery",
        "idle",
        {"unhalt": "any"},
        {"unhalt": "injectable", "halt_scope": "plane"},
    ),
    Hazard(
        "Events between preparing a guest's state and entering it",
        "The SVSM hands over with an event of its own pending, and is called back before the guest "
        "executes.",
        "coconut-svsm/svsm PR 492, cc8b8b5e, 2024-10-22",
        "snp",
        "progress",
        "calls",
        {"refuse_pending": True},
        {"refuse_pending": False},
    ),
    Hazard(
        "The timer of plane 0 does not preempt",
        "VMPL0's timer fires while the guest runs at VMPL2, and VMPL0 is not entered.",
        "coconut-svsm/svsm PR 491, 2024-10-22",
        "snp",
        "priority",
        "behaved",
        {"preempt": "marker"},
        {"preempt": "none"},
    ),
    Hazard(
        "A host that cannot have P0",
        "The host injects an SEA for P0 while Pn runs, and Pn is not left.",
        "TF-RMM 59917065, 2025-08-06, and d06c3d7f, 2025-11-07",
        "cca",
        "forced",
        "host",
        {"force": "marker"},
        {"force": "none"},
    ),
    Hazard(
        "A trapped access that P0 does not see",
        "An access of Pn traps, and goes out to the host instead of running P0.",
        "TF-RMM 59895842, 2025-09-30",
        "cca",
        "priority",
        "deliveries",
        {"preempt": "marker"},
        {"preempt": "none"},
    ),
    Hazard(
        "WFI that waits for an interrupt that could be taken",
        "Linux idles with its interrupts shut off: on Arm an interrupt ends WFI whatever PSTATE.I.",
        "ARM-software/cca-rmm-acs eb41dc9, 2024-12-17; Arm's WFI pseudocode: InterruptPending()",
        "cca",
        "delivery",
        "idle",
        {"unhalt": "deliverable"},
        {"unhalt": "injectable"},
    ),
    Hazard(
        "A busy guest plane, and nobody who runs instead",
        "The guest's VMSA is left busy by an exit during delivery. A host that then fails instead "
        "of running VMPL0 leaves the vCPU in userspace.",
        "svsm-devel 2025-April/000537 (M. Wang, J. Lange), 2025-04-15",
        "snp",
        "delivery",
        "host",
        {"empty": "marker"},
        {"empty": "user"},
        planes=3,
    ),
    Hazard(
        "A vector behind the higher VTL's TPR",
        "VTL1 raises its TPR, a vector comes that it masks, and VTL1 returns. The one attempt that "
        "the posting was good for is void; nothing that VTL0 does tries again, and VTL1 alone "
        "could lower its TPR. The vector stands in IRR while VTL0 runs on. Where a masked vector "
        "may force an entry, as virt_whp has it, VTL1 is let in, for nothing until it lowers TPR.",
        "D. Woodhouse, KVM VSM on planes, 2026: a forced entry is one attempt per posting, and "
        "nothing would re-arm it for a TPR-masked vector "
        "([systems.md](../reference/systems.md), 9 and 10)",
        "kvm_vsm",
        "delivery",
        "irq 1, return, eoi",
        {"gate": "open"},
        vectors="0x31",
        tpr=True,
        controller="lapic:auto_eoi=0x31",
    ),
    Hazard(
        "Called back for a vector that cannot be taken",
        "By the letter of the TLFS only TPR masks. VTL1 serves a vector, the same comes again, and "
        "VTL1 wants to return before its EOI: it is called back at once, and may take nothing. "
        "Where PPR masks, what is in service holds the next of its class off, and the return gets "
        "through.",
        "Hyper-V TLFS, VTL Interrupt Management, against OpenVMM, KVM and the TDX module "
        "([systems.md](../reference/systems.md), U3)",
        "vsm",
        "progress",
        "irq, return",
        {},
        vectors="0x31",
        controller="lapic:mask_by=tpr",
        cure_controller="lapic",
    ),
)


@dataclass(frozen=True)
class Disagreement:
    """Two controllers under one policy, and a shortest way to where they do different things."""

    title: str
    story: str
    source: str
    preset: str
    events: str
    vectors: str
    controllers: tuple[str, str]

    def text(self, number: int) -> str:
        """Search, and tell of it."""
        report = diff(
            self.preset, self.preset, events=self.events, vectors=self.vectors, threads=1,
            controller=self.controllers, labels=self.controllers,
        )  # fmt: skip
        if report.same is not False:
            raise ValueError(f"{self.title}: no difference")
        words = [f"planesched diff {self.preset} --vectors {self.vectors}"]
        words += [f'--events "{self.events}"', *(f"--controller {c}" for c in self.controllers)]
        lines = report.text.splitlines()
        seen = next(i for i, line in enumerate(lines) if " transitions, depth" in line)
        steps = next(i for i, line in enumerate(lines) if line.startswith("  step  "))
        shown = "\n".join(line.rstrip() for line in [*lines[:seen], *lines[steps:]])
        return f"""## {number}. {self.title}

{self.story}

Source: {self.source}.

```console
$ {" ".join(words)}
{shown}
```
"""


DISAGREEMENTS = (
    Disagreement(
        "Masked by TPR, or by PPR",
        "What the two answers to U3 would change for guests: VTL1 serves a vector and has "
        "returned, another of its class comes. By PPR it waits, VTL0 runs; by TPR VTL1 is entered, "
        "and takes nothing.",
        "[systems.md](../reference/systems.md), U3: TLFS TPR/CR8, OpenVMM and TDX PPR",
        "openhcl",
        "irq, return",
        "0x31",
        ("lapic", "lapic:mask_by=tpr"),
    ),
)


def text(values: dict[str, Any]) -> str:
    """Write policy fields as ``--set`` takes them."""
    named = [(key, str(value).lower()) for key, value in values.items()]
    return ", ".join(f"`{key}={value}`" for key, value in named)


def command(hazard: Hazard) -> str:
    """Give the command that shows the hazard."""
    words = ["planesched check", hazard.preset]
    words += [f"--set {key}={str(value).lower()}" for key, value in hazard.brings.items()]
    words += [f"--planes {hazard.planes}"] * (hazard.planes != 2)
    words += [f"--vcpus {hazard.vcpus}"] * (hazard.vcpus != 1)
    words += [f"--vectors {hazard.vectors}"] * bool(hazard.vectors) + ["--tpr"] * hazard.tpr
    words += [f"--controller {hazard.controller}"] * bool(hazard.controller)
    return " ".join([*words, f'--property {hazard.property} --events "{hazard.events}"'])


def section(number: int, hazard: Hazard) -> str:
    """Run one hazard and tell of it."""
    sick, well = hazard.run()
    if sick.holds is not False or well.holds is not True:
        raise ValueError(f"{hazard.title}: {sick.short} with the hazard, {well.short} cured")
    brought = text(hazard.brings) or f"the preset `{hazard.preset}` as it is"
    if hazard.cure_controller:
        brought = f"the controllers `{hazard.controller}`"
        cure = f"`{hazard.cure_controller}`"
    else:
        cure = text(hazard.cure) or f"events without halt: `{hazard.cure_events}`"
    return f"""## {number}. {hazard.title}

{hazard.story}

Source: {hazard.source}.

- Brought by: {brought}. Cured by: {cure}; then `{hazard.property}` holds.

```console
$ {command(hazard)}
{sick.text}
```
"""


def gallery() -> str:
    """Give the whole page."""
    head = """# A gallery of hazards

Made by `python docs/gallery.py`; a test keeps it true. Each hazard is a property of
[the checker](../reference/checker.md) that breaks, with a shortest way there, the policy field that
brings it and the one that cures it: under the cure the same search, to its end, finds that it
holds. A cure is what this model offers, not advice to a system; its price may be another entry of
this page.
"""
    sections = [section(i, h) for i, h in enumerate(HAZARDS, 1)]
    sections += [d.text(i) for i, d in enumerate(DISAGREEMENTS, len(sections) + 1)]
    return "\n".join([head, *sections])


if __name__ == "__main__":
    (Path(__file__).parent / "why" / "gallery.md").write_text(gallery(), encoding="utf-8")

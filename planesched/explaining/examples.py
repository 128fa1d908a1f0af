"""A command for each term that shows it; the tests run them all."""

__all__ = ["example"]

_VINA = "--events hostile,+vina_on"
_FIELDS = {
    "direction": "vsm vsm:direction=lowest_first",
    "marker": "vsm vsm:marker=0",
    "rank": "vsm vsm:rank=locked",
    "preempt": "vsm vsm:preempt=none",
    "gate": "kvm_planes kvm_planes:gate=open",
    "trigger": "kvm_vsm kvm_vsm:trigger=level --events hostile,+hold,+stop,+release",
    "rearm": "kvm_vsm kvm_vsm:rearm=false",
    "call": "vsm vsm:call=handover",
    "refuse_pending": "kvm_planes kvm_planes:refuse_pending=true",
    "call_self": "kvm_planes kvm_planes:call_self=fault",
    "ret": "kvm_planes kvm_planes:ret=next_online",
    "idle": "kvm_user kvm_user:idle=fall_through",
    "empty": "kvm_planes kvm_planes:empty=idle",
    "wake": "vsm vsm:wake=own",
    "unhalt": "vsm vsm:unhalt=any --events idle",
    "halt_scope": "vsm vsm:halt_scope=vcpu",
    "nmi": "vsm vsm:nmi=waits --events hostile,+nmi",
    "force": "kvm_planes kvm_planes:force=any --events hostile,+force",
    "force_self": "kvm_planes kvm_planes:force_self=fault --events hostile,+force",
    "vina": f"vsm vsm:vina=off {_VINA}",
    "vina_auto_reset": f"vsm vsm:vina_auto_reset=true {_VINA}",
    "scheduler": "vsm vsm:scheduler=user",
    "accelerated": "kvm_user kvm_user:accelerated=interrupt",
    "boot": "vsm vsm:boot=1",
    "algorithm": "kvm_planes:rank=siblings kvm_planes:rank=siblings,algorithm=round_robin "
    "--planes 3 --events hostile,+start",
}
"""Two policies that differ in the field alone, for `diff`."""

_PROPERTIES = {
    "priority": "kvm_planes --planes 3 --property priority",
    "wakeup": "kvm_planes --property wakeup",
    "work_conserving": "vsm_locked --property work_conserving",
    "delivery": "kvm_planes --property delivery",
    "progress": "kvm_planes --property progress --events host,guest",
    "nothing_lost": "vsm --property nothing_lost",
    "feasible": "kvm_user:force=none --property feasible",
    "started": "vsm --property started --events startup",
    "forced": "kvm_planes:force=none --property forced --events host,guest",
    "unaided": "kvm_planes --property unaided",
    "spurious": "vsm_relay --planes 3 --property spurious",
    "eoi_owed": 'vsm --property eoi_owed --vectors 0x31 --events "irq,return,-eoi"',
    "settles": "kvm_user --property settles --events guest,+answer",
}
"""Searches, for `check`; where the property holds everywhere, one that says so."""

_REASONS = {
    "none": "vsm resched",
    "call": "vsm call",
    "interrupt": 'vsm "irq 1"',
    "intercept": 'vsm "intercept 1"',
    "return": 'vsm "irq 1" return',
    "halt": 'tdx "call 1" halt',
    "stop": 'vsm "start 1" "stop 1"',
    "start": 'vsm "start 1"',
    "force": 'kvm_planes "call 1" "force 0"',
    "user": 'kvm_user "call 1" answer',
    "relay": 'vsm_relay "irq 1" --planes 3',
    "resched": 'vsm_locked "start 1" "lock 1"',
}
_FAULTS = {
    "none": 'vsm "irq 1"',
    "ud": "vsm return",
    "inval": 'vsm "enter 1"',
    "perm": 'vsm "force 1"',
    "pending": 'tdx "cli 0" "irq 0" "call 1"',
    "offline": 'vsm "disable 1" "irq 1"',
    "exists": 'vsm "enable 1"',
    "busy": 'kvm_user "call 1" "hold 1" "enter 1"',
    "user": 'kvm_user "call 1" halt',
    "blocked": "vsm halt halt",
}
_EVENTS = {
    "resched": "vsm resched",
    "halt": "vsm halt",
    "call": "vsm call",
    "return": 'vsm "irq 1" return',
    "enable": 'vsm "disable 1" "enable 1"',
    "force": 'kvm_planes "call 1" "force 0"',
    "release": 'vsm "hold 1" "irq 1" "release 1"',
    "unmask": 'vsm "mask 1" "irq 1" "unmask 1"',
    "sti": 'vsm "cli 1" "irq 1" "sti 1"',
    "enter": 'kvm_user "call 1" "enter 1"',
    "stop": 'vsm "start 1" "stop 1"',
    "lock": 'vsm_locked "start 1" "lock 1"',
    "eoi": 'vsm "irq 1 0x31" "eoi 1" --vectors',
    "tpr": 'vsm "cli 1" "irq 1 0x31" "tpr 1 0x40" --vectors',
    "iret": 'vsm "nmi 1" "iret 1" --vectors',
    "line_up": 'vsm "line_up 1 0x31" --vectors',
    "line_down": 'vsm "line_up 1 0x31" "line_down 1 0x31" --vectors',
    "apic_on": 'vsm "apic_off 1" "apic_on 1" --vectors',
    "empty": 'vsm "irq 1 0x31" "empty 1 0x31" --controller lapic:messages=0x31',
    "eom": 'vsm "irq 1 0x31" "eom 1 0x31" --controller lapic:messages=0x31',
    "apic_off": 'vsm "apic_off 1" --vectors',
}
_FLAGS = {
    "switched": 'vsm "irq 1"',
    "injected": 'vsm "irq 1"',
    "nmi": 'vsm "nmi 1"',
    "vina": 'vsm "start 1" "vina_on 1" "irq 0"',
    "blocked": "vsm halt",
    "user": 'kvm_user "call 1"',
    "coalesced": 'kvm_planes "irq 1" "irq 1"',
    "bounced": 'kvm_planes "call 0"',
}
_FIGURES = {
    "starved": "demo",
    "undone": "demo",
    "exits": "simulate exit-cost --policy vsm:scheduler=user --duration 20ms",
    "idle_entries": "compare design-question --policy vsm_relay --duration 20ms",
}


def example(kind: str, name: str) -> str:
    """Return the command for a term."""
    if kind == "field":
        return f"planesched diff {_FIELDS[name]}"
    if kind == "property":
        return f"planesched check {_PROPERTIES[name]}"
    if kind == "preset":
        return f"planesched policies {name}"
    if kind == "figure":
        return "planesched " + _FIGURES.get(name, "simulate exit-cost --duration 20ms")
    if kind == "alphabet":
        return f"planesched check vsm --events {name}"
    if kind == "act":
        events = {"os": "irq, os:halt", "answer": "call, answer"}.get(name, f"irq, call, {name}")
        policy = "kvm_user" if name == "answer" else "vsm"
        vcpus = " --vcpus 2" if name.startswith(("ipi", "tlb")) else ""
        return f'planesched check {policy}{vcpus} --events "{events}"'
    if kind == "cost set":
        return f"planesched simulate exit-cost --duration 20ms --cost {name}"
    if kind == "mask":
        planes = "0,1" if name == "online" else "1"
        return f'planesched step vsm "irq 1" --from "current=0 {name}={planes}" --explain'
    words = {"reason": _REASONS, "fault": _FAULTS, "flag": _FLAGS, "event": _EVENTS}[kind]
    return "planesched step " + (words.get(name) or f'vsm "{name} 1"')

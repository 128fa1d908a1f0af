"""Planes under QEMU, whose emulated SVM has the full local APIC: verified, and measured.

``make live-qemu`` runs it. A Debian kernel boots under ``-accel tcg -cpu EPYC,+svm,+npt`` and
carries out what planesched.live.walking orders, by a static program (orders.c), for there is no
Python; what it showed is then held against the core here. Where QEMU, a kernel or busybox cannot be
had, it says so, and that is all.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packing import (
    BUILD,
    MODULES,
    NotHereError,
    StalledError,
    boot,
    initramfs,
    kernel,
    module,
    program,
    tool,
)

from planesched import Flags, Policy, presets
from planesched.irqchip import Controller, Notes
from planesched.live.machine import COMMANDS
from planesched.live.measured import QUANTILES, Sampled
from planesched.live.measuring import filled
from planesched.live.planes import Order
from planesched.live.walking import WALK, Act, Walk
from planesched.text import format_ns, table

LETTERS = {
    "reset": "R", "renew": "W", "post": "P", "nmi": "K", "give": "G", "run": "r", "sleep": "S",
    "asleep": "A", "unhalt": "U", "show": "V", "line": "L", "eoi": "E",
}  # fmt: skip
SAMPLES = [
    ("clock", "two readings of the clock", 2000, 0),
    ("exit", "exit to userspace and back", 2000, 0),
    ("switch", "switch to another plane", 2000, 0),
    ("switch", "same, registers by ioctls", 2000, 1),
    ("switch", "same, registers by kvm_run", 2000, 2),
    ("post", "MSI to a plane not running", 2000, 0),
    ("post_halted", "MSI to a halted one, not run", 200, 0),
]
REGISTERS = [(copy, value) for copy in (1, 2) for value in (0x123456, 0xABCDEF)]
"""How they are copied (csrc/live/machine.h), and what from."""
INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module.ko; done
/orders /orders.txt
/bin/busybox reboot -f
"""


class Planned(Walk):
    """A walk of which only the orders are wanted: they do not depend on what the machine shows."""

    def _step(self, act: Act, carry_out: Any) -> tuple[bool, bool]:
        if not self._possible(act):
            return True, False
        expected, orders = self.live.act(*act)
        self._took_nmi = int(expected.now) if expected.flags & Flags.NMI else None
        carry_out(orders)
        return True, bool(expected.notes & Notes.MORE)


def walks(preset: str, planes: int, acts: int, kind: type[Walk]) -> Iterator[tuple[Walk, Any]]:
    """Give the walks of a preset, and what draws the acts of each."""
    policy = Policy.preset(preset, planes)
    for number in range(-(-acts // WALK)):
        walk = kind(planes, policy, policy, Controller())
        yield walk, random.Random(f"{preset} {planes} {number}")


def line(order: Order) -> str:
    """Write an order as orders.c reads it."""
    name = COMMANDS[order.name] if isinstance(order.name, str) else order.name
    return f"{LETTERS[order.what]}{order.plane} {name} {order.argument}\n"


def plan(kinds: list[tuple[str, int]], acts: int, to: Path) -> None:
    """Write what is to be done."""
    with to.open("w") as file:
        file.write("N2\n")
        for what, _, n, argument in SAMPLES:
            file.write(f"M{what} {n} {argument}\n")
        for copy, value in REGISTERS:
            file.write(f"Y{int(copy == 2)}\nr0 1\nr1 1\nG0 {COMMANDS['fill']} {value}\nr0 1\n")
            file.write(f"X0 1 {copy}\nr1 1\nG1 {COMMANDS['store']}\nr1 1\nT\n")
        for preset, planes in kinds:
            file.write(f"N{planes}\n")
            for walk, rng in walks(preset, planes, acts, Planned):

                def note(orders: list[Order]) -> list[Any]:
                    file.writelines(map(line, orders))
                    return []

                walk.begin(note)
                for _ in range(WALK):
                    walk.do(walk.draw(rng), note)


def read(order: Order, told: Iterator[str]) -> Any:
    """Read what an order gave, as `planesched.live.planes.carry_out` gives it."""
    if order.what not in ("run", "eoi", "sleep", "asleep", "show"):
        return None
    words = next(told).split()
    if words[0] == "FAILED":
        raise RuntimeError(" ".join(words))
    if order.what != "show":
        return words[0], tuple(map(int, words[1:]))
    *chips, takes = " ".join(words).split("|")
    found = []
    for chip in chips:
        irr, isr, priorities = (tuple(map(int, part.split())) for part in chip.split(";"))
        found.append((irr, isr, *priorities))
    return found, takes.strip() == "1"


def check_registers(told: Iterator[str]) -> None:
    """What one plane filled the other has."""
    for copy, value in REGISTERS:
        *runs, stored = (next(told) for _ in range(6))
        if runs != ["asks"] * 5 or tuple(map(int, stored.split())) != filled(value):
            raise AssertionError(f"registers, copied by way {copy}: {stored}, after {runs}")


def compare(kinds: list[tuple[str, int]], acts: int, told: Iterator[str]) -> int:
    """Hold what was shown against the core; give how many vectors were taken."""
    vectors = 0
    for preset, planes in kinds:
        for number, (walk, rng) in enumerate(walks(preset, planes, acts, Walk)):

            def carry_out(orders: list[Order]) -> list[Any]:
                return [read(order, told) for order in orders]

            walk.begin(carry_out)
            for _ in range(WALK):
                if not walk.do(walk.draw(rng), carry_out):
                    steps = ", ".join(walk.steps)
                    raise AssertionError(
                        f"{preset}, {planes} planes, walk {number}: {walk.shown} instead of "
                        f"{walk.found} after {steps}"
                    )
            vectors += walk.vectors
    return vectors


def main() -> int:
    """Verify every preset with 2 and 3 planes under QEMU, and print what things cost there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acts", type=int, default=100_000, help="in all (default 100000)")
    parser.add_argument("--limit", type=int, default=400, help="seconds for QEMU (default 400)")
    args = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        qemu, busybox, folder = tool("qemu-system-x86_64"), tool("busybox"), kernel()
    except NotHereError as reason:
        print(f"planes under QEMU not run: {reason}")
        return 0
    kinds = [(preset, planes) for preset in presets() for planes in (2, 3)]
    acts = -(-args.acts // len(kinds) // WALK) * WALK
    orders, archive, told = (BUILD / name for name in ("orders.txt", "initramfs", "told.txt"))
    plan(kinds, acts, orders)
    files = {
        name: (0o100755, data)
        for name, data in {
            "init": INIT.format(modules=" ".join(MODULES)).encode(),
            "bin/busybox": Path(busybox).read_bytes(),
            "orders": program(),
            "orders.txt": orders.read_bytes(),
            **{f"{name}.ko": module(folder, name) for name in MODULES},
        }.items()
    }
    folders = dict.fromkeys(("bin", "dev"), (0o040755, b""))
    archive.write_bytes(initramfs(folders | files))
    planned_s = time.monotonic() - began
    for left in (2, 1, 0):  # Boots stall, with nothing on the console, where the host is busy.
        try:
            boot(qemu, folder, archive, told, args.limit)
            break
        except StalledError as error:
            if not left:
                raise
            print(f"{error}; begun once more")
    booted_s = time.monotonic() - began - planned_s
    lines = iter(told.read_text().splitlines())
    rows = []
    clock_ns = 0
    for what, words, _, _ in SAMPLES:
        ns = sorted(int(word) - clock_ns for word in next(lines).split())
        clock_ns = clock_ns or (ns[len(ns) // 2] if what == "clock" else 0)
        found = Sampled(what, words, ns)  # type: ignore[arg-type]
        rows.append((words, *(format_ns(found.quantile_ns(q)) for q in QUANTILES.values())))
    check_registers(lines)
    vectors = compare(kinds, acts, lines)
    if next(lines) != "DONE":
        raise AssertionError("it told more than it was asked")
    print(table(("under QEMU", *QUANTILES), rows))
    version = next(folder.glob("boot/vmlinuz-*")).name.removeprefix("vmlinuz-")
    print(
        f"planes under QEMU: {acts * len(kinds):,} acts, {vectors:,} vectors taken, "
        f"{len(kinds)} times a preset, machine and core are equal; Linux {version}, kvm-amd on "
        f"emulated SVM, full local APIC; {booted_s:.0f} s in QEMU, "
        f"{time.monotonic() - began:.0f} s in all"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Planes under QEMU, whose emulated SVM has the full local APIC: verified, and measured.

``make live-qemu`` runs it. A Debian kernel boots under ``-accel tcg -cpu EPYC,+svm,+npt`` and
carries out what planesched.live.walking orders, by a static program (orders.c), for there is no
Python; what it showed is then held against the core here. Where QEMU, a kernel or busybox cannot be
had, it says so, and that is all.
"""

import argparse
import lzma
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from planesched import Notes, Policy, presets
from planesched.irqchip import Controller
from planesched.live.machine import COMMANDS
from planesched.live.measured import QUANTILES, Sampled
from planesched.live.planes import Order
from planesched.live.walking import WALK, Act, Walk
from planesched.text import format_ns, table

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build" / "live-qemu"
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}
MODULES = ("irqbypass", "ccp", "kvm", "kvm-amd")
C_FILES = ("guest", "machine", "sample", "setup", "share", "timer")
LETTERS = {
    "reset": "R", "post": "P", "give": "G", "run": "r", "sleep": "S", "asleep": "A", "unhalt": "U",
    "show": "V",
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
STALLED_S = 60
"""Booting takes some ten seconds; then lines come all the time."""

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module.ko; done
/orders /orders.txt
/bin/busybox reboot -f
"""


class NotHereError(Exception):
    """Why it cannot be done on this machine."""


class Planned(Walk):
    """A walk of which only the orders are wanted: they do not depend on what the machine shows."""

    def _step(self, act: Act, carry_out: Any) -> tuple[bool, bool]:
        if not self._possible(act):
            return True, False
        expected, orders = self.live.act(*act)
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
    if order.what not in ("run", "sleep", "asleep", "show"):
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


def tool(name: str) -> str:
    """Find a program, and install its package where it is missing and that may be done."""
    if shutil.which(name) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        options = ["-qy", "--no-install-recommends", PACKAGES[name]]
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        subprocess.run(["apt-get", "install", *options], capture_output=True, check=False)
    found = shutil.which(name)
    if found is None:
        raise NotHereError(f"{name} is not installed, and apt cannot install {PACKAGES[name]}")
    return found


def kernel() -> Path:
    """Give a folder with a Debian kernel and its modules, fetched but not installed."""
    there = next(BUILD.glob("boot/vmlinuz-*"), None)
    if there is None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise NotHereError("there is no apt to fetch a Debian kernel with")
        listed = subprocess.run(
            ["apt-cache", "depends", "linux-image-amd64"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        names = [word for word in listed.split() if word.startswith("linux-image-")]
        if len(names) < 2:
            raise NotHereError("apt knows no linux-image-amd64")
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            got = subprocess.run(
                ["apt-get", "download", "-q", names[-1]],
                cwd=folder,
                capture_output=True,
                check=False,
            )
            packages = list(Path(folder).glob("*.deb"))
            if got.returncode or not packages:
                raise NotHereError(f"apt cannot fetch {names[-1]}: {got.stderr.decode().strip()}")
            subprocess.run(["dpkg-deb", "-x", packages[0], BUILD], check=True)
    return BUILD


def module(folder: Path, name: str) -> bytes:
    """Read a kernel module."""
    path = next(iter(sorted(folder.glob(f"lib/modules/*/kernel/**/{name}.ko*"))), None)
    if path is None:
        raise NotHereError(f"the kernel has no module {name}")
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def initramfs(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Make an archive that the kernel unpacks (cpio, "newc"): names, modes and contents."""
    out = bytearray()
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def program() -> bytes:
    """Compile orders.c, with the machine that the package has too."""
    made = BUILD / "orders"
    sources = [Path(__file__).with_name("orders.c")]
    sources += [ROOT / "csrc" / "live" / f"{name}.c" for name in C_FILES]
    flags = ["-std=c11", "-O2", "-static", "-pthread", "-Iplanesched/include", "-Icsrc"]
    subprocess.run(["gcc", *flags, "-o", made, *sources], cwd=ROOT, check=True)
    return made.read_bytes()


def boot(qemu: str, folder: Path, archive: Path, told: Path, limit_s: int) -> None:
    """Boot the kernel, and wait until it is over."""
    told.unlink(missing_ok=True)
    [vmlinuz] = sorted(folder.glob("boot/vmlinuz-*"))[:1]
    console = BUILD / "console.txt"
    command = [
        qemu, "-accel", "tcg", "-cpu", "EPYC,+svm,+npt", "-m", "512", "-nodefaults", "-display",
        "none", "-no-reboot", "-kernel", vmlinuz, "-initrd", archive,
        "-append", "console=ttyS0 quiet panic=-1", "-serial", f"file:{console}",
        "-chardev", f"file,id=told,path={told}", "-device", "isa-debugcon,iobase=0xe9,chardev=told",
    ]  # fmt: skip
    # What TCG does not emulate of that processor, it says at length.
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(process, told, limit_s)
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[bytes], told: Path, limit_s: int) -> None:
    """Wait until it is over; raise where it tells nothing for a long time."""
    end_s, size, grew_s = time.monotonic() + limit_s, -1, time.monotonic()
    while process.poll() is None:
        now_s, before = time.monotonic(), size
        size = told.stat().st_size if told.exists() else 0
        grew_s = now_s if size != before else grew_s
        if now_s > end_s or now_s - grew_s > STALLED_S:
            raise RuntimeError(
                f"the kernel under QEMU has told nothing for {now_s - grew_s:.0f} s, after {size} "
                f"bytes in {told}"
            )
        time.sleep(0.2)


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
    boot(qemu, folder, archive, told, args.limit)
    booted_s = time.monotonic() - began - planned_s
    lines = iter(told.read_text().splitlines())
    rows = []
    clock_ns = 0
    for what, words, _, _ in SAMPLES:
        ns = sorted(int(word) - clock_ns for word in next(lines).split())
        clock_ns = clock_ns or (ns[len(ns) // 2] if what == "clock" else 0)
        found = Sampled(what, words, ns)  # type: ignore[arg-type]
        rows.append((words, *(format_ns(found.quantile_ns(q)) for q in QUANTILES.values())))
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

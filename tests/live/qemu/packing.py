"""What a Debian kernel under QEMU takes: fetched, packed and booted."""

import lzma
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build" / "live-qemu"
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}
MODULES = ("irqbypass", "ccp", "kvm", "kvm-amd")
C_FILES = ("guest", "machine", "sample", "setup", "share", "timer")
STALLED_S = 60
"""Booting takes some ten seconds; then lines come all the time."""


class StalledError(Exception):
    """QEMU tells nothing any more."""


class NotHereError(Exception):
    """Why it cannot be done on this machine."""


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
            raise StalledError(
                f"the kernel under QEMU has told nothing for {now_s - grew_s:.0f} s, after {size} "
                f"bytes in {told}"
            )
        time.sleep(0.2)

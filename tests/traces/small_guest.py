"""A guest of some bytes on /dev/kvm that halts and is woken by MSIs, so that a real KVM is traced.

It runs in real mode with the x2APIC on: ``hlt``, and a handler that writes the EOI register by
``wrmsr``. As a program it runs for a time, and prints how many interrupts its vCPU took.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys
import threading
import time

VECTOR = 0x40
_CODE, _HANDLER, _STACK, _SIZE = 0x1000, 0x1100, 0x8000, 0x10000
# sti; again: hlt; jmp again
_MAIN = bytes.fromhex("fb f4 eb fd")
# mov ecx, 0x80b; xor eax, eax; xor edx, edx; wrmsr; iret
_END_OF_INTERRUPT = bytes.fromhex("66b90b080000 6631c0 6631d2 0f30 cf")

# linux/kvm.h
_CREATE_VM, _VCPU_MMAP_SIZE, _GET_SUPPORTED_CPUID = 0xAE01, 0xAE04, 0xC008AE05
_SET_USER_MEMORY_REGION, _CREATE_IRQCHIP, _CREATE_VCPU = 0x4020AE46, 0xAE60, 0xAE41
_RUN, _SET_REGS, _GET_SREGS, _SET_SREGS = 0xAE80, 0x4090AE82, 0x8138AE83, 0x4138AE84
_GET_LAPIC, _SET_LAPIC, _SET_CPUID2, _SIGNAL_MSI = 0x8400AE8E, 0x4400AE8F, 0x4008AE90, 0x4020AEA5
_SREGS, _REGS, _LAPIC = 0x138, 0x90, 0x400
# In struct kvm_sregs, cs leads; the APIC base stands before the interrupt bitmap of 32 bytes.
_CS_SELECTOR, _APIC_BASE = 12, _SREGS - 40
_X2APIC_ON = 0xC00
_SPURIOUS, _APIC_ON = 0xF0, 0x1FF
_MSI_ADDRESS = 0xFEE00000


class SmallGuest:
    """One vCPU, which runs in a thread of its own from the start."""

    def __init__(self) -> None:
        self._kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        self._vm = fcntl.ioctl(self._kvm, _CREATE_VM)
        self._memory = mmap.mmap(-1, _SIZE)
        self._memory[_CODE : _CODE + len(_MAIN)] = _MAIN
        self._memory[_HANDLER : _HANDLER + len(_END_OF_INTERRUPT)] = _END_OF_INTERRUPT
        self._memory[4 * VECTOR : 4 * VECTOR + 4] = struct.pack("<HH", _HANDLER, 0)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        region = struct.pack("<IIQQQ", 0, 0, 0, _SIZE, address)
        fcntl.ioctl(self._vm, _SET_USER_MEMORY_REGION, region)
        fcntl.ioctl(self._vm, _CREATE_IRQCHIP)
        self._vcpu = fcntl.ioctl(self._vm, _CREATE_VCPU, 0)
        self._prepare()
        threading.Thread(target=fcntl.ioctl, args=(self._vcpu, _RUN), daemon=True).start()

    def _prepare(self) -> None:
        cpuid = bytearray(struct.pack("<II", 200, 0) + bytes(200 * 40))
        fcntl.ioctl(self._kvm, _GET_SUPPORTED_CPUID, cpuid)
        fcntl.ioctl(self._vcpu, _SET_CPUID2, cpuid)
        sregs = bytearray(_SREGS)
        fcntl.ioctl(self._vcpu, _GET_SREGS, sregs)
        struct.pack_into("<Q", sregs, 0, 0)
        struct.pack_into("<H", sregs, _CS_SELECTOR, 0)
        (base,) = struct.unpack_from("<Q", sregs, _APIC_BASE)
        struct.pack_into("<Q", sregs, _APIC_BASE, base | _X2APIC_ON)
        fcntl.ioctl(self._vcpu, _SET_SREGS, sregs)
        lapic = bytearray(_LAPIC)
        fcntl.ioctl(self._vcpu, _GET_LAPIC, lapic)
        struct.pack_into("<I", lapic, _SPURIOUS, _APIC_ON)
        fcntl.ioctl(self._vcpu, _SET_LAPIC, lapic)
        regs = bytearray(_REGS)
        # rsp is the seventh register, rip and rflags the last two.
        struct.pack_into("<Q", regs, 6 * 8, _STACK)
        struct.pack_into("<QQ", regs, 16 * 8, _CODE, 2)
        fcntl.ioctl(self._vcpu, _SET_REGS, regs)

    def interrupt(self) -> bool:
        """Send the MSI; tell whether the APIC took it."""
        message = bytearray(struct.pack("<IIII16x", _MSI_ADDRESS, 0, VECTOR, 0))
        return fcntl.ioctl(self._vm, _SIGNAL_MSI, message) > 0


def main() -> None:
    """Send an interrupt every 2 ms."""
    guest = SmallGuest()
    end = time.monotonic() + float(sys.argv[1])
    taken = 0
    while time.monotonic() < end:
        time.sleep(0.002)
        taken += guest.interrupt()
    print(taken, flush=True)
    # The vCPU's thread is in the kernel and never comes back; the VM ends with the process.
    os._exit(0)


if __name__ == "__main__":
    main()

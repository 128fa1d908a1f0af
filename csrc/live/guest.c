/* What runs in a plane: some 2 KiB of real mode code of our own, the same in each.
 *
 * It asks for a command by `in eax, 0x20` and gets `command | argument << 8`. Its handlers report
 * their vector by `out 0x10, al` and return; they end nothing (EOI is a command).
 */
#include "live/parts.h"

#if PS_LIVE

__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".globl ps_live_guest\n"
    ".hidden ps_live_guest\n"
    ".globl ps_live_guest_end\n"
    ".hidden ps_live_guest_end\n"
    ".code16\n"
    "ps_live_guest:\n"
    "1:  in $0x20, %eax\n"            /* the next command, and its argument */
    "    movzbl %al, %ebx\n"
    "    shr $8, %eax\n"
    "    shl $4, %bx\n"               /* each command has 16 bytes, from offset 0x20 */
    "    add $ps_live_commands - ps_live_guest + 0x1000, %bx\n" /* PS_LIVE_CODE */
    "    jmp *%bx\n"
    "    .balign 16\n"
    "ps_live_commands:\n"
    "    jmp 1b\n"                    /* 0 none: ask again */
    "    .balign 16\n"
    "    mov %eax, %ecx\n"            /* 1 compute: so many turns of a loop */
    "2:  dec %ecx\n"
    "    jnz 2b\n"
    "    jmp 1b\n"
    "    .balign 16\n"
    "    hlt\n"                       /* 2 halt, until an interrupt or the host ends it */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    out %al, $0x11\n"            /* 3 call: the host looks who runs next */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    out %al, $0x12\n"            /* 4 return: likewise */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    cli\n"                       /* 5 cli: take no interrupts */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    sti\n"                       /* 6 sti: take them, from the instruction after next */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    mov $0x08, %cl\n"            /* 7 tpr: the argument, into x2APIC register 0x808 */
    "    jmp 3f\n"
    "    .balign 16\n"
    "    mov $0x0b, %cl\n"            /* 8 eoi: 0, into x2APIC register 0x80b */
    "    jmp 3f\n"
    "    .balign 16\n"
    "    out %al, $0x13\n"            /* 9 ipi: the host posts it into the other vCPU's plane */
    "    jmp 1b\n"
    "    .balign 16\n"
    "    jmp 4f\n"                    /* 10 fill: registers that planes share */
    "    .balign 16\n"
    "    jmp 5f\n"                    /* 11 store: those, into memory */
    "    .balign 16\n"
    "    mov $0x0f, %cl\n"            /* 12 svr: the argument, into x2APIC register 0x80f */
    "3:  mov $0x08, %ch\n"
    "    movzwl %cx, %ecx\n"
    "    xor %edx, %edx\n"
    "    wrmsr\n"
    "    jmp 1b\n"
    "4:  mov %eax, %esi\n"            /* fill: three numbers that the argument gives */
    "    mov %eax, %cr2\n"
    "    mov %eax, 0x3020\n"          /* PS_LIVE_DATA and what is stored */
    "    not %eax\n"
    "    mov %eax, %edi\n"
    "    mov %eax, 0x3024\n"
    "    shl $8, %eax\n"
    "    mov %eax, %ebp\n"
    "    movups 0x3020, %xmm0\n"
    "    jmp 1b\n"
    "5:  mov %esi, 0x3000\n"
    "    mov %edi, 0x3004\n"
    "    mov %ebp, 0x3008\n"
    "    mov %cr2, %eax\n"
    "    mov %eax, 0x300c\n"
    "    movups %xmm0, 0x3010\n"
    "    jmp 1b\n"
    "ps_live_guest_end:\n"
    ".code64\n"
    ".popsection\n");

/* push ax; mov al, VECTOR; out 0x10, al; pop ax; iret */
static const uint8_t handler[PS_LIVE_HANDLER_BYTES] = {0x50, 0xb0, 0, 0xe6, 0x10, 0x58, 0xcf, 0};

void ps_live_load_guest(uint8_t *memory)
{
    memcpy(memory + PS_LIVE_CODE, ps_live_guest, (size_t)(ps_live_guest_end - ps_live_guest));
    for (unsigned vector = 0; vector < 256; vector++) {
        const unsigned place = PS_LIVE_HANDLERS + PS_LIVE_HANDLER_BYTES * vector;
        memcpy(memory + place, handler, sizeof handler);
        memory[place + 2] = (uint8_t)vector;
        /* The interrupt vector table: offset, then segment 0. */
        memory[4 * vector] = (uint8_t)place;
        memory[4 * vector + 1] = (uint8_t)(place >> 8);
    }
}

#endif

#!/bin/sh
# Compiles the rules as kernels are built: no C library, none of its headers, no floating point; and
# nothing may be left to link but what every compiler may call. Arguments: the x86-64 compilers.
set -eu
cd "$(dirname "$0")/../../.."
out=build/freestanding
mkdir -p "$out"
platform='-DPS_PLATFORM="../../../csrc/tests/freestanding/my_platform.h"'

# one NAME COMPILER MORE-THAT-MAY-BE-CALLED FLAG...
one() {
    name=$1 cc=$2 more=$3
    shift 3
    for with in -DNDEBUG -UNDEBUG "$platform"; do
        $cc -std=gnu11 -ffreestanding -nostdinc -O2 -fno-common -fno-strict-aliasing \
            -Wall -Wextra -Wundef -Werror -Iplanesched/include "$@" "$with" \
            -c -o "$out/$name.o" csrc/tests/freestanding/rules.c
        left=$(nm -u "$out/$name.o" | grep -Ev " (mem(cpy|set|cmp|move)|my_failure$more)\$" || true)
        if [ -n "$left" ]; then
            echo "$name with $cc $with calls:" $left >&2
            exit 1
        fi
    done
    echo "freestanding, $name: $cc $*"
}

for cc in "$@"; do
    one "x86_64-$cc" "$cc" "" -mno-sse -mno-mmx -mno-sse2 -mno-avx -mno-red-zone -mcmodel=kernel -fno-pie
done
one arm64 aarch64-linux-gnu-gcc "" -mgeneral-regs-only -mabi=lp64
# Without Zbb, bits are counted by functions; Linux has them itself (lib/clz_ctz.c).
one riscv64 riscv64-linux-gnu-gcc "|__c[lt]z[sd]i2" -march=rv64imac -mabi=lp64 -mcmodel=medany

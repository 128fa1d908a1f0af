#!/bin/sh
# Builds the module against Debian's linux-headers, inserts it into a Debian kernel in a VM of
# qemu-system-x86_64 (TCG, no /dev/kvm needed), lets it step, removes it, and prints what it said.
# Needs: linux-headers-amd64 qemu-system-x86 busybox-static cpio kmod, and planesched in PATH.
# Arguments: the case files. The kernel's image is fetched with apt-get download.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
release=$(ls /lib/modules | grep -- "-amd64$" | sort -V | tail -n 1)
work=${WORK:-build/kernel-qemu}
mkdir -p "$work/module" "$work/root/bin"
work=$(cd "$work" && pwd)
cp "$here"/Kbuild "$here"/*.[ch] "$work/module"
planesched conform "$@" --c-table "$work/module/cases.h"
include=$(python -c 'import planesched; print(planesched.get_include())')
make -C "/lib/modules/$release/build" M="$work/module" PLANESCHED_INCLUDE="$include" modules

image=/boot/vmlinuz-$release
if [ ! -e "$image" ]; then
    image=$work/boot/vmlinuz-$release
    [ -e "$image" ] || (cd "$work" && apt-get download "linux-image-$release" && \
        dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x "./boot/vmlinuz-$release")
fi

cp "$(command -v busybox)" "$work/root/bin/busybox"
cp "$work/module/planesched.ko" "$work/root"
cat > "$work/root/init" <<'EOF'
#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys
$b mount -t proc none /proc
$b mount -t sysfs none /sys
$b mount -t debugfs none /sys/kernel/debug
d=/sys/kernel/debug/planesched
$b insmod /planesched.ko vcpus=2 planes=3 \
    policy=direction=highest_first,ret=next_online,vina=edge || echo "insmod failed"
# irq 1, irq 2, return, return on vCPU 0; irq 2 on vCPU 1
for words in "0 1 1" "0 1 2" "0 10" "0 10" "1 1 2"; do echo "$words" > $d/step; done
echo "9 1 1" > $d/step 2>/dev/null || echo "vcpu 9: refused"
$b cat $d/state $d/stats
$b rmmod planesched
$b dmesg | $b grep -E "planesched|WARN|BUG|Oops|Call Trace" | $b sed 's/^\[[^]]*\] //'
$b insmod /planesched.ko policy=direction=sideways 2>/dev/null || echo "direction=sideways: refused"
echo "taint: $($b cat /proc/sys/kernel/tainted)"
$b poweroff -f
EOF
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip > "$work/initrd.gz")
timeout 300 qemu-system-x86_64 -accel tcg -m 512 -smp 2 -nographic -no-reboot \
    -kernel "$image" -initrd "$work/initrd.gz" \
    -append "console=ttyS0 quiet loglevel=0 panic=-1" < /dev/null > "$work/console" 2>&1
tr -d '\r' < "$work/console" | sed -n 's/^.*vcpu 9:/vcpu 9:/; /^vcpu 9:/,/^taint/p' | tee "$work/said"
grep -q ' 0 differ$' "$work/said"
grep -q '^planesched: removed$' "$work/said"
! grep -qE 'WARN|BUG|Oops|Call Trace' "$work/console"

/* Stands before libc, and has KVM refuse or leave as the environment says at that moment: LACKS, an
 * extension that is not there, or has HAS; REFUSES, an ioctl; EXIT, the reason why KVM_RUN leaves
 * once it was run AFTER times. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 1024 };
static struct kvm_run *runs[FILES];
static long n_runs;

static unsigned long word(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 0) : otherwise;
}

void *mmap(void *at, size_t bytes, int may, int flags, int fd, off_t from)
{
    void *got = (void *)syscall(SYS_mmap, at, bytes, may, flags, fd, from);
    if (fd >= 0 && fd < FILES && flags & MAP_SHARED)
        runs[fd] = got;
    return got;
}

int ioctl(int fd, unsigned long what, ...)
{
    va_list given;
    va_start(given, what);
    void *argument = va_arg(given, void *);
    va_end(given);
    if (what == KVM_CHECK_EXTENSION && (unsigned long)argument == word("LACKS", 0))
        return (int)word("HAS", 0);
    if (what == word("REFUSES", 0)) {
        errno = EIO;
        return -1;
    }
    const int got = (int)syscall(SYS_ioctl, fd, what, argument);
    if (what == KVM_RUN && getenv("EXIT") && ++n_runs > (long)word("AFTER", 0) && fd < FILES) {
        n_runs = 0;
        runs[fd]->exit_reason = (__u32)word("EXIT", 0);
        runs[fd]->internal.suberror = 3;
        return 0;
    }
    return got;
}

/* Asking for memory before it is needed; where the compiler has no word for it, nothing happens. */
#ifndef PLANESCHED_PREFETCH_H
#define PLANESCHED_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

/* What will be written. */
static inline void ps_prefetch(const void *address)
{
#if defined(__GNUC__)
    __builtin_prefetch(address, 1, 3);
#else
    (void)address;
#endif
}

/* What will be read, so many bytes further on; there may be nothing there any more, and no pointer
 * may be made to that. In a stream this hides what the processor's own prefetching does not. */
static inline void ps_prefetch_after(const void *address, size_t bytes)
{
#if defined(__GNUC__)
    __builtin_prefetch((const void *)((uintptr_t)address + bytes), 0, 3);
#else
    (void)address;
    (void)bytes;
#endif
}

#endif

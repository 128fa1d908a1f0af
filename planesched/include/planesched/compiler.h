/* What a compiler is asked for beyond C11. One that has no word for it does without. */
#ifndef PLANESCHED_COMPILER_H
#define PLANESCHED_COMPILER_H

#include "platform.h"

/* A function that is worth a copy wherever it is called: its arguments are known there. */
#if defined(__GNUC__)
#define PS_INLINE static inline __attribute__((__always_inline__))
#else
#define PS_INLINE static inline
#endif

/* A loop that is worth a copy of all that it calls. */
#if defined(__GNUC__)
#define PS_FLATTEN __attribute__((__flatten__))
#else
#define PS_FLATTEN
#endif

/* A condition that hardly ever holds: what it guards stands out of the way of the rest. */
#if defined(__GNUC__)
#define PS_RARELY(condition) __builtin_expect((condition) != 0, 0)
#else
#define PS_RARELY(condition) (condition)
#endif

/* What will be read, or written if that is not zero, is asked for ahead. */
#if defined(__GNUC__)
#define PS_PREFETCH(address, write) __builtin_prefetch(address, write, 3)
#else
#define PS_PREFETCH(address, write) ((void)(address))
#endif

/* What will be written. */
static inline void ps_prefetch(const void *address)
{
    PS_PREFETCH(address, 1);
}

/* What will be read. */
static inline void ps_prefetch_read(const void *address)
{
    PS_PREFETCH(address, 0);
}

/* What will be read, so many bytes further on; there may be nothing there any more, and no pointer
 * may be made to that. In a stream this hides what the processor's own prefetching does not. */
static inline void ps_prefetch_after(const void *address, size_t bytes)
{
    PS_PREFETCH((const void *)((uintptr_t)address + bytes), 0);
}

#endif

/* Atomic access to words, for GCC and Clang: relaxed, but for the names that say more. */
#ifndef PLANESCHED_ATOMICS_H
#define PLANESCHED_ATOMICS_H

#include <stdint.h>

static inline uint32_t ps_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void ps_store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t ps_load_64(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void ps_store_64(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint32_t ps_load_acquire(uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void ps_store_release(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Acquires and releases. Returns what was there before. */
static inline uint32_t ps_fetch_add(uint32_t *word)
{
    return __atomic_fetch_add(word, 1u, __ATOMIC_ACQ_REL);
}

#endif

/* Atomic access to words, for GCC, Clang and MSVC: relaxed, but for the names that say more. */
#ifndef PLANESCHED_ATOMICS_H
#define PLANESCHED_ATOMICS_H

#include <stdint.h>
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
/* A volatile access of an aligned word is a relaxed atomic one there; _Interlocked* orders all. */
static inline uint32_t ps_load(const uint32_t *word)
{
    return *(const volatile uint32_t *)word;
}

static inline void ps_store(uint32_t *word, uint32_t value)
{
    *(volatile uint32_t *)word = value;
}

static inline uint64_t ps_load_64(const uint64_t *word)
{
    return *(const volatile uint64_t *)word;
}

static inline void ps_store_64(uint64_t *word, uint64_t value)
{
    *(volatile uint64_t *)word = value;
}

static inline uint32_t ps_load_acquire(uint32_t *word)
{
    return (uint32_t)_InterlockedCompareExchange((long volatile *)word, 0, 0);
}

static inline void ps_store_release(uint32_t *word, uint32_t value)
{
    _InterlockedExchange((long volatile *)word, (long)value);
}

/* Acquires and releases. Returns what was there before. */
static inline uint32_t ps_fetch_add(uint32_t *word)
{
    return (uint32_t)_InterlockedIncrement((long volatile *)word) - 1u;
}
#else
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

#endif

#include "core/scan.h"

#include <stddef.h>
#include <string.h>

#include "planesched/compiler.h"

enum {
    PS_SCAN_LINE = 32,  /* masks in a cache line */
    PS_SCAN_BLOCK = 512 /* masks that are looked at while those after the next block are fetched */
};

/* The number of the highest bit is the exponent of the word as a float. Of 2 x + 1 it is one more,
 * and zero for no bit at all. IEEE 754 stores it plus 127. */
PS_INLINE int8_t highest_or_none(uint16_t planes)
{
    const float value = (float)(int32_t)(2u * planes + 1u);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int8_t)((int32_t)(bits >> 23) - 128);
}

PS_INLINE void numbers_of(const uint16_t *restrict in, uint64_t n, int lowest,
                          int8_t *restrict out)
{
    if (lowest)
        for (uint64_t i = 0; i < n; i++)
            out[i] = highest_or_none((uint16_t)(in[i] & (0u - in[i])));
    else
        for (uint64_t i = 0; i < n; i++)
            out[i] = highest_or_none(in[i]);
}

PS_INLINE void foremost_of(const uint16_t *restrict in, const uint16_t *restrict locked,
                           uint64_t n, const struct ps_policy *policy, uint16_t *restrict out)
{
    const uint16_t marker = policy->marker_bit;
    const uint16_t demotable = policy->demotable;
    if (locked)
        for (uint64_t i = 0; i < n; i++)
            out[i] = ps_foremost(in[i], (uint16_t)(demotable & ~locked[i]), marker);
    else
        for (uint64_t i = 0; i < n; i++)
            out[i] = ps_foremost(in[i], demotable, marker);
}

/* What is compiled for one instruction set. */
struct scan_code {
    void (*foremost)(const uint16_t *in, const uint16_t *locked, uint64_t n,
                     const struct ps_policy *policy, uint16_t *out);
    /* `stream`: `out` begins with a cache line, and is not to be kept in the caches. */
    void (*numbers)(const uint16_t *in, uint64_t n, int lowest, int stream, int8_t *out);
};

#define PS_FOREMOST_FOR(set, attribute) \
    attribute static void foremost_##set(const uint16_t *in, const uint16_t *locked, uint64_t n, \
                                         const struct ps_policy *policy, uint16_t *out) \
    { \
        foremost_of(in, locked, n, policy, out); \
    }

#define PS_NUMBERS_FOR(set, attribute) \
    attribute static void numbers_##set(const uint16_t *in, uint64_t n, int lowest, int stream, \
                                        int8_t *out) \
    { \
        (void)stream; \
        numbers_of(in, n, lowest, out); \
    }

PS_FOREMOST_FOR(portable, )
PS_NUMBERS_FOR(portable, )

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define PS_SCAN_FENCE() _mm_sfence()
#define PS_AVX2 __attribute__((target("avx2")))
PS_FOREMOST_FOR(avx2, PS_AVX2)

/* 8 masks and the 8 that are 16 further on: packing takes 128 bits of the one and 128 of the other
 * in turn, which brings these back into order. */
PS_AVX2 PS_INLINE __m256i masks_apart(const uint16_t *in)
{
    const __m128i near = _mm_loadu_si128((const void *)in);
    const __m128i far = _mm_loadu_si128((const void *)(in + 16));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(near), far, 1);
}

/* Of each byte, by two looks into a table of 16: the number of its lowest or highest bit, -1 of 0.
 * That of no bits is the most without a sign, and the least with one. */
PS_AVX2 PS_INLINE __m256i numbers_of_bytes(__m256i bytes, int lowest)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i firsts = _mm256_broadcastsi128_si256(
        lowest ? _mm_setr_epi8(-1, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0)
               : _mm_setr_epi8(-1, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
    const __m256i seconds = _mm256_broadcastsi128_si256(
        lowest ? _mm_setr_epi8(-1, 4, 5, 4, 6, 4, 5, 4, 7, 4, 5, 4, 6, 4, 5, 4)
               : _mm_setr_epi8(-1, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7));
    const __m256i low = _mm256_shuffle_epi8(firsts, _mm256_and_si256(bytes, nibble));
    const __m256i high = _mm256_shuffle_epi8(
        seconds, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
    return lowest ? _mm256_min_epu8(low, high) : _mm256_max_epi8(low, high);
}

/* 32 masks: of each the byte that decides, and 8 more where that is the high one. */
PS_AVX2 PS_INLINE __m256i numbers_of_32(const uint16_t *in, int lowest)
{
    const __m256i first = masks_apart(in), second = masks_apart(in + 8);
    const __m256i byte = _mm256_set1_epi16(0xff), eight = _mm256_set1_epi8(8);
    const __m256i low =
        _mm256_packus_epi16(_mm256_and_si256(first, byte), _mm256_and_si256(second, byte));
    const __m256i high =
        _mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8));
    const __m256i none = _mm256_cmpeq_epi8(lowest ? low : high, _mm256_setzero_si256());
    const __m256i decides = lowest ? _mm256_or_si256(low, _mm256_and_si256(high, none))
                                   : _mm256_or_si256(high, _mm256_and_si256(low, none));
    const __m256i more =
        lowest ? _mm256_and_si256(none, eight) : _mm256_andnot_si256(none, eight);
    return _mm256_or_si256(numbers_of_bytes(decides, lowest), more);
}

PS_AVX2 PS_INLINE void numbers_by_32(const uint16_t *in, uint64_t n, int lowest, int stream,
                                     int8_t *out)
{
    uint64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const __m256i numbers = numbers_of_32(in + i, lowest);
        if (stream)
            _mm256_stream_si256((void *)(out + i), numbers);
        else
            _mm256_storeu_si256((void *)(out + i), numbers);
    }
    numbers_of(in + i, n - i, lowest, out + i);
}

PS_AVX2 static void numbers_avx2(const uint16_t *in, uint64_t n, int lowest, int stream,
                                 int8_t *out)
{
    if (lowest)
        numbers_by_32(in, n, 1, stream, out);
    else
        numbers_by_32(in, n, 0, stream, out);
}

#define PS_AVX512 __attribute__((target("avx512f,avx512bw,avx512cd")))
PS_FOREMOST_FOR(avx512, PS_AVX512)

/* Leading zeros are counted in 32-bit lanes: in the odd words, ended by ones, 0 to 16; in the even
 * words, alone in their lane, 16 to 32. */
PS_AVX512 PS_INLINE __m512i zeros_above(__m512i planes, int lowest)
{
    const __m512i even = _mm512_set1_epi32(0xffff);
    if (lowest)
        planes = _mm512_and_si512(planes, _mm512_sub_epi16(_mm512_setzero_si512(), planes));
    const __m512i in_odd = _mm512_lzcnt_epi32(_mm512_or_si512(planes, even));
    const __m512i in_even = _mm512_lzcnt_epi32(_mm512_and_si512(planes, even));
    return _mm512_or_si512(_mm512_slli_epi32(in_odd, 16), in_even);
}

/* 64 masks; what `some` leaves out is not touched, and its answer is of no use. */
PS_AVX512 PS_INLINE __m512i numbers_of_64(const uint16_t *in, uint64_t some, int lowest)
{
    const __m512i first = _mm512_maskz_loadu_epi16((__mmask32)some, in);
    const __m512i second = _mm512_maskz_loadu_epi16((__mmask32)(some >> 32), in + 32);
    const __m512i packed =
        _mm512_packs_epi16(zeros_above(first, lowest), zeros_above(second, lowest));
    /* Packing takes 128 bits of the one and 128 of the other in turn. */
    const __m512i in_order =
        _mm512_permutexvar_epi64(_mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0), packed);
    return _mm512_sub_epi8(_mm512_set1_epi16(0x0f1f), in_order);
}

PS_AVX512 PS_INLINE void numbers_wide(const uint16_t *in, uint64_t n, int lowest, int stream,
                                      int8_t *out)
{
    uint64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        const __m512i numbers = numbers_of_64(in + i, UINT64_MAX, lowest);
        if (stream)
            _mm512_stream_si512((void *)(out + i), numbers);
        else
            _mm512_storeu_si512(out + i, numbers);
    }
    if (i < n) {
        const uint64_t some = (UINT64_C(1) << (n - i)) - 1u;
        _mm512_mask_storeu_epi8(out + i, some, numbers_of_64(in + i, some, lowest));
    }
}

PS_AVX512 static void numbers_avx512(const uint16_t *in, uint64_t n, int lowest, int stream,
                                     int8_t *out)
{
    if (lowest)
        numbers_wide(in, n, 1, stream, out);
    else
        numbers_wide(in, n, 0, stream, out);
}

static const struct scan_code SCAN_CODES[] = {
    {foremost_portable, numbers_portable},
    {foremost_avx2, numbers_avx2},
    {foremost_avx512, numbers_avx512},
};

enum ps_scan_path ps_scan_widest(void)
{
    if (!__builtin_cpu_supports("avx2"))
        return PS_SCAN_PORTABLE;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
               ? PS_SCAN_AVX512
               : PS_SCAN_AVX2;
}
#else
#define PS_SCAN_FENCE() ((void)0)

static const struct scan_code SCAN_CODES[] = {{foremost_portable, numbers_portable}};

enum ps_scan_path ps_scan_widest(void)
{
    return PS_SCAN_PORTABLE;
}
#endif

/* The processor's own prefetcher alone does not keep up with answers that are streamed. */
PS_INLINE void fetch_block(const uint16_t *masks, uint64_t from, uint64_t n)
{
    for (uint64_t i = 0; i < PS_SCAN_BLOCK && from + i < n; i += PS_SCAN_LINE)
        ps_prefetch_read(masks + from + i);
}

void ps_scan(enum ps_scan_path path, const struct ps_policy *policy, const uint16_t *candidates,
             const uint16_t *locked, uint64_t n, int8_t *out)
{
    const int ranked = (policy->demotable | policy->marker_bit) != 0;
    const int lowest = policy->direction == PS_LOWEST_FIRST;
    const int stream = n >= PS_SCAN_STREAMED;
    uint16_t group[PS_SCAN_BLOCK];
    assert(path <= ps_scan_widest());
    if (!policy->demotable)
        locked = NULL;
    /* The first block ends where `out` is aligned: from there on it can be streamed. */
    uint64_t size = PS_SCAN_BLOCK - ((uintptr_t)out & (PS_SCAN_BLOCK - 1));
    for (uint64_t at = 0; at < n; at += size, size = PS_SCAN_BLOCK) {
        const uint16_t *in = candidates + at;
        size = size < n - at ? size : n - at;
        fetch_block(candidates, at + size + PS_SCAN_BLOCK, n);
        if (ranked) {
            if (locked)
                fetch_block(locked, at + size + PS_SCAN_BLOCK, n);
            SCAN_CODES[path].foremost(in, locked ? locked + at : NULL, size, policy, group);
            in = group;
        }
        SCAN_CODES[path].numbers(in, size, lowest, stream && at, out + at);
    }
    if (stream)
        PS_SCAN_FENCE();
}

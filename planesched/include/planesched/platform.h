/* What the headers of the rules take from where they are built: integers of fixed width, offsetof,
 * NULL and PS_ASSERT, PS_MEMCPY, PS_MEMSET, PS_MEMCMP. No other thing of a C library is used.
 *
 * A program with a C library needs nothing. Linux has its own names; a freestanding one needs only
 * what every compiler is given there (memcpy, memset and memcmp, where it cannot do them inline).
 * Who wants something else defines PS_PLATFORM as the name of a header that gives all of it,
 * quoted: -DPS_PLATFORM='"my_platform.h"'.
 */
#ifndef PLANESCHED_PLATFORM_H
#define PLANESCHED_PLATFORM_H

#if defined(PS_PLATFORM)

#include PS_PLATFORM

#elif defined(__KERNEL__)

#include <linux/bug.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/current.h>
/* A macro of Linux with the name of a field of ours: include its headers before these, and say
 * get_current() after them. */
#undef current
#ifdef NDEBUG
#define PS_ASSERT(condition) ((void)0)
#else
#define PS_ASSERT(condition) ((void)WARN_ON_ONCE(!(condition)))
#endif

#elif defined(__STDC_HOSTED__) && !__STDC_HOSTED__

typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT8_TYPE__ int8_t;
typedef __INT32_TYPE__ int32_t;
typedef __SIZE_TYPE__ size_t;
typedef __UINTPTR_TYPE__ uintptr_t;
#ifndef NULL
#ifdef __cplusplus
#define NULL nullptr
#else
#define NULL ((void *)0)
#endif
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifdef NDEBUG
#define PS_ASSERT(condition) ((void)0)
#else
#define PS_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#endif
#define PS_MEMCPY __builtin_memcpy
#define PS_MEMSET __builtin_memset
#define PS_MEMCMP __builtin_memcmp

#else

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define PS_ASSERT(condition) assert(condition)

#endif

#ifndef PS_MEMCPY
#define PS_MEMCPY memcpy
#define PS_MEMSET memset
#define PS_MEMCMP memcmp
#endif

#endif

/* What an embedder may put in place of planesched/platform.h's choice. */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef signed char int8_t;
typedef int int32_t;
typedef unsigned long size_t;
typedef unsigned long uintptr_t;
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
void my_failure(const char *condition) __attribute__((noreturn));
#define PS_ASSERT(condition) ((condition) ? (void)0 : my_failure(#condition))
#define PS_MEMCPY __builtin_memcpy
#define PS_MEMSET __builtin_memset
#define PS_MEMCMP __builtin_memcmp

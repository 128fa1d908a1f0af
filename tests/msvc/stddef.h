#pragma once
typedef unsigned long long size_t;
typedef long long ptrdiff_t;
#ifdef __cplusplus
#define NULL nullptr
#else
#define NULL ((void *)0)
#endif
/* MSVC's own works on addresses, which no other compiler takes for constant. */
#define offsetof(type, member) __builtin_offsetof(type, member)

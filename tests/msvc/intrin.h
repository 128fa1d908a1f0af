#pragma once
/* As Microsoft documents them: C++ intrinsics, _BitScanForward, _BitScanForward64 and following. */
unsigned char _BitScanForward(unsigned long *index, unsigned long mask);
unsigned char _BitScanReverse(unsigned long *index, unsigned long mask);
unsigned char _BitScanReverse64(unsigned long *index, unsigned __int64 mask);
long _InterlockedIncrement(long volatile *value);
long _InterlockedExchange(long volatile *target, long value);
long _InterlockedCompareExchange(long volatile *destination, long exchange, long comparand);

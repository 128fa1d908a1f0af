#pragma once
/* https://learn.microsoft.com/en-us/cpp/intrinsics/bitscanforward-bitscanforward64 and following. */
unsigned char _BitScanForward(unsigned long *index, unsigned long mask);
unsigned char _BitScanReverse(unsigned long *index, unsigned long mask);
unsigned char _BitScanReverse64(unsigned long *index, unsigned __int64 mask);

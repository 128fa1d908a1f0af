#pragma once
/* As much of MSVC's C library as ours asks for. tests/test_msvc.py compiles with it. */
#define assert(condition) ((condition) ? (void)0 : _abort())
void _abort(void);

#pragma once
/* As Microsoft documents it: Win32, processthreadsapi.h, SwitchToThread (BOOL is int). */
int SwitchToThread(void);

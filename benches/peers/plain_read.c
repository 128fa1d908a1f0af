/* A plain read: words are combined, so that none of them can be left out. */
#include <stdint.h>

uint64_t plain_read(const uint64_t *words, uint64_t n)
{
    uint64_t all = 0;
    for (uint64_t i = 0; i < n; i++)
        all ^= words[i];
    return all;
}

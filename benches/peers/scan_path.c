/* The scan by a path that is asked for, which pick_many does not let one choose. */
#include "core/scan.h"

int widest(void)
{
    return (int)ps_scan_widest();
}

void scan(int path, int lowest, const uint16_t *masks, int8_t *out, uint64_t n)
{
    const struct ps_policy policy = {
        .direction = lowest ? PS_LOWEST_FIRST : PS_HIGHEST_FIRST,
    };
    ps_scan((enum ps_scan_path)path, &policy, masks, NULL, n, out);
}

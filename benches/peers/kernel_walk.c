/* The kernel's way to pick a plane (KVM planes v1, patch 35: select_plane): walk sixteen pointers
 * to vCPU structs of a kilobyte and test a field of each. */
#include <stdint.h>
#include <stdlib.h>

#define PLANES 16

struct vcpu {
    char before[512];
    int plane_state;
    char after[1024 - 512 - sizeof(int)];
};

struct common {
    struct vcpu *vcpus[PLANES];
};

/* `n` vCPUs whose plane p is runnable where bit p of its mask is set. */
struct common *walk_create(const uint16_t *masks, uint64_t n)
{
    struct common *all = malloc(n * sizeof *all);
    for (uint64_t i = 0; all && i < n; i++)
        for (int p = 0; p < PLANES; p++) {
            all[i].vcpus[p] = calloc(1, sizeof(struct vcpu));
            all[i].vcpus[p]->plane_state = masks[i] >> p & 1;
        }
    return all;
}

void walk_destroy(struct common *all, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        for (int p = 0; p < PLANES; p++)
            free(all[i].vcpus[p]);
    free(all);
}

void walk_pick(struct common *const all, const uint32_t *order, uint64_t n, int highest,
               int8_t *out)
{
    for (uint64_t i = 0; i < n; i++) {
        const struct common *common = &all[order[i]];
        int found = -1;
        for (int k = 0; k < PLANES; k++) {
            const int p = highest ? PLANES - 1 - k : k;
            if (common->vcpus[p] && common->vcpus[p]->plane_state) {
                found = p;
                break;
            }
        }
        out[order[i]] = (int8_t)found;
    }
}

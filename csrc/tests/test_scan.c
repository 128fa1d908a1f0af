/* Every way to scan gives what ps_first gives, and writes nothing else. */
#include "check.h"
#include "core/scan.h"

#include <string.h>

enum { ALL = 1 << 16, EDGE = 64 };

static uint16_t masks[ALL], locked[ALL];
static const uint64_t streamed = PS_SCAN_STREAMED + 1000;
static int8_t out[ALL + 2 * EDGE];

static int8_t first_or_none(const struct ps_policy *policy, uint16_t planes, uint16_t lock)
{
    return planes ? (int8_t)ps_first(policy, lock, planes) : (int8_t)-1;
}

static struct ps_policy policy_of(unsigned direction, unsigned rank, unsigned marker, unsigned boot)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = (uint8_t)direction;
    policy.rank = (uint8_t)rank;
    policy.marker = (uint8_t)marker;
    policy.boot = (uint8_t)boot;
    CHECK(ps_policy_prepare(&policy) == 0);
    return policy;
}

static void check_all_masks(enum ps_scan_path path, const struct ps_policy *policy, int locks)
{
    ps_scan(path, policy, masks, locks ? locked : NULL, ALL, out);
    for (unsigned i = 0; i < ALL; i++)
        CHECK(out[i] == first_or_none(policy, masks[i], locks ? locked[i] : 0));
}

static void check_policies(enum ps_scan_path path)
{
    for (unsigned direction = 0; direction <= PS_HIGHEST_FIRST; direction++)
        for (unsigned marker = 0; marker <= PS_MAX_PLANES; marker++)
            for (unsigned boot = 0; boot < PS_MAX_PLANES; boot += 5) {
                const unsigned name = marker < PS_MAX_PLANES ? marker : PS_NO_PLANE;
                const struct ps_policy fixed = policy_of(direction, PS_RANK_FIXED, name, boot);
                const struct ps_policy demoted = policy_of(direction, PS_RANK_LOCKED, name, boot);
                check_all_masks(path, &fixed, 1);
                check_all_masks(path, &demoted, 0);
                check_all_masks(path, &demoted, 1);
            }
}

/* Any length from any place: blocks, vectors and what is left of them end everywhere. */
static void check_edges(enum ps_scan_path path, const struct ps_policy *policy)
{
    for (unsigned from = 0; from < EDGE; from++)
        for (unsigned n = 0; n < 1200; n = n < 140 ? n + 1 : n + 89) {
            memset(out, 99, sizeof out);
            int8_t *const at = out + EDGE + from;
            ps_scan(path, policy, masks + 32700 + from, locked + from, n, at);
            for (unsigned i = 0; i < n; i++)
                CHECK(at[i] == first_or_none(policy, masks[32700 + from + i], locked[from + i]));
            CHECK(at[-1] == 99 && at[n] == 99);
        }
}

/* So many that the answers are written past the caches. */
static void check_streamed(enum ps_scan_path path, const struct ps_policy *policy)
{
    uint16_t *const in = (uint16_t *)malloc(streamed * sizeof *in);
    int8_t *const answers = (int8_t *)malloc(streamed + 1);
    CHECK(in && answers);
    for (uint64_t i = 0; i < streamed; i++)
        in[i] = (uint16_t)i;
    ps_scan(path, policy, masks, NULL, ALL, out);
    answers[streamed] = 99;
    ps_scan(path, policy, in, NULL, streamed, answers);
    for (uint64_t i = 0; i < streamed; i += ALL) {
        const uint64_t n = streamed - i < ALL ? streamed - i : ALL;
        CHECK(memcmp(answers + i, out, n) == 0);
    }
    CHECK(answers[streamed] == 99);
    free(in);
    free(answers);
}

int main(void)
{
    uint64_t seed = 1;
    for (unsigned i = 0; i < ALL; i++) {
        masks[i] = (uint16_t)i;
        locked[i] = (uint16_t)random_32(&seed);
    }
    const struct ps_policy plain = policy_of(PS_LOWEST_FIRST, PS_RANK_FIXED, PS_NO_PLANE, 0);
    const struct ps_policy ranked = policy_of(PS_HIGHEST_FIRST, PS_RANK_LOCKED, 3, 1);
    const unsigned widest = (unsigned)ps_scan_widest();
    for (unsigned i = 0; i <= widest; i++) {
        const enum ps_scan_path path = (enum ps_scan_path)i;
        check_policies(path);
        check_edges(path, &plain);
        check_edges(path, &ranked);
        check_streamed(path, &plain);
        check_streamed(path, &ranked);
    }
    printf("test_scan: passed on %u paths\n", widest + 1);
    return 0;
}

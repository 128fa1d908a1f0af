"""The proof of an export: a C program that compares it with ps_step on all states."""

from ..policy import Policy
from .shape import Shape, policy_numbers, state_fields
from .source import rules
from .texts import Asked
from .write_c import KERNEL, C

__all__ = ["proof_text"]

_KERNEL = """\
/* What the kernel's headers give. */
typedef uint8_t u8;
typedef uint16_t u16;
typedef int8_t s8;
#define bool _Bool
#define __ffs(word) (unsigned)__builtin_ctz(word)
#define __fls(word) (31u - (unsigned)__builtin_clz(word))
"""

_PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>

{exported}
#define N_PLANES {planes}u
#define N_MOST (N_PLANES < 3u ? N_PLANES : 3u) /* of these, every state */
#define N_MASKS {n_masks}u

static struct ps_policy policy;
static uint64_t compared;

static void copy(struct {state} *to, const struct ps_state *s)
{{
{copies}
}}

static void fail(const struct ps_state *s, unsigned event, unsigned plane, unsigned got,
                 unsigned want)
{{
    const uint8_t *bytes = (const uint8_t *)s;
    printf("event %u plane %u: %u, and ps_step gives %u, in ", event, plane, got, want);
    for (unsigned i = 0; i < sizeof *s; i++)
        printf("%02x", bytes[i]);
    printf("\\n");
    exit(1);
}}

{compare}
/* A plane that is not online has no bit; what the function does not read is zero. */
static void set_masks(struct ps_state *s, unsigned plane, uint64_t row)
{{
    uint16_t *const masks[N_MASKS] = {{{pointed}}};
    for (unsigned i = 0; row && i < N_MASKS; i++)
        *masks[i] = (uint16_t)(*masks[i] | (i ? (row - 1u) >> (i - 1u) & 1u : 1u) << plane);
}}

static void one_of_all(unsigned n_planes, uint64_t number)
{{
    const uint64_t rows = (UINT64_C(1) << (N_MASKS - 1u)) + 1u;
    struct ps_state s;
    memset(&s, 0, sizeof s);
    s.current = (int8_t)(number % n_planes);
    number /= n_planes;
{statuses}
    for (unsigned plane = 0; plane < n_planes; plane++) {{
        set_masks(&s, plane, number % rows);
        number /= rows;
    }}
    compare_all(&s, n_planes);
}}

/* Every state of so many planes, or `most` of them, evenly spread: the stride is a prime. */
static void walk(unsigned n_planes, uint64_t most)
{{
    uint64_t all = n_planes * {n_statuses}u, at = 0;
    for (unsigned plane = 0; plane < n_planes; plane++)
        all *= (UINT64_C(1) << (N_MASKS - 1u)) + 1u;
    const uint64_t n = all < most ? all : most;
    compared = 0;
    for (uint64_t i = 0; i < n; i++) {{
        one_of_all(n_planes, n == all ? i : at);
        at = (at + UINT64_C(11400714819323198549) % all) % all;
    }}
    printf("%u planes: equal on %s%llu states (%llu comparisons)\\n", n_planes,
           n == all ? "all " : "a sample of the ", (unsigned long long)all,
           (unsigned long long)compared);
}}

static uint64_t draw(void)
{{
    static uint64_t x = UINT64_C(88172645463325252);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}}

static void one_at_random(void)
{{
    struct ps_state s;
    uint16_t *const masks[N_MASKS] = {{{masks}}};
    const uint16_t all = (uint16_t)((1u << N_PLANES) - 1u);
    memset(&s, 0, sizeof s);
    for (unsigned i = 0; i < N_MASKS; i++)
        *masks[i] = (uint16_t)(draw() & (draw() & 1u ? draw() : ~UINT64_C(0)) & all);
    for (unsigned i = 1; i < N_MASKS; i++)
        *masks[i] = (uint16_t)(*masks[i] & s.online);
    s.current = (int8_t)(draw() % N_PLANES);
{random_status}
    compare_one(&s, (unsigned)(draw() % PS_N_EVENTS), (unsigned)(draw() % N_PLANES));
}}

/* Argument: of how many states at most each walk is; of all unless given. */
int main(int argc, char **argv)
{{
    const uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;
    policy = ps_policy_default();
    if ({sets}
        ps_policy_prepare(&policy))
        return 2;
    for (unsigned n_planes = 1; n_planes <= N_MOST; n_planes++)
        walk(n_planes, most);
    compared = 0;
    for (unsigned i = 0; i < 1000000u; i++)
        one_at_random();
    printf("%u planes: equal on %llu random states\\n", N_PLANES, (unsigned long long)compared);
    return 0;
}}
"""

_PICK = """\
/* The pick of the default userspace scheduler; where the kernel schedules, what a `resched` of a
 * vCPU that neither blocks nor exits leads to. */
static void compare_one(const struct ps_state *s, unsigned event, unsigned plane)
{{
    struct {state} mine;
    copy(&mine, s);
    const unsigned got = {name}(&mine), want = ps_default_pick(&policy, s);
    (void)event;
    (void)plane;
    compared++;
    if (got != want)
        fail(s, PS_N_EVENTS, 0, got, want);
    if (got == PS_NO_PLANE || policy.scheduler == PS_SCHEDULER_USER)
        return;
    struct ps_state after = *s;
    const struct ps_outcome out = ps_step(&policy, &after, PS_EVENT_RESCHED, 0);
    if ((unsigned)out.now != got)
        fail(s, PS_EVENT_RESCHED, 0, got, (unsigned)out.now);
}}

static void compare_all(const struct ps_state *s, unsigned n_planes)
{{
    (void)n_planes;
    compare_one(s, 0, 0);
}}
"""

_STEP = """\
static void compare_one(const struct ps_state *s, unsigned event, unsigned plane)
{{
    struct ps_state after = *s;
    struct {state} mine;
    copy(&mine, s);
    const struct ps_outcome out = ps_step(&policy, &after, event, plane);
    const unsigned want = out.reason | (unsigned)out.fault << 8 | (unsigned)out.flags << 16;
    const unsigned got = {name}(&mine, event, plane);
    compared++;
    if (got != want || memcmp(&mine, &after, sizeof after))
        fail(s, event, plane, got, want);
}}

static void compare_all(const struct ps_state *s, unsigned n_planes)
{{
    for (unsigned event = 0; event < PS_N_EVENTS; event++)
        for (unsigned plane = 0; plane < n_planes; plane++)
            compare_one(s, event, plane);
}}
"""


def proof_text(asked: Asked, shape: Shape, text: str) -> str:
    """Return the program."""
    state = f"{asked.name}_state"
    fields = state_fields() if asked.whole_step else shape.fields()
    masks = [each for each in fields if each not in ("current", "status")]
    masks = ["online", *(each for each in masks if each != "online")]
    named = (KERNEL if asked.style == "kernel" else C).named
    names = {"state": state, "name": asked.name}
    step = asked.whole_step
    how = "cc -O2 -DNDEBUG -I\"$(python -c 'import planesched as p; print(p.get_include())')\""
    head = f"/* Compares {asked.name}() with ps_step. With planesched's headers:\n * {how}\n */\n"
    return head + _PROGRAM.format(
        **names,
        exported=_exported(asked, fields, text),
        planes=asked.planes,
        n_masks=len(masks),
        pointed=", ".join(f"&s->{each}" for each in masks),
        masks=", ".join(f"&s.{each}" for each in masks),
        copies="\n".join(f"    to->{named(each)} = s->{each};" for each in fields),
        compare=(_STEP if step else _PICK).format(**names),
        statuses="    s.status = (uint8_t)(number % 3u);\n    number /= 3u;" if step else "",
        random_status="    s.status = (uint8_t)(draw() % 3u);" if step else "",
        n_statuses=3 if step else 1,
        sets=_sets(asked.policy, asked.planes),
    )


def _sets(policy: Policy, planes: int) -> str:
    numbers = policy_numbers(policy, planes)
    stated = [each.name for each in rules().structs["ps_policy"]]
    stated = stated[: stated.index("reserved")]
    return "\n        ".join(
        f"ps_policy_set(&policy, PS_FIELD_{name}, {numbers[name]}u) ||" for name in stated
    )


def _exported(asked: Asked, fields: list[str], text: str) -> str:
    if asked.style != "rust":
        without = "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith("#include")
        )
        shims = _KERNEL if asked.style == "kernel" else ""
        parameters = ", unsigned event, unsigned plane" if asked.whole_step else ""
        const = "" if asked.whole_step else "const "
        declared = f"struct {asked.name}_state;\n"
        declared += f"unsigned {asked.name}({const}struct {asked.name}_state *s{parameters});\n"
        return f'#include "planesched/step.h"\n\n{shims}\n{declared}\n{without}'
    kinds = {"current": "int8_t", "status": "uint8_t"}
    members = "".join(f"    {kinds.get(each, 'uint16_t')} {each};\n" for each in fields)
    parameters = ", unsigned event, unsigned plane" if asked.whole_step else ""
    const = "" if asked.whole_step else "const "
    return (
        '#include "planesched/step.h"\n\n'
        f"/* Of the library that rustc --crate-type staticlib makes. */\n"
        f"struct {asked.name}_state {{\n{members}}};\n"
        f"unsigned {asked.name}({const}struct {asked.name}_state *s{parameters});\n"
    )

"""The layouts that PS_ABI_VERSION stands for: what changes here changes the version."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import planesched
from planesched import STATE, Event, Fault, Flags, Outcome, Reason, capi, core

MASKS = (
    "online runnable halted irq masked noint nmi trap held edge locked vina vina_asserted req_exit "
    "unstarted"
)
POLICY = (
    "direction marker rank preempt gate trigger rearm call refuse_pending call_self ret idle empty "
    "wake unhalt halt_scope nmi force force_self vina vina_auto_reset scheduler"
)
DERIVED = (
    "marker_bit demotable gated unarmed nmi_forces unhalt_masked unhalt_noint brought on_entry "
    "above below"
)
# struct: (bytes, its fields from the first on, and where each begins)
LAYOUTS = {
    2: {
        "ps_state": (32, f"{MASKS} current status", [*range(0, 30, 2), 30, 31]),
        "ps_outcome": (8, "was now reason fault flags vector ended notes", [*range(8)]),
        "ps_policy": (
            108,
            f"{POLICY} accelerated boot reserved {DERIVED}",
            [*range(22), 22, 24, 25, *range(26, 46, 2), 76],
        ),
    }
}
SIZES = {2: (len(Event), len(Reason), len(Fault))}
SIGNATURE = """
static int fn(void *user, const struct ps_state *state, int64_t now_ns, uint32_t vcpu,
              uint32_t reason, int32_t *req_exit)
{ (void)user; (void)state; (void)now_ns; (void)vcpu; (void)reason; (void)req_exit; return -1; }
"""


def test_layout_of_this_version(tmp_path, tool_env):
    version = core.ABI_VERSION
    assert version in LAYOUTS, f"PS_ABI_VERSION {version} is new: say what it stands for"
    lines = [
        "#include <planesched/scheduler.h>\n#include <stddef.h>\n#include <stdio.h>\n",
        SIGNATURE,
        'int main(void) { ps_scheduler_fn f = fn; printf("%d\\n", f == fn ? PS_ABI_VERSION : 0);',
        'printf("%d %d %d\\n", PS_N_EVENTS, PS_N_REASONS, PS_N_FAULTS);',
    ]
    expected = [str(version), " ".join(map(str, SIZES[version]))]
    for struct, (size, fields, offsets) in LAYOUTS[version].items():
        lines.append(f'printf("%zu\\n", sizeof(struct {struct}));')
        expected.append(str(size))
        for field, offset in zip(fields.split(), offsets, strict=True):
            lines.append(f'printf("{field} %zu\\n", offsetof(struct {struct}, {field}));')
            expected.append(f"{field} {offset}")
    source = tmp_path / "layout.c"
    source.write_text("\n".join([*lines, "return 0; }\n"]))
    build = ["gcc", "-std=c11", "-Wall", "-Werror", f"-I{planesched.get_include()}", source]
    subprocess.run([*build, "-o", tmp_path / "layout"], check=True, env=tool_env)
    said = subprocess.run(
        [tmp_path / "layout"], check=True, capture_output=True, text=True, env=tool_env
    )
    assert said.stdout.splitlines() == expected


def test_python_agrees():
    size, fields, offsets = LAYOUTS[core.ABI_VERSION]["ps_state"]
    assert STATE.itemsize == size
    assert STATE.names == tuple(fields.split())
    assert [STATE.fields[name][1] for name in STATE.names] == offsets
    words = capi.policy_words("vsm_relay", planes=3)
    assert words.nbytes == LAYOUTS[core.ABI_VERSION]["ps_policy"][0]


def test_packed_outcomes():
    outcome = Outcome(was=3, now=15, reason=Reason.RESCHED, fault=Fault.BLOCKED, flags=255)
    packed = 3 | 15 << 8 | 11 << 16 | 9 << 24 | 255 << 32
    assert capi.unpack(packed) == outcome
    assert outcome.flags == Flags(255)
    with pytest.raises(ValueError, match="packed=-1, expected an outcome: event, plane or"):
        capi.unpack(-1)


def test_policy_words_are_those_of_the_policy_and_stay():
    words = capi.policy_words("kvm_planes", planes=2)
    fields = LAYOUTS[core.ABI_VERSION]["ps_policy"][1].split()
    values = words.view(np.uint8)
    policy = planesched.Policy.preset("kvm_planes", planes=2)
    for name in ("direction", "marker", "preempt", "call", "ret", "empty", "force", "force_self"):
        assert values[fields.index(name)] == int(getattr(policy, name)), name
    with pytest.raises(ValueError, match="read-only"):
        words[0] = 1


def test_the_numbers_stand_in_the_headers_too():
    text = Path(planesched.get_include(), "planesched", "state.h").read_text()
    assert f"#define PS_ABI_VERSION {core.ABI_VERSION}\n" in text

"""A dtype or an enum that is not what C has cannot be imported."""

import subprocess
import sys
from itertools import cycle

import pytest

from planesched import layouts
from planesched.core import policy_table
from planesched.policy import hold_fields

pytestmark = pytest.mark.python  # what compares them runs at every import

HOLDERS = {
    **dict.fromkeys(("ps_state", "ps_apic", "ps_event_record"), "core"),
    **dict.fromkeys(("ps_outcome_record", "ps_figures"), "core"),
    **dict.fromkeys(("ps_job", "ps_totals", "ps_row", "ps_vector_row"), "simulation.engine"),
    "ps_act": "checking.search",
    "ps_trace_record": "traces.decoder",
}
OTHER = """
import numpy as np
from planesched import layouts
dtype = layouts._STRUCTS["{struct}"]
fields = [(name, dtype[name]) for name in dtype.names]
layouts._STRUCTS["{struct}"] = np.dtype({change})
import planesched.{module}
"""
# A field more; one less; two that have changed places; one of another name.
CHANGES = [
    "fields + [('more', 'u1')]",
    "fields[:-1]",
    "[fields[1], fields[0], *fields[2:]]",
    "[('other', fields[0][1]), *fields[1:]]",
]


def error_of(code: str) -> str:
    """The last line that a new interpreter says when it runs some code, and fails."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, code
    return done.stderr.splitlines()[-1]


def test_every_struct_is_held():
    assert set(HOLDERS) == set(layouts._STRUCTS)


@pytest.mark.parametrize(("struct", "change"), list(zip(HOLDERS, cycle(CHANGES))))
def test_another_layout_is_no_import(struct, change):
    said = error_of(OTHER.format(struct=struct, change=change, module=HOLDERS[struct]))
    assert said.startswith(f"ImportError: struct {struct} has ")


@pytest.mark.parametrize(("enum", "module"), [("Event", "core"), ("JobKind", "simulation.engine")])
def test_another_number_is_no_import(enum, module):
    said = error_of(
        "from enum import IntEnum\n"
        "from planesched import events\n"
        f"names = {{each.name: int(each) for each in events.{enum}}}\n"
        "names['OTHER'] = names.popitem()[1]\n"
        f"events.{enum} = IntEnum('{enum}', names, module='planesched.events')\n"
        f"import planesched.{module}\n"
    )
    assert said.startswith(f"ImportError: {enum}: planesched.events and C differ in [")


def test_a_number_without_a_name_is_no_import():
    with pytest.raises(ImportError, match="Fault: C has 3 numbers, and names 2"):
        layouts.hold_numbers([("Fault", "NONE", 0), ("Fault", "UD", 1), ("Fault", None, 3)])


def test_a_policy_field_that_c_or_python_lacks_fails_the_import():
    table = policy_table()
    hold_fields(table)
    name, values, number = table[0]
    for wrong, why in (
        (table[1:], f"Policy.{name} is no field of struct ps_policy"),
        ([*table, ("more", "", 0)], f"ps_policy.more is not field {len(table)} of Policy"),
        ([(name, f"{values} more", number), *table[1:]], f"{name} has the values .* more in"),
        ([(name, values, number + 1), *table[1:]], f"{name} is {number + 1} by default"),
    ):
        with pytest.raises(ImportError, match=why):
            hold_fields(wrong)

"""What is wrong is said by name, value and what was expected, and nobody looks at the wording."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from planesched import VM, InputError, Policy
from planesched.checks import number, one_of, plane_id, whole
from planesched.errors import Mistake, TypeMistake, Words, nearest, unknown
from planesched.reference import Reference
from planesched.text import rate_hz

PACKAGE = Path(__file__).parents[2] / "planesched"


def test_a_mistake_says_name_value_and_what_was_expected():
    mistake = Mistake("planes", 17, "a whole number in 1..16")
    assert str(mistake) == "planes=17, expected a whole number in 1..16"
    assert str(Mistake("log", Words("a list"), "an ndarray")) == "log: a list, expected an ndarray"
    assert str(Mistake("", "5", "a time")) == "'5', expected a time"
    assert isinstance(mistake, ValueError)
    assert not isinstance(mistake, TypeError)
    assert isinstance(TypeMistake("a", 1, "b"), ValueError)
    assert isinstance(TypeMistake("a", 1, "b"), TypeError)
    again = pickle.loads(pickle.dumps(mistake))
    assert (again.name, again.found, again.expected) == ("planes", 17, mistake.expected)


@pytest.mark.parametrize(
    ("name", "within", "told"),
    [
        ("", "service", "service"),
        ("service", "service", "service"),
        ("service.gamma", "service", "service.gamma"),
        ("times[3]", "times", "times[3]"),
        ("mean", "service", "service.mean"),
        ("[3]", "times", "times[3]"),
        ("format", "for", "for.format"),
    ],
)
def test_a_mistake_is_named_from_without(name, within, told):
    mistake = TypeMistake(name, 1, "2").within(within)
    assert (mistake.name, type(mistake)) == (told, TypeMistake)


def test_an_input_error_has_a_place_and_is_no_longer_than_a_screen():
    placed = InputError.of("x.toml", 7, Mistake("planes", 17, "1..16"))
    assert str(placed) == "x.toml:7: found planes=17, expected 1..16"
    assert len(str(InputError("-", 1, repr(bytes(4000)), "text"))) < 240
    assert len(str(Mistake("name", "x" * 4000, "less"))) < 120


@pytest.mark.parametrize(
    ("found", "meant"),
    [("vms", "vsm"), ("VSM", "vsm"), ("kvm-vsm", "kvm_vsm"), ("opnehcl", "openhcl"), ("xyz", None)],
)
def test_the_nearest_name_is_told(found, meant):
    names = ["kvm_vsm", "vsm", "openhcl", "tdx"]
    assert nearest(found, names) == meant
    told = str(unknown("policy", found, names))
    assert told.endswith(f"did you mean {meant}?" if meant else "tdx")
    with pytest.raises(Mistake, match=re.escape(told)):
        one_of("policy", found, names)


def test_numbers():
    assert whole("n", 3, 1, 4) == 3
    for value in (True, 1.0, "1", None):
        with pytest.raises(TypeMistake, match="expected a whole number, 1 or more"):
            whole("n", value, 1)
    with pytest.raises(Mistake, match=r"n=5, expected a whole number in 1\.\.4"):
        whole("n", 5, 1, 4)
    for value in (0, -1, np.nan, np.inf, 10**400):
        with pytest.raises(Mistake, match="expected a finite number above 0"):
            number("n", value)
    for value in (True, "1", np.complex128(1)):
        with pytest.raises(TypeMistake, match="expected a finite number above 0"):
            number("n", value)
    with pytest.raises(Mistake, match="expected a finite number a second"):
        rate_hz(10**400)
    assert plane_id("plane", 2, 3) == 2
    with pytest.raises(Mistake, match=r"plane=3, expected a plane in 0\.\.2"):
        plane_id("plane", 3, 3)


@pytest.mark.parametrize("plane", [2, -1, 1.5, True, "1", None])
def test_the_core_and_the_slow_model_refuse_a_plane_alike(plane):
    told = []
    for vcpu in (VM("vsm", 2, 1).vcpus[0], Reference("vsm", 2)):
        with pytest.raises(Mistake) as caught:
            vcpu.irq(plane)
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]
    told = []
    for make in (lambda: VM("vsm", 2, 1, [0, plane]), lambda: Reference("vsm", 2, [0, plane])):
        with pytest.raises(Mistake) as caught:
            make()
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]


def test_a_policy_says_what_is_wrong_with_a_field():
    with pytest.raises(TypeMistake, match="rearm=1, expected true or false"):
        Policy(rearm=1)
    with pytest.raises(Mistake, match=r"ret='resum', expected one of .* did you mean resume"):
        Policy(ret="resum")
    with pytest.raises(Mistake, match=r"field='rett', expected one of .* did you mean ret"):
        Policy().replace(rett="resume")


def test_nobody_looks_at_the_wording_of_an_error():
    looks = re.compile(
        r"str\((error|mistake)\)\.(?!split\(\)\))|in str\((error|mistake)\)|(error|mistake)\.args\b"
    )
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py*"))
        if path.suffix in (".py", ".pyx")
        for line in path.read_text().splitlines()
        if looks.search(line)
    ]
    assert not found

"""Every public name has an example, and the examples are what comes out."""

import doctest
import inspect

import numpy as np
import pytest

import planesched

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented():
    """Public names with docstrings of their own: a dtype and a number have none."""
    for name in sorted({*planesched.__all__} - {"__version__"}):
        value = getattr(planesched, name)
        if not isinstance(value, int | np.dtype) or isinstance(value, type):
            yield name, value
    for room in (planesched.explaining, planesched.irqchip):
        for name in room.__all__:
            yield name, getattr(room, name)
    yield "Distribution", planesched.figures.distribution.Distribution
    yield "Stats", planesched.figures.planes.Stats
    yield "Sweep", planesched.simulation.swept.Sweep


def test_each_public_name_has_an_example():
    assert [name for name, value in documented() if ">>> " not in inspect.getdoc(value)] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_examples_are_what_comes_out():
    """In one test: the drivers' modules are imported once, and all that is wrong is listed."""
    found = []
    for name, value in documented():
        names = {each: getattr(planesched, each) for each in planesched.__all__}
        names |= vars(inspect.getmodule(value) or planesched) | {name: value}
        test = doctest.DocTestParser().get_doctest(inspect.getdoc(value), names, name, None, 0)
        doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(test, out=found.append)
    assert not found, "".join(found)

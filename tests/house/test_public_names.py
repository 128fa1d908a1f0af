"""The names of `planesched`: all there, all seen by editors, each imported when it is asked for."""

import ast
import re
import subprocess
import sys
from importlib import import_module

import pytest

import planesched


@pytest.fixture
def fresh(tmp_path):
    """Run code in a new interpreter, and give what it printed."""

    def fresh(code: str) -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    return fresh


def test_all_and_dir_are_the_table_and_hold_no_module():
    assert sorted(planesched.__all__) == dir(planesched)
    assert len(set(planesched.__all__)) == len(planesched.__all__)
    values = {name: getattr(planesched, name) for name in planesched.__all__}
    assert not [name for name, value in values.items() if isinstance(value, type(sys))]
    for name, home in planesched._HOMES.items():
        module = import_module(f"planesched.{home}".rstrip("."))
        assert values[name] is getattr(module, name), name
    star: dict[str, object] = {}
    exec("from planesched import *", star)
    assert {name: star[name] for name in values} == values


def test_a_reader_can_keep_them_in_mind():
    assert len(planesched._HOMES) <= 35


def test_who_reads_without_running_sees_the_same_names(root):
    tree = ast.parse((root / "planesched/__init__.py").read_text())
    seen = {
        alias.asname: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
        if alias.asname == alias.name
    }
    made_there = {"get_include"}
    homes = {name: home for name, home in planesched._HOMES.items() if name not in made_there}
    assert seen == homes | dict.fromkeys(planesched._ROOMS, "")


def test_a_name_stays_what_it_is_whatever_is_imported(fresh):
    """A module that is imported becomes an attribute of its package, and may not hide a name."""
    assert (
        fresh(
            "import pkgutil, sys, types, planesched\n"
            "for found in pkgutil.walk_packages(planesched.__path__, 'planesched.'):\n"
            "    if not found.name.endswith(('__main__', '.simpy')):\n"
            "        __import__(found.name)\n"
            "print([name for name in planesched.__all__\n"
            "       if isinstance(getattr(planesched, name), types.ModuleType)])\n"
        )
        == "[]\n"
    )


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'planesched' has no attribute 'nothing'"):
        planesched.nothing  # noqa: B018


def test_import_is_cheap(fresh):
    """No compiled module, no room and nothing of the standard library that numpy does without."""
    code = (
        "import sys, numpy, dataclasses; before = set(sys.modules); import planesched{more}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    rules = {
        "algorithm",
        "cfunctions",
        "checks",
        "errors",
        "events",
        "policy",
        "presets",
        "text",
        "_version",
    }
    expected = {"planesched", *(f"planesched.{name}" for name in rules)}
    assert set(fresh(code.format(more="")).split()) == expected
    assert "planesched.core" in fresh(code.format(more="; planesched.VM"))


def test_rooms_are_there_without_an_import_of_their_own(fresh):
    for room in planesched._ROOMS:
        assert (
            fresh(f"import planesched; print(planesched.{room}.__name__)") == f"planesched.{room}\n"
        )


def test_help_begins_with_every_name_by_its_section():
    words = set(re.findall(r"\w+", planesched.__doc__))
    names = {*planesched.__all__, *planesched._ROOMS} - {"__version__"}
    assert names - words == set()

"""Every command that prints a table prints it as Markdown and CSV too, and 80 columns wide."""

import csv
import io
import os
import pty
import struct
import subprocess
import sys
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from planesched.cli import main

TABLES = [
    (("check", "kvm_planes"), "property", "wakeup"),
    (("check", "--matrix", "vsm", "tdx"), "policy", "tdx"),
    (("check", "vsm", "--sends", "irq 1"), "property", "owed"),
    (("demo",), "policy", "direct"),
    (("diff", "vsm", "tdx"), "step", "1"),
    (("policies",), "name", "whp"),
    (("scenarios",), "name", "exit-cost"),
    (("step", "vsm", "irq 1", "return"), "event", "return"),
    (("trace", ":demo"), "vector", "236"),
]


@pytest.mark.parametrize(("words", "column", "cell"), TABLES)
def test_tables_are_data_too(words, column, cell, capsys):
    main([*words, "--format", "csv"])
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert cell in [row[column] for row in rows]
    main([*words, "--format", "md"])
    head, rule, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith(f"| {column} |")
    assert set(rule) == set("| -")
    assert len(lines) == len(rows)
    assert {line.replace("\\|", "").count("|") for line in (head, *lines)} == {rule.count("|")}


WIDE = ["step", "vsm", "--vectors", "irq 1 0x35", "irq 1 0x31", "irq 1 0x42", "eoi 1"]


@pytest.mark.parametrize(
    "words",
    [
        ("step", "vsm_relay", "irq 1", "return", "hold 1", "call", "--planes", "3"),
        (*WIDE,),
        ("check", "kvm_planes", "--planes", "3"),
        ("check", "vsm", "--sends", "irq 1, nmi 0", "--protocol", "kvm_planes_rfc"),
        ("diff", "vsm", "kvm_vsm", "--planes", "3"),
        ("explain", "preempt"),
        ("scenarios", "exit-cost"),
        ("policies", "vsm"),
    ],
)
def test_what_is_wide_is_laid_out_in_80_columns(words, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    main([*words])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_whoever_asks_gets_it_wide(capsys):
    assert main([*WIDE, "--wide"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7  # one table


def test_a_terminal_of_60_columns_is_looked_at(tmp_path):
    """Without COLUMNS: what the terminal itself says; what it is told of progress, it is rid of."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    words = [sys.executable, "-m", "planesched", "compare", "exit-cost", "--duration", "2ms"]
    words += ["--policy", "vsm", "--policy", "vsm:ret=resume"]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 1 << 16):
            shown += block
    except OSError:  # as Linux says that the other end is closed
        pass
    os.close(ours)
    assert done.wait(60) == 0
    lines = [line.rpartition("\r\x1b[K")[2] for line in shown.decode().split("\r\n")]
    assert [line for line in lines if len(line) > 60 or "events/s" in line] == []
    assert "switches/s a vCPU" in shown.decode()

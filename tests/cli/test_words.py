"""What is typed wrong or twice: named as it was typed, with what was probably meant."""

import shlex

import pytest

from planesched.cli import main

REPLAY = "replay :demo --map 0x26=level1 --policy vsm"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("relpay x", "did you mean replay?"),
        ("simulate vsm-boot --durration 5ms", "did you mean --duration? (see planesched simulate"),
        (
            "simulate vsm-boot --format jsn",
            "expected one of text, md, csv, json; did you mean json",
        ),
        (
            "live prob",
            "argument PART: 'prob', expected one of probe, verify, measure, run; did you",
        ),
        ("simulate exitcost", "SCENARIO='exitcost', expected one of"),
        ("simulate exitcost", "did you mean exit-cost?"),
        ("policies vms", "POLICY='vms', expected one of"),
        ("check vsm --property priorty", "--property='priorty', expected one of"),
        ("check vsm --property priorty", "did you mean priority?"),
        ("check vsm --events irk", "did you mean irq?"),
        ("check vsm --sends 'irk 1'", "--sends='irk 1', expected irq or nmi and a plane"),
        ("check vsm --sends 'irq 1' --protocol kvm_plane", "did you mean kvm_planes?"),
        ("simulate vsm-boot --cost exitt=1us", "did you mean exit?"),
        ("simulate vsm-boot --cost kvm_exits", "did you mean kvm_exit?"),
        ("simulate vsm-boot --policy vsm:rett=resume", "did you mean ret?"),
        (
            "sweep exit-cost --grid workload.scal=1,2",
            "--grid: workload.scal='scal', expected one of",
        ),
        ("sweep exit-cost --grid workload.scal=1,2", "did you mean scale?"),
        ("sweep exit-cost --grid polcy=vsm", "--grid='polcy', expected one of policy"),
        (f"{REPLAY} --vcpus 4000000000", "error: no memory for vcpus=4000000000"),
        ("simulate exit-cost --vcpus 4000000000", "vcpus=4000000000, expected at most "),
        ("sweep exit-cost --grid seed=x", "--grid seed='x', expected a whole number"),
        ("sweep exit-cost --grid workload.scale=0", "--grid workload.scale='0', expected a number"),
        ("sweep exit-cost --grid slice_ns=x", "slice_ns='x', expected a time with its unit"),
        (f"{REPLAY} --forward 1us", "--forward: 1.00 us, expected a policy whose marker forwards"),
        ("check vsm --senders once", "--senders='once', expected --sends beside it"),
        ("check vsm --sends 'irq 1' --tpr", "--tpr: with --sends or --protocol, expected a search"),
        ("check --matrix --sends 'irq 1'", "--matrix: with --sends or --protocol, expected a"),
        ("check vsm --sends 'irq 1' --vcpus 2", "--vcpus=2, expected 1 with --sends"),
        (f"{REPLAY} --service levl1=5us", "--service='levl1', expected one of level0, level1; did"),
        ("replay :demo --map 0x26=levl1 --policy vsm", "did you mean level1?"),
    ],
)
def test_what_was_meant_is_said(words, message, capsys):
    try:
        status = main(shlex.split(words))
    except SystemExit as left:
        status = left.code
    said = capsys.readouterr().err
    assert status == 2
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simulate vsm-boot --seed 1 --seed 2", "argument --seed: given twice, expected once"),
        (
            "compare vsm-boot --duration 5ms --duration=6ms",
            "--duration: given twice, expected once",
        ),
        ("simulate vsm-boot --format csv --json", "--json: given and --format, expected once"),
        ("live run vsm-boot --policy vsm --policy tdx", "argument --policy: given twice"),
        (
            "check vsm --set ret=resume --set ret=marker",
            "ret: given twice, expected each field once",
        ),
        ("simulate vsm-boot --policy vsm:ret=resume,ret=marker", "ret: given twice, expected each"),
        ("sweep exit-cost --grid seed=1,2 --grid seed=3", "--grid: seed twice, expected each once"),
        ("sweep exit-cost --grid policy=vsm,tdx,vsm", "--grid: policy: vsm twice, expected each"),
        (f"{REPLAY} --vm 1 --vm 2", "argument --vm: given twice, expected once"),
    ],
)
def test_what_is_given_twice_is_not_lost(words, message, capsys):
    try:
        status = main(shlex.split(words))
    except SystemExit as left:
        status = left.code
    assert status == 2
    assert message in capsys.readouterr().err

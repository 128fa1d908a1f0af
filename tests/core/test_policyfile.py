"""Policies as people name them."""

import json
import re

import pytest

from planesched import InputError, Policy
from planesched.policytext import as_policy, load_policy, with_settings


def test_presets_and_changes():
    vsm = Policy.preset("vsm", planes=3)
    assert as_policy("vsm", 3) == vsm
    assert as_policy("vsm:ret=resume, vina=off", 3) == vsm.replace(ret="resume", vina="off")
    assert as_policy("vsm_relay", 4).marker == 3


def test_settings():
    policy = with_settings(
        Policy.preset("kvm_user"),
        ["accelerated=call+return", "rearm=false", "boot=1", "refuse_pending=true"],
        2,
    )
    assert policy == Policy.preset("kvm_user").replace(
        accelerated=["call", "return"], rearm=False, boot=1, refuse_pending=True
    )
    assert with_settings(Policy(marker=1), ["marker=none"], 2).marker is None
    assert with_settings(policy, ["accelerated="], 2).accelerated == frozenset()


def test_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('preset = "vsm_relay"\nret = "next_online"\n')
    expected = Policy.preset("vsm_relay", 3).replace(ret="next_online")
    assert load_policy(path, 3) == as_policy(str(path), 3) == expected
    assert as_policy(f"{path}:vina=off", 3) == expected.replace(vina="off")
    path.write_text('[policy]\naccelerated = ["call"]\nscheduler = "user"\n')
    assert load_policy(path) == Policy(accelerated=["call"], scheduler="user")


@pytest.mark.parametrize("name", ["vsm", "kvm_user", "tdx", "cca", "vsm_locked"])
def test_what_as_dict_gives_can_be_read_again(name, tmp_path):
    path = tmp_path / "x.toml"
    fields = Policy.preset(name).as_dict()
    # A JSON value is a TOML value here; TOML has no word for "none".
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if value is not None)
    path.write_text("".join(lines))
    assert load_policy(path) == Policy.preset(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vms", "policy='vms', expected one of kvm_planes"),
        ("vsm:ret", "policy='ret', expected field=value"),
        ("vsm:ret=back", "policy.ret='back', expected one of resume, next_online"),
        ("vsm:retn=resume", "policy.field='retn', expected one of direction"),
        ("vsm:marker=x", "marker='x', expected a plane"),
        ("vsm:rearm=yes", "rearm='yes', expected true or false"),
        ("vsm:accelerated=call+no", "accelerated='no', expected one of call"),
        ("vsm:preempt=relay", "preempt='relay', expected a marker"),
        ("vsm:marker=2", "marker=2, expected a plane below planes=2"),
        ("vsm:", "policy='', expected field=value"),
    ],
)
def test_wrong_words(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        as_policy(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('preset = "vms"\n', "x.toml:1: found preset='vms', expected one of kvm_planes"),
        ('\nrte = "resume"\n', "x.toml:2: found the key 'rte', expected one of preset, direction"),
        ('\n\nret = "back"\n', "x.toml:3: found ret='back', expected one of resume"),
        ("rearm = 1\n", "x.toml:1: found rearm=1, expected true or false"),
        ("boot = 2\n", "x.toml:1: found boot=2, expected a plane below planes=2"),
        ("policy = 1\n", "x.toml:1: found policy=1, expected a table [policy]"),
        ("ret =\n", "x.toml:1: found"),
    ],
)
def test_wrong_files(text, said, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        load_policy(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        as_policy(str(tmp_path / "none.toml"))


def test_a_method_that_nobody_would_call_is_refused():
    """What a policy picks is a function of `algorithm`, not a method of a class of one's own."""
    with pytest.raises(ValueError, match=r"Mine\.order: a method, expected none.*algorithm= takes"):
        type("Mine", (Policy,), {"order": lambda *_: 1})
    with pytest.raises(ValueError, match=r"Mine\.algorithm: a method.*algorithm= takes a function"):
        type("Mine", (Policy,), {"algorithm": lambda *_: 1})
    assert type("Mine", (Policy,), {"_helped": lambda *_: 1})().ret == Policy().ret

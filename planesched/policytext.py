"""The one reader of policies: a `Policy`, ``"vsm:ret=resume"``, or a TOML file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import Mistake, TypeMistake, Words, unknown
from .events import MAX_PLANES
from .files import Toml
from .policy import ENUMS, Policy, field_names
from .presets import presets

__all__ = [
    "Given",
    "Several",
    "as_policies",
    "as_policy",
    "field_value",
    "labelled",
    "load_policy",
    "with_settings",
]

Given = Policy | str | os.PathLike[str]
"""What a policy is given as: see `as_policy`."""

Several = Given | Iterable[Given] | Mapping[str, Given]
"""What policies are given as: one, several, or several with labels."""

_FLAGS = {"true": True, "false": False}
_SETTING = "field=value, for example ret=resume"


def as_policy(
    given: Given, planes: int = 2, name: str = "policy", folder: str | os.PathLike[str] = ""
) -> Policy:
    """Return the policy that is meant.

    Parameters
    ----------
    given : Policy, str or path-like
        A policy; or a preset's name or a TOML file (a name that ends with ``.toml`` or holds a
        ``/``), after a colon with fields that differ: ``"vsm:ret=resume,vina=off"``. A value is a
        name, a plane, ``true`` or ``false``; ``none`` for no marker; reasons of `accelerated` are
        joined by ``+``, or ``none``.
    planes : int
        How many planes the VM has, 1..16.
    name : str
        What the caller calls it, for a mistake in it.
    folder : str or path-like
        Where a file that is named is looked for; here, by default.

    Raises
    ------
    Mistake
        If there is no such preset, field or value, or the policy names a plane that there is not;
        a TypeError too if `given` is of another type.
    OSError
        If the file cannot be read.
    InputError
        If the file does not hold a policy.

    Examples
    --------
    >>> as_policy("vsm:ret=resume") == Policy.preset("vsm").replace(ret="resume")
    True
    """
    try:
        if isinstance(given, Policy):
            policy = given
        elif isinstance(given, str):
            policy = _read(given, planes, name, folder)
        elif isinstance(given, os.PathLike):
            policy = load_policy(Path(folder) / given, planes)
        else:
            raise TypeMistake(name, given, "a Policy, the name of a preset, or a TOML file")
        policy.check_planes(planes)
    except Mistake as mistake:
        raise mistake.within(name) from None
    return policy


def as_policies(
    given: Several, planes: int = 2, folder: str | os.PathLike[str] = ""
) -> dict[str, Policy]:
    """Return the policies that are meant, by label.

    Parameters
    ----------
    given : what `as_policy` takes, or an iterable or mapping of such
        A mapping gives labels; else it is the str, or the number: ``"policy 1"``.
    planes, folder
        As of `as_policy`.

    Raises
    ------
    Mistake
        If there is no policy, or two of one label; and as `as_policy` does.
    """
    named = labelled(given)
    if not named:
        raise Mistake("policies", Words("none"), f"one or more, of {', '.join(presets())}")
    out: dict[str, Policy] = {}
    for label, policy in named:
        if label in out:
            raise Mistake("policies", Words(f"{label} twice"), "each policy once")
        out[label] = as_policy(policy, planes, "policy", folder)
    return out


def labelled(given: Several) -> list[tuple[str, Given]]:
    """Return one policy or several, unread, each with what it is called; see `as_policies`."""
    if isinstance(given, Mapping):
        return [(str(label), policy) for label, policy in given.items()]
    several = [given] if isinstance(given, Policy | str | os.PathLike) else given
    if not isinstance(several, Iterable):
        raise TypeMistake("policies", given, "a policy, or several")
    return [(_label(policy, number), policy) for number, policy in enumerate(several, 1)]


def field_value(field: str, text: str) -> Any:
    """Return the value of a policy's field as it is typed.

    Raises
    ------
    Mistake
        If there is no such field, or it has no such value.
    """
    text = text.strip()
    if field not in field_names():
        raise unknown("field", field, field_names())
    if field in ENUMS or field == "algorithm":
        return text
    if field == "accelerated":
        return [reason for reason in text.split("+") if reason and text != "none"]
    if field == "marker" and text == "none":
        return None
    if field in ("marker", "boot"):
        if not text.isascii() or not text.isdecimal():
            raise Mistake(field, text, f"a plane in 0..{MAX_PLANES - 1}")
        return int(text)
    if text not in _FLAGS:
        raise Mistake(field, text, "true or false")
    return _FLAGS[text]


def with_settings(policy: Policy, settings: Iterable[str], planes: int) -> Policy:
    """Return a policy with fields changed as they are typed, each ``"field=value"``.

    Raises
    ------
    Mistake
        If one is not of that form, or there is no such field or value.
    """
    changed = policy.replace(**_changes(settings))
    changed.check_planes(planes)
    return changed


def load_policy(path: str | os.PathLike[str], planes: int = 2) -> Policy:
    """Return the policy of a TOML file.

    The file holds fields of `Policy`, at its top or in a table ``[policy]``, and may name a
    ``preset`` that the others are taken from.

    Parameters
    ----------
    path : str or path-like
        The file.
    planes : int
        How many planes the VM has, 1..16.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is not TOML, or there is no such field or value; with the line.
    """
    file = Toml(path)
    inside = "policy" if "policy" in file.table else ""
    table = file.subtable("policy") if inside else file.table
    if not inside:
        file.check_kind("policy")
    file.known(table, ("preset", *field_names()), inside)
    fields = dict(table)
    preset = fields.pop("preset", None)
    base = Policy()
    if preset is not None:
        base = file.read(Policy.preset, preset, planes, key="preset", table=inside)
    try:
        policy = base.replace(**fields)
        policy.check_planes(planes)
    except Mistake as mistake:
        raise file.placed(mistake, mistake.name, inside) from None
    return policy


def _label(policy: Any, number: int) -> str:
    return f"policy {number}" if isinstance(policy, Policy) else str(policy)


def _read(text: str, planes: int, called: str, folder: str | os.PathLike[str]) -> Policy:
    name, colon, settings = _split(text)
    if name.endswith(".toml") or "/" in name:
        policy = load_policy(Path(folder) / name if folder else name, planes)
    elif name not in presets():
        raise unknown(called, name, presets())
    else:
        policy = Policy.preset(name, planes)
    return policy.replace(**_changes(settings.split(","))) if colon else policy


def _changes(settings: Iterable[str]) -> dict[str, Any]:
    changes = {}
    for setting in settings:
        field, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            raise Mistake("", setting, _SETTING)
        if field in changes:
            raise Mistake(field, Words("given twice"), "each field once")
        changes[field] = field_value(field, value)
    return changes


def _split(text: str) -> tuple[str, str, str]:
    """Split name and settings; a colon in a folder's name is not one between them."""
    head, slash, tail = text.rpartition("/")
    if "=" in head:  # A slash in a value: no value has one, and the message will say so.
        return text.partition(":")
    name, colon, settings = tail.partition(":")
    return head + slash + name, colon, settings

"""Policies as people name them: a preset, a TOML file, either with some fields changed."""

import os
from collections.abc import Iterable
from typing import Any

from .errors import TraceError
from .files import line_of, read_toml
from .policy import ENUMS, Policy, field_names
from .presets import presets

__all__ = ["load_policy", "parse_policy", "with_settings"]

_FLAGS = {"true": True, "false": False}


def parse_policy(text: str, planes: int = 2) -> Policy:
    """Make a policy of its name on a command line.

    Parameters
    ----------
    text : str
        A preset's name or a TOML file (a name that ends with ``.toml`` or holds a ``/``); after a
        colon, fields that differ: ``"vsm:ret=resume,vina=off"``.
    planes : int
        How many planes the VM has, 1..16.

    Raises
    ------
    ValueError
        If there is no such preset, field or value.
    OSError
        If the file cannot be read.
    TraceError
        If the file does not hold a policy.

    Examples
    --------
    >>> parse_policy("vsm:ret=resume") == Policy.preset("vsm").replace(ret="resume")
    True
    """
    name, colon, settings = _split(text)
    policy = load_policy(name, planes) if _is_file(name) else Policy.preset(name, planes)
    try:
        policy = with_settings(policy, settings.split(",") if colon else ())
        policy.check_planes(planes)
    except ValueError as error:
        raise ValueError(f"policy {text!r}: {error}") from None
    return policy


def with_settings(policy: Policy, settings: Iterable[str]) -> Policy:
    """Change fields as they are typed.

    Parameters
    ----------
    policy : Policy
        What to change.
    settings : iterable of str
        Each ``"field=value"``. A value is a name, a plane, ``true`` or ``false``; ``none`` for no
        marker; reasons of `accelerated` are joined by ``+``.

    Raises
    ------
    ValueError
        If it is not of that form, or there is no such field or value.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        field, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            raise ValueError(f"{setting!r} is not field=value, for example ret=resume")
        if field not in field_names():
            raise ValueError(f"{field!r} is no field of a policy: {', '.join(field_names())}")
        changes[field] = _value(field, value)
    return policy.replace(**changes)


def load_policy(path: str | os.PathLike[str], planes: int = 2) -> Policy:
    """Read a policy from a TOML file.

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
    TraceError
        If it is not TOML, or there is no such field or value; with the line.
    """
    name = os.fspath(path)
    table, text = read_toml(path)
    table = table.get("policy", table)
    if not isinstance(table, dict):
        raise TraceError(name, line_of(text, "policy"), f"policy={table!r}", "a table [policy]")
    known = ("preset", *field_names())
    for key in table:
        if key not in known:
            raise TraceError(name, line_of(text, key), repr(key), f"one of {', '.join(known)}")
    fields = dict(table)
    preset = fields.pop("preset", None)
    if preset is not None and preset not in presets():
        line = line_of(text, "preset")
        raise TraceError(name, line, f"preset={preset!r}", f"one of {', '.join(presets())}")
    try:
        base = Policy() if preset is None else Policy.preset(preset, planes)
        policy = base.replace(**fields)
        policy.check_planes(planes)
    except (TypeError, ValueError) as error:
        line = next((line_of(text, key) for key in fields if str(error).startswith(key)), 0)
        raise TraceError(name, line, str(error), "a valid policy") from None
    return policy


def _split(text: str) -> tuple[str, str, str]:
    """Split name and settings; a colon in a folder's name is not one between them."""
    head, slash, tail = text.rpartition("/")
    if "=" in head:  # A slash in a value: no value has one, and the message will say so.
        return text.partition(":")
    name, colon, settings = tail.partition(":")
    return head + slash + name, colon, settings


def _is_file(name: str) -> bool:
    return name.endswith(".toml") or "/" in name


def _value(field: str, text: str) -> Any:
    if field in ENUMS:
        return text
    if field == "accelerated":
        return [reason for reason in text.split("+") if reason]
    if field == "marker" and text == "none":
        return None
    if field in ("marker", "boot"):
        if not text.isascii() or not text.isdecimal():
            raise ValueError(f"{field}={text!r} is not a plane id")
        return int(text)
    if text not in _FLAGS:
        raise ValueError(f"{field}={text!r} is neither true nor false")
    return _FLAGS[text]

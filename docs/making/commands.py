"""The reference of the commands, from what argparse knows of each."""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module

from planesched import cli

__all__ = ["PAGES"]


def parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command, as `planesched NAME` makes it."""
    [commands] = filter(is_parts, cli._parser([name])._actions)
    made: argparse.ArgumentParser = dict(commands.choices or {})[name]
    return made


def is_parts(action: argparse.Action) -> bool:
    """Tell whether it is what chooses a command, or a command's part."""
    return isinstance(action, argparse._SubParsersAction)


def cell(text: str) -> str:
    """Make a text fit a table."""
    return re.sub(r"([|<>*])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Show a text as code in a table."""
    return f"`{text}`".replace("|", "\\|")


def option(action: argparse.Action) -> str:
    """Write an option, or an argument, as it is typed."""
    if not action.option_strings:
        return str(action.metavar or action.dest)
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    return f"{', '.join(action.option_strings)} {action.metavar or choices or action.dest.upper()}"


def told(action: argparse.Action, of: argparse.ArgumentParser) -> str:
    """Say what an option does."""
    formatter = argparse.HelpFormatter(of.prog)
    return cell(formatter._expand_help(action)) if action.help else ""


def described(name: str, lead: str, of: argparse.ArgumentParser, level: int = 2) -> Iterator[str]:
    """Tell of a command: what it is for, its usage, what it takes, an example."""
    yield f"{'#' * level} planesched {name}\n"
    yield f"{cell(lead)}\n"
    usage = re.sub(r"^usage: ", "", of.format_usage())
    yield f"```text\n{usage.rstrip()}\n```\n"
    parts: dict[str, argparse.ArgumentParser] = {}
    for group in of._action_groups:
        shown = [action for action in group._group_actions if action.dest != "help"]
        if any(map(is_parts, shown)):
            parts = dict(shown[0].choices or {})
        elif shown:
            yield f"| {group.title} | |\n|---|---|"
            for action in shown:
                yield f"| {code(option(action))} | {told(action, of)} |"
            yield ""
    example = re.sub(r"^example:\n\s*", "", of.epilog or "")
    if example:
        yield f"Example:\n\n```console\n$ {example}\n```\n"
    for part, each in parts.items():
        yield from described(f"{name} {part}", each.description or "", each, level + 1)


def page() -> str:
    """Write the page."""
    listed = "\n".join(
        f"- [{name}](#planesched-{name}): {text}" for name, text in cli.COMMANDS.items()
    )
    sections = []
    for name in cli.COMMANDS:
        lead = import_module(f"planesched.commands.{name}").DESCRIPTION
        sections.append("\n".join(described(name, lead, parser(name))))
    return f"""# Commands

Made from the commands themselves, as `planesched COMMAND --help` shows them. A wrong input is named
in one line, with the exit status 2; Ctrl-C is 130.

{listed}

{chr(10).join(sections)}"""


PAGES = {"reference/commands.md": page}

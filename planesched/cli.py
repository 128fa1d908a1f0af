"""The command. Thin: what a command does is a public call; here are its words and its errors."""

import argparse
import gc
import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, NoReturn

__all__ = ["main"]

COMMANDS = {
    "demo": "answer the design question of the KVM planes thread on a real trace",
    "replay": "replay a recorded kvm trace under some policies",
    "trace": "say what is in a recorded kvm trace, and what it lacks",
    "simulate": "simulate a scenario's guests under one policy",
    "compare": "simulate a scenario under several policies, on the same arrivals",
    "sweep": "simulate a scenario over a grid of settings",
    "scenarios": "list the scenario files that come with planesched",
    "policies": "list the presets, each with its rule and source",
    "step": "let events happen to one vCPU and print each outcome",
    "explain": "say what a field, a property, a reason or another term means",
    "check": "search every reachable state for what goes wrong",
    "diff": "find the shortest way to where two policies differ",
    "export": "write a policy's rules as C for the kernel, C or Rust",
    "conform": "run case files and print what differs",
    "live": "run planes on this host's KVM, and measure what they cost",
}
"""Each command's name and help. Its module, `planesched.commands.NAME`, has DESCRIPTION, EXAMPLE,
``add_arguments(parser)`` and ``run(args) -> int``, the exit status."""

INTERRUPTED = 130  # As shells report a process that Ctrl-C ended.
BROKEN_PIPE = 141


class _Parser(argparse.ArgumentParser):
    """Say what is wrong in one line, and what was probably meant; take each option once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.given: dict[str, str] = {}
        self.command: _Parser | None = None
        self.register("action", None, _Store)
        self.register("action", "store", _Store)
        self.register("action", "store_const", _StoreConst)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"planesched: error: {message} (see {self.prog} --help)\n")

    def parse_args(self, *args: Any, **options: Any) -> Any:
        found, rest = self.parse_known_args(*args, **options)
        if rest:
            parser = self.command or self
            known = parser._option_string_actions
            option = next((word for word in rest if word.startswith("--")), "")
            parser.error(f"unrecognized arguments: {' '.join(rest)}{_meant(option, known)}")
        return found

    def once(self, action: argparse.Action, option: str | None) -> None:
        """Raise where what an option says was said before: the first would be lost silently."""
        if option is None:
            return
        before = self.given.setdefault(action.dest, option)
        if vars(action).setdefault("used", False) or before != option:
            both = "twice" if before == option else f"and {before}"
            raise argparse.ArgumentError(action, f"given {both}, expected once")
        vars(action)["used"] = True

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            expected = f"expected one of {', '.join(names)}{_meant(str(value), names)}"
            raise argparse.ArgumentError(action, f"{value!r}, {expected}")


class _Store(argparse._StoreAction):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        parser.once(self, option)
        super().__call__(parser, namespace, values, option)


class _StoreConst(argparse._StoreConstAction):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        parser.once(self, option)
        super().__call__(parser, namespace, values, option)


def _meant(word: str, names: Iterable[str]) -> str:
    from .errors import nearest

    near = nearest(word, names) if word else None
    return f"; did you mean {near}?" if near else ""


class _Version(argparse.Action):
    """Look the version up only if it is asked for."""

    def __call__(self, *_: Any) -> NoReturn:
        from . import __version__

        print(f"planesched {__version__}")
        raise SystemExit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``planesched``; those of the process unless given.

    Returns
    -------
    int
        The exit status: 0, or what the command means by another; 2 for wrong input; 130 after
        Ctrl-C; 141 where the reader of a pipe is gone.
    """
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    status = _main(argv)
    if status == INTERRUPTED and argv is None:
        # The interpreter's end takes a fifth of the time where it collects nothing any more.
        gc.freeze()
    return status


def _main(argv: Sequence[str] | None) -> int:
    words = _joined(sys.argv[1:] if argv is None else argv)
    # Closed before the start, as by ">&-": Python has None for them then.
    sys.stdin = sys.stdin or os.fdopen(os.open(os.devnull, os.O_RDONLY))
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        print("planesched: error: standard output is closed, expected open", file=sys.stderr)
        return 2
    try:
        if argv is None and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        args = _started(words) if argv is None else _parser(words).parse_args(words)
        status: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and must find somewhere to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (ValueError, OSError, MemoryError) as error:
        print(f"planesched: error: {_one_line(error)}", file=sys.stderr)
        return 2
    return status


def _started(words: Sequence[str]) -> argparse.Namespace:
    """Import a command and parse its words; nothing of that becomes garbage, so none is sought."""
    gc.disable()
    try:
        return _parser(words).parse_args(words)
    finally:
        gc.freeze()
        gc.enable()


def _complete() -> None:
    """Answer a shell that asks what a word may become, and exit; nothing without argcomplete.

    ``eval "$(register-python-argcomplete planesched)"`` makes bash and zsh ask.
    """
    try:
        import argcomplete
    except ImportError:
        raise SystemExit(0) from None
    parser = _parser(os.environ.get("COMP_LINE", "").split()[1:])
    argcomplete.autocomplete(parser, always_complete_options="long")


def _names(of: str) -> list[str]:
    """Return what may be typed where a policy, a scenario or a term is asked for, but files."""
    if of == "term":
        from .explaining.terms import terms

        return list(dict.fromkeys(term.name for term in terms()))
    from .presets import presets
    from .scenarios import scenarios

    return list(scenarios() if of == "scenario" else presets())


def _joined(words: Sequence[str]) -> list[str]:
    """Join an option to a negative value, ``--duration -5s``, which would look like an option."""
    out: list[str] = []
    for word in words:
        option = out[-1] if out else ""
        if re.match(r"-\d", word) and option.startswith("--") and "=" not in option:
            out[-1] = f"{option}={word}"
        else:
            out.append(word)
    return out


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser; only the module of the command that is asked for is imported."""
    parser = _Parser(
        prog="planesched", description="Which privilege plane of a vCPU runs next.", epilog=_EPILOG
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    chosen = next((word for word in words if not word.startswith("-")), None)
    # A parser takes as long to make as some modules: of the others nobody asks after a command.
    only = {chosen} if words[:1] == [chosen] and chosen in COMMANDS else COMMANDS
    for name, summary in COMMANDS.items():
        if name not in only:
            continue
        if name != chosen:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f".commands.{name}", __package__)
        command = commands.add_parser(
            name,
            help=summary,
            description=textwrap.fill(module.DESCRIPTION, 80),
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        parser.command = command
        for action in command._actions:  # argcomplete's way: an attribute of what argparse made
            if action.dest in ("policy", "policies", "scenario", "term"):
                vars(action)["completer"] = lambda of=action.dest, **_: _names(of)
        command.set_defaults(run=module.run)
    return parser


_EPILOG = "planesched COMMAND --help says what a command takes, and ends with an example."


def _one_line(error: Exception) -> str:
    """Say what went wrong: an OSError's number means nothing to a reader."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or "there is no memory for that"

"""Binary traces, through the tools that read them: trace.dat by trace-cmd, perf.data by perf.

Both tools read every version of their format, so there is no parser here. Their output is read
from a pipe, in bounded memory; what they print to standard error is passed on if they fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from ..errors import InputError

__all__ = ["TOOLS", "Tool", "tool_blocks"]

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Tool:
    """What reads one kind of binary trace.

    Attributes
    ----------
    found : str
        What the file is called.
    command : tuple of str
        The tool and its options, before the file's name.
    package : str
        The Debian package that has the tool.
    """

    found: str
    command: tuple[str, ...]
    package: str

    @property
    def typed(self) -> str:
        """The pipeline that a user would type, for a file FILE."""
        return self.pipeline("FILE")

    def pipeline(self, path: str) -> str:
        """Give the pipeline that reads `path`."""
        import shlex

        return f"{shlex.join((*self.command, path))} | planesched replay - ..."


_TRACE_CMD = Tool("a trace.dat file", ("trace-cmd", "report", "-t", "-i"), "trace-cmd")
_PERF = Tool(
    "a perf.data file", ("perf", "script", "--ns", "--show-lost-events", "-f", "-i"), "linux-perf"
)

TOOLS = {b"\x17\x08\x44tracing": _TRACE_CMD, b"PERFILE2": _PERF, b"2ELIFREP": _PERF}
"""By the first bytes of the file."""


def tool_blocks(tool: Tool, path: str) -> Iterator[bytes]:
    """Yield what `tool` prints of the file `path`.

    Raises
    ------
    InputError
        If the tool is not installed, the file is standard input, or the tool fails.
    """
    import shutil  # these are slow to import, and most traces are text
    import subprocess
    import tempfile

    if path == "-":
        raise InputError(path, 0, f"{tool.found} on standard input", f"its text: {tool.typed}")
    name = shutil.which(tool.command[0])
    if name is None:
        expected = f"{tool.command[0]} (package {tool.package}), or its text: {tool.pipeline(path)}"
        raise InputError(path, 0, f"{tool.found}, and no {tool.command[0]} here", expected)
    with tempfile.TemporaryFile() as errors:
        # The file's name stands after an option that takes it, so it may begin with a dash.
        process = subprocess.Popen(
            [name, *tool.command[1:], path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        done = printed = False
        try:
            while block := process.stdout.read1(_BLOCK):  # type: ignore[attr-defined]
                printed = True
                yield block
            done = True
        finally:
            process.stdout.close()
            if not done:
                process.kill()
            status = process.wait()
        # trace-cmd leaves with status 0 from a file that is cut, having printed nothing.
        if status or not printed:
            raise InputError(path, 0, _failure(tool, status, errors), "a whole file with events")


def _failure(tool: Tool, status: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    said = " ".join(errors.read(4096).decode(errors="replace").split())
    said = said or "it prints nothing"
    return f"{tool.found} that {tool.command[0]} cannot read (exit status {status}): {said}"

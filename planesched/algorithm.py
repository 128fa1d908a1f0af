"""An algorithm of one's own, of the planes that could run (docs/reference/rules.md, 3.7)."""

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .cfunctions import address_of, kind_of
from .checks import one_of
from .errors import Mistake, TypeMistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAMED", "Algorithm", "as_algorithm"]

NAMED = ("rank", "round_robin")
"""Those that come with the library; the first is what there is without one."""


class Algorithm:
    """A function that picks the plane that runs, in the place of `first` (rules, 3.7).

    Parameters
    ----------
    function : callable or C function
        A Python callable ``f(state, base, pre, event) -> plane``. It gets a copy of the vCPU's
        state (dtype STATE) after the event's effect, the planes that can run of themselves and
        those that an event brings in, as masks, and the Event; the answer is a plane of one of the
        masks. It is called with the GIL.

        A C function is a ``ps_algorithm_fn`` of algorithm.h. It comes as a
        ``scipy.LowLevelCallable``, a numba ``cfunc``, a function pointer of ctypes or cffi, or a
        capsule out of an ``__pyx_capi__``. It is called without the GIL.
    memory : ndarray or int, optional
        What it remembers. Every vCPU of every driver begins with a copy of an array, which is its
        own: a Python callable gets it as a fifth argument, writable and for the call alone, a C
        function its address. An int is an address that a C function gets as it is.
    pure : bool
        That it answers by what it is asked alone: then its answers may be looked up, and searched.
    name : str, optional
        What it is called where policies are told apart; the function's own name by default.

    Attributes
    ----------
    kind : str
        What `function` was found to be.

    Raises
    ------
    TypeError
        If `function` is neither callable nor a C function, or `memory` is of another type.
    ValueError
        If it is pure and has memory.

    Examples
    --------
    >>> lowest = Algorithm(lambda state, base, pre, event: (base | pre).bit_length() - 1, pure=True)
    >>> lowest.kind
    'python'
    """

    def __init__(
        self,
        function: Any,
        *,
        memory: "NDArray[Any] | int | None" = None,
        pure: bool = False,
        name: str | None = None,
    ) -> None:
        self.kind = kind_of(function)
        self.function = function
        if self.kind == "python" and memory is not None and not isinstance(memory, np.ndarray):
            raise TypeMistake("memory", memory, "an ndarray, for a Python callable")
        address_of("memory", memory, function)
        if pure and memory is not None:
            raise Mistake("memory", memory, "None, for one that is pure")
        if isinstance(memory, np.ndarray):
            if memory.dtype.hasobject:
                raise TypeMistake("memory.dtype", str(memory.dtype), "one without objects")
            memory = np.array(memory, order="C")
            memory.flags.writeable = False
        self.memory = memory
        self.pure = bool(pure)
        self.name = _name_of(function) if name is None else str(name)

    def _told(self) -> tuple[Any, ...]:
        kept: Any = self.memory
        if isinstance(kept, np.ndarray):
            kept = kept.dtype, kept.shape, kept.tobytes()
        return self.function, kept, self.pure, self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Algorithm) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash((self.name, self.pure))

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Algorithm {self.name}: {self.kind}{', pure' if self.pure else ''}>"


def as_algorithm(given: Any) -> "str | Algorithm":
    """Return the name of a shipped algorithm, or the Algorithm for what one is made of."""
    if isinstance(given, Algorithm):
        return given
    if isinstance(given, str):
        return one_of("algorithm", given, NAMED)
    try:
        return Algorithm(given)
    except TypeError:
        _refuse(given)


def _refuse(given: Any) -> NoReturn:
    expected = f"{' or '.join(NAMED)}, an Algorithm, a callable or a C function"
    raise TypeMistake("algorithm", given, expected) from None


def _name_of(function: Any) -> str:
    inner = getattr(function, "function", function)
    inner = getattr(inner, "func", inner)
    name = getattr(inner, "__qualname__", None) or getattr(inner, "__name__", None)
    module = getattr(inner, "__module__", None)
    if not name:
        return type(function).__qualname__
    return f"{module}.{name}" if module and module != "__main__" else str(name)

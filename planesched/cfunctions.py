"""C functions in any wrapping: what one comes as, whether it takes what it should, its address.

scipy, numba and cffi are not imported: who hands in their objects has done so.
"""

import ctypes
import sys
from typing import Any

import numpy as np

from .errors import TypeMistake, Words

__all__ = ["address_of", "function_address", "kind_of", "sizes_of"]

_GET_NAME = ctypes.pythonapi.PyCapsule_GetName
_GET_NAME.argtypes, _GET_NAME.restype = [ctypes.py_object], ctypes.c_char_p
_GET_POINTER = ctypes.pythonapi.PyCapsule_GetPointer
_GET_POINTER.argtypes = [ctypes.py_object, ctypes.c_char_p]
_GET_POINTER.restype = ctypes.c_void_p
_GET_CONTEXT = ctypes.pythonapi.PyCapsule_GetContext
_GET_CONTEXT.argtypes, _GET_CONTEXT.restype = [ctypes.py_object], ctypes.c_void_p
_POINTER = ctypes.sizeof(ctypes.c_void_p)


def kind_of(function: Any) -> str:
    """Return what a function comes as: scipy, numba, cffi, ctypes, capsule or python.

    Raises
    ------
    TypeError
        If it is neither callable nor a C function.
    """
    origin = type(function).__module__
    if type(function).__name__ == "PyCapsule":
        return "capsule"
    if isinstance(function, tuple) and type(function).__name__ == "LowLevelCallable":
        return "scipy"
    if origin == "_cffi_backend":
        return "cffi"
    if origin.startswith("numba.") and hasattr(function, "address"):
        return "numba"
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return "ctypes"
    if callable(function):
        return "python"
    raise TypeMistake("function", function, "a callable or a C function")


def function_address(kind: str, function: Any, expected: str) -> int:
    """Return the address of a C function that takes what `expected` says, as far as that shows.

    Parameters
    ----------
    kind : str
        What it comes as, but ``"python"``.
    function : object
        The function.
    expected : str
        Its declaration without a name: ``"int (void *user, uint32_t vcpu)"``.

    Raises
    ------
    TypeError
        If it is of another signature, or a null pointer.
    """
    _check_signature(kind, function, expected)
    if kind == "scipy":
        function, kind = tuple.__getitem__(function, 0), "capsule"
    if kind == "capsule":
        address = _GET_POINTER(function, _GET_NAME(function))
    elif kind == "numba":
        address = function.address
    elif kind == "cffi":
        address = int(sys.modules["_cffi_backend"].FFI().cast("size_t", function))
    else:
        address = ctypes.cast(function, ctypes.c_void_p).value
    if not address:
        raise TypeMistake("function", function, "the address of a function, not 0")
    return int(address)


def _check_signature(kind: str, function: Any, expected: str) -> None:
    if kind == "scipy":
        _check_signature(kind_of(function.function), function.function, expected)
        return
    found: Any
    if kind == "capsule":
        found = _GET_NAME(function).decode()
        fits = found.startswith("int (") and found.count(",") == expected.count(",")
    else:
        found = sizes_of(kind, function)
        fits = found == _sizes(expected)
    if not fits:
        raise TypeMistake("function", Words(f"{function!r} of signature {found}"), expected)


def _sizes(declared: str) -> tuple[int, ...]:
    """Return the sizes in bytes of a declaration's result, an int, and of its arguments."""
    words = declared.partition("(")[2].rstrip(")").split(",")
    return (4, *(_POINTER if "*" in word else 8 if "64" in word else 4 for word in words))


def sizes_of(kind: str, function: Any) -> tuple[int, ...]:
    """Return the sizes in bytes of a C function's result and arguments."""
    if kind == "cffi":
        ffi = sys.modules["_cffi_backend"].FFI()
        signature = ffi.typeof(function)
        signature = signature if signature.kind == "function" else signature.item
        return tuple(ffi.sizeof(word) for word in (signature.result, *signature.args))
    if kind == "numba":
        function = function.ctypes
    if function.argtypes is None or function.restype is None:
        raise TypeMistake("function", function, "one with argtypes and restype")
    return tuple(ctypes.sizeof(word) for word in (function.restype, *function.argtypes))


def address_of(name: str, given: Any, function: Any) -> int:
    """Return what a C function is to get first: an address, an array's data, or 0.

    Where nothing is given, that is what a ``scipy.LowLevelCallable`` was made with.
    """
    if given is None:
        if kind_of(function) != "scipy":
            return 0
        return int(_GET_CONTEXT(tuple.__getitem__(function, 0)) or 0)
    if isinstance(given, np.ndarray):
        return int(given.ctypes.data)
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    raise TypeMistake(name, given, "an address or an ndarray")

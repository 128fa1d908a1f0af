"""Userspace schedulers from elsewhere: a Python callable, or a C function in any wrapping.

The C drivers ask a ``struct ps_userspace`` (scheduler.h): a C function and what belongs to it. Here
all that people have at hand becomes one. scipy, numba and cffi are not imported: who hands in their
objects has done so.
"""

import ctypes
import sys

import numpy as np

from cpython.pycapsule cimport (
    PyCapsule_CheckExact,
    PyCapsule_GetContext,
    PyCapsule_GetName,
    PyCapsule_GetPointer,
)
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.string cimport memcpy

from planesched.core cimport VCPU, Outcome
from planesched.csched cimport PS_EVENT_ENTER, PS_MAX_PLANES, PS_STATUS_USER, ps_state

from .checks import plane_id, whole
from .errors import Mistake, TypeMistake
from .events import Reason
from .layouts import STATE

__all__ = ["UserScheduler"]

cdef str EXPECTED = (
    "int (void *user, const struct ps_state *, int64_t now_ns, uint32_t vcpu, uint32_t reason, "
    "int32_t *req_exit)"
)
# The same as sizes in bytes, the result first.
cdef tuple SIZES = (4, sizeof(void *), sizeof(void *), 8, 4, 4, sizeof(void *))


cdef class UserScheduler:
    """Answers exits to userspace: says which plane a vCPU enters next (rules, 3.5).

    Parameters
    ----------
    function : callable, C function or None
        None: the default userspace scheduler. A Python callable ``f(state, now_ns, vcpu, reason)``
        gets a copy of the state (dtype STATE), a time in ns, the vCPU's number and the Reason of
        the exit. It returns a plane; or ``(plane, req_exit)`` with the planes, as a mask, of whose
        events it wants to be told (else: those that outrank the plane); or None to stay in
        userspace until the vCPU's next event.

        A C function is a ``ps_scheduler_fn`` of scheduler.h. It comes as a
        ``scipy.LowLevelCallable``, a numba ``cfunc``, a function pointer of ctypes or cffi, or a
        capsule out of an ``__pyx_capi__``. It is called without the GIL.
    user : int or ndarray, optional
        For a C function: the address that it gets first, or the array whose data it gets.

    Attributes
    ----------
    kind : str
        What `function` was found to be.

    Raises
    ------
    TypeError
        If `function` is none of these, or a C function of another signature.
    """

    def __init__(self, function=None, user=None):
        self.kind = kind_of(function)
        self._function = function
        self._user = user
        if self.kind in ("default", "python"):
            if user is not None:
                raise TypeError(f"user={user!r} is for a C function, function is {function!r}")
            if self.kind == "python":
                self.c.fn = call_python
                self.c.user = <void *>self
            return
        check_signature(self.kind, function)
        self.c.user = address_of(user)
        if self.kind == "scipy":
            self._function = capsule = tuple.__getitem__(function, 0)
            if user is None:
                self.c.user = PyCapsule_GetContext(capsule)
            self.c.fn = function_in(capsule)
        elif self.kind == "capsule":
            self.c.fn = function_in(function)
        else:
            self.c.fn = <ps_scheduler_fn><size_t>int_address(self.kind, function)
        if self.c.fn is NULL:
            raise TypeError(f"function={function!r} is a null pointer")

    def answer(self, VCPU vcpu not None, reason=Reason.NONE, now_ns=0):
        """Answer an exit of one vCPU.

        Parameters
        ----------
        vcpu : VCPU
            It is in userspace.
        reason : Reason
            Of the exit, as its outcome said.
        now_ns : int
            The time, which the core does not know.

        Returns
        -------
        Outcome or None
            Of the ``enter``; None where the vCPU stays in userspace.

        Raises
        ------
        ValueError
            If the vCPU is not in userspace, or the scheduler answered with no plane.
        Exception
            What a Python callable raised.
        """
        cdef ps_state *s = &vcpu.vm.states[vcpu.index]
        cdef int64_t time_ns = now_ns
        cdef uint32_t number = <uint32_t>vcpu.index
        cdef uint32_t why = <uint32_t>int(Reason(reason))
        cdef uint16_t requests = 0
        cdef int plane
        if s.status != PS_STATUS_USER:
            raise Mistake("vcpu", vcpu, "one in userspace")
        with nogil:
            plane = ps_userspace_ask(
                &self.c, &vcpu.vm.c_policy, s, time_ns, number, why, &requests
            )
        if plane == PS_SCHEDULER_WAIT:
            return None
        if plane >= <int>vcpu.vm.planes:
            plane_id("scheduler's plane", plane, vcpu.vm.planes)
        if plane < 0:
            self.raise_stop()
        s.req_exit = requests
        cdef Outcome outcome = Outcome.__new__(Outcome)
        outcome.c = vcpu.vm.step_vcpu(vcpu.index, PS_EVENT_ENTER, <unsigned>plane)
        return outcome

    cdef int raise_stop(self) except -1:
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise ValueError(
            f"the scheduler answered with no plane in 0..{PS_MAX_PLANES - 1}, no mask of planes, "
            "or that something is wrong"
        )

    def __reduce__(self):
        if self.kind in ("default", "python"):
            return UserScheduler, (self._function,)
        raise TypeError(f"a UserScheduler that is a C function ({self.kind}) cannot be pickled")

    def __repr__(self):
        return f"<UserScheduler: {self.kind} {self._function!r}>"


cdef int call_python(
    void *user, const ps_state *state, int64_t now_ns, uint32_t vcpu, uint32_t reason,
    int32_t *req_exit
) noexcept with gil:
    cdef UserScheduler scheduler = <UserScheduler>user
    try:
        record = np.empty((), dtype=STATE)
        memcpy(<void *><size_t>record.ctypes.data, state, sizeof(ps_state))
        answer = scheduler._function(record[()], now_ns, vcpu, Reason(reason))
        if answer is None:
            return PS_SCHEDULER_WAIT
        if isinstance(answer, tuple):
            if len(answer) != 2:
                expected = "a plane, (plane, req_exit) or None"
                raise TypeMistake("scheduler's answer", answer, expected)
            answer, requests = answer
            req_exit[0] = whole("scheduler's req_exit", requests, 0, (1 << PS_MAX_PLANES) - 1)
        return plane_id("scheduler's plane", answer)
    except BaseException as error:
        scheduler._error = error
        return PS_SCHEDULER_STOP


def as_user_scheduler(function):
    """Give a UserScheduler for one, or for what one is made of."""
    return function if isinstance(function, UserScheduler) else UserScheduler(function)


def kind_of(function):
    """Give what a scheduler comes as: default, scipy, numba, cffi, ctypes, capsule or python."""
    origin = type(function).__module__
    if function is None:
        return "default"
    if PyCapsule_CheckExact(function):
        return "capsule"
    if isinstance(function, tuple) and type(function).__name__ == "LowLevelCallable":
        return "scipy"
    if origin == "_cffi_backend":
        return "cffi"
    if origin.startswith("numba.") and hasattr(function, "address"):
        return "numba"
    if isinstance(function, ctypes._CFuncPtr):
        return "ctypes"
    if callable(function):
        return "python"
    raise TypeError(f"function={function!r} is neither callable nor a C function")


cdef int check_signature(str kind, object function) except -1:
    """Raise TypeError unless a C function takes what a ps_scheduler_fn does, as far as it says."""
    if kind == "scipy":
        return check_signature(kind_of(function.function), function.function)
    if kind == "capsule":
        found = PyCapsule_GetName(function).decode()
        fits = found.startswith("int (") and found.count(",") == len(SIZES) - 2
    else:
        found = sizes_of(kind, function)
        fits = found == SIZES
    if not fits:
        raise TypeError(f"function={function!r} of signature {found}, expected {EXPECTED}")
    return 0


def sizes_of(kind, function):
    """Give the sizes in bytes of a C function's result and arguments."""
    if kind == "cffi":
        ffi = sys.modules["_cffi_backend"].FFI()
        signature = ffi.typeof(function)
        signature = signature if signature.kind == "function" else signature.item
        return tuple(ffi.sizeof(word) for word in (signature.result, *signature.args))
    if kind == "numba":
        function = function.ctypes
    if function.argtypes is None or function.restype is None:
        raise TypeError(f"function={function!r} has no argtypes or no restype")
    return tuple(ctypes.sizeof(word) for word in (function.restype, *function.argtypes))


def int_address(kind, function):
    """Give the address of a C function."""
    if kind == "numba":
        return function.address
    if kind == "cffi":
        return int(sys.modules["_cffi_backend"].FFI().cast("size_t", function))
    return ctypes.cast(function, ctypes.c_void_p).value or 0


cdef ps_scheduler_fn function_in(object capsule) except *:
    return <ps_scheduler_fn>PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef void *address_of(object user) except *:
    if user is None:
        return NULL
    if isinstance(user, np.ndarray):
        return <void *><size_t>user.ctypes.data
    if isinstance(user, int) and not isinstance(user, bool):
        return <void *><size_t>user
    raise TypeError(f"user={user!r} is neither an address nor an ndarray")

"""The scan: the first plane of each of many packed masks."""

import numpy as np

from libc.stdint cimport int8_t, uint16_t, uint64_t

from planesched cimport _cfigures as figures
from planesched.core cimport fill_policy
from planesched.csched cimport ps_policy

from .policy import Policy

__all__ = ["pick_many"]


def pick_many(candidates, policy, locked=None, out=None):
    """Pick the first plane of each packed mask by a policy's rank (rules, 3.1).

    Parameters
    ----------
    candidates : array_like of uint16, any shape
        Bit p of each word: plane p may be picked.
    policy : Policy
        Its direction, marker and rank count. (A preset's marker depends on the number of
        planes, so a name alone does not do.)
    locked : array_like of uint16, optional
        The planes that are locked in, broadcast against `candidates`; none by default. Looked
        at with ``rank="locked"`` only.
    out : ndarray of int8, optional
        Where the result goes; the shape of `candidates`, C-contiguous.

    Returns
    -------
    ndarray of int8, shape of `candidates`
        The plane picked; -1 where a mask is empty.

    Raises
    ------
    TypeError
        If `candidates`, `locked` or `out` is of another dtype, or `policy` is no Policy.
    ValueError
        If shapes do not fit.
    """
    cdef ps_policy c_policy
    if not isinstance(policy, Policy):
        raise TypeError(f"policy={policy!r} is not a Policy")
    fill_policy(&c_policy, policy)
    masks = _words("candidates", candidates)
    shape = np.shape(candidates)
    if out is None:
        out = np.empty(shape, dtype=np.int8)
    elif not isinstance(out, np.ndarray) or out.dtype != np.int8 or not out.flags.c_contiguous:
        raise TypeError(f"out is {type(out).__name__}, expected a C-contiguous ndarray of int8")
    elif out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")
    cdef uint64_t n = masks.size
    cdef const uint16_t[::1] words = masks.reshape(-1)
    cdef int8_t[::1] planes = out.reshape(-1)
    cdef const uint16_t[::1] locks = words
    cdef bint looked = policy.rank.name == "locked" and locked is not None
    if looked:
        locks = np.ascontiguousarray(np.broadcast_to(_words("locked", locked), shape)).reshape(-1)
    with nogil:
        if n:
            figures.ps_scan(
                figures.ps_scan_widest(), &c_policy, &words[0], &locks[0] if looked else NULL, n,
                &planes[0],
            )
    return out


def _words(name, values):
    array = np.asarray(values)
    if array.dtype != np.uint16 and not (array.size and isinstance(values, int)):
        raise TypeError(f"{name} is of dtype {array.dtype}, expected uint16")
    return np.ascontiguousarray(array, dtype=np.uint16)

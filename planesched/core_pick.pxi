# The scan: the first plane of each of many packed masks.

# Plain arrays are scanned in one go, where they are. All others go through a buffer of so many
# masks that stays in the second-level cache: numpy fills it at the speed of its own copies.
BUFFER = 1 << 16
FLAGS = ("buffered", "copy_if_overlap", "external_loop", "growinner", "zerosize_ok")
PLAIN = ("aligned", "contig", "nbo")
READ = ("readonly", *PLAIN)
WRITE = ("writeonly", "allocate", "no_subtype", *PLAIN)


def pick_many(candidates, policy, locked=None, out=None, planes=None):
    """Pick the first plane of each packed mask by a policy's rank (rules, 3.1).

    Arrays need not be contiguous, aligned or of this machine's byte order: ``vm.state["runnable"]``
    does. Those that are not are copied a block at a time, never as a whole. Without the GIL.

    Parameters
    ----------
    candidates : array_like of uint16, any shape
        Bit p of each word: plane p may be picked.
    policy : Policy, str or path-like
        Its direction, marker and rank count.
    locked : array_like of uint16, optional
        The planes that are locked in, broadcast against `candidates`; none by default. Looked
        at with ``rank="locked"`` only.
    out : ndarray of int8, optional
        Where the result goes; the shape of `candidates`.
    planes : int, optional
        How many planes there are, 1..16, on which a preset's marker depends: with a str or path.

    Returns
    -------
    ndarray of int8, shape of `candidates`
        The plane picked; -1 where a mask is empty.

    Raises
    ------
    TypeError
        If `candidates`, `locked` or `out` is of another dtype, or `policy` is no policy, or one by
        name without `planes`.
    ValueError
        If shapes do not fit, `out` is read-only, or an int has more than 16 bits.

    Examples
    --------
    >>> masks = np.array([0b0110, 0b0001, 0], np.uint16)
    >>> pick_many(masks, "vsm", planes=3).tolist()
    [2, 0, -1]
    """
    cdef ps_policy c_policy
    cdef const uint16_t *masks
    cdef const uint16_t *locks = NULL
    cdef int8_t *picked
    cdef uint64_t n
    if planes is not None:
        policy = as_policy(policy, plane_count(planes))
    elif not isinstance(policy, Policy):
        raise TypeMistake("policy", policy, "a Policy, or one by name with planes=")
    fill_policy(&c_policy, policy)
    words = _words("candidates", candidates)
    if out is None and locked is None and _plain(words):
        # An iterator takes longer to make than a thousand masks to look at.
        found = np.empty(words.shape, np.int8)
        masks, picked = <const uint16_t *>memory_of(words), <int8_t *>memory_of(found)
        n = words.size
        with nogil:
            figures.ps_scan(figures.ps_scan_widest(), &c_policy, masks, NULL, n, picked)
        return found
    operands = [words, _checked_out(out, words.shape)]
    if locked is not None and policy.rank.name == "locked":
        operands.append(spread_over(_words("locked", locked), words.shape))
    dtypes = (np.uint16, np.int8, np.uint16)[:len(operands)]
    modes = (READ, WRITE, READ)[:len(operands)]
    with np.nditer(operands, FLAGS, modes, dtypes, casting="equiv", buffersize=BUFFER) as blocks:
        # numpy's iterator has seen to it: each block is contiguous, aligned and of this byte order.
        for block in blocks:
            masks = <const uint16_t *>memory_of(block[0])
            picked = <int8_t *>memory_of(block[1])
            n = block[0].size
            if len(operands) == 3:
                locks = <const uint16_t *>memory_of(block[2])
            with nogil:
                figures.ps_scan(figures.ps_scan_widest(), &c_policy, masks, locks, n, picked)
        return blocks.operands[1] if out is None else out


cdef void *memory_of(object array) except NULL:
    """Give where a contiguous array is; `ctypes.data` takes half a microsecond for that."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return view.buf


def _plain(words):
    """Whether masks can be looked at where they are, in one go."""
    if type(words) is not np.ndarray or not words.size:
        return False
    return words.flags.c_contiguous and words.flags.aligned and words.dtype.isnative


def _words(name, values):
    if isinstance(values, int):
        if not 0 <= values <= 0xFFFF:
            raise Mistake(name, values, "a mask of 16 bits: 0 to 65535")
        return np.uint16(values)
    array = np.asarray(values)
    if not np.can_cast(array.dtype, np.uint16, "equiv"):
        raise TypeMistake(f"{name}.dtype", str(array.dtype), "uint16")
    return array


def _checked_out(out, shape):
    if out is None:
        return None
    if not isinstance(out, np.ndarray) or out.dtype != np.int8:
        found = f"an array of {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeMistake("out", Words(found), "an ndarray of int8")
    if out.shape != shape:
        raise Mistake("out.shape", out.shape, f"{shape}, as candidates have")
    if not out.flags.writeable:
        raise Mistake("out", Words("read-only"), "an array that can be written")
    return out

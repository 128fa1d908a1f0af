# An algorithm of one's own as C asks it: the one of a policy, for one driver.

ALGORITHM_FN = (
    "int (void *memory, const struct ps_policy *, const struct ps_state *, uint32_t base, "
    "uint32_t pre, uint32_t event)"
)
# What C hands to `ask_python` begins with the Picker; the memory of a vCPU follows.
cdef size_t HEAD = 16


cdef class Picker:
    """What picks in one driver: nothing, a C function or `ask_python`, and its wrong answer."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.c.pick, self.c.memory, self.c.size, self.c.pure = NULL, NULL, 0, True
        self.c.wrong = &self.wrong
        self.wrong.given = 0
        if algorithm == "round_robin":
            self.c.pick = ps_pick_round_robin
        elif algorithm != "rank":
            self.take(algorithm)

    cdef int take(self, algorithm) except -1:
        """Take one that is not shipped."""
        cdef object memory = algorithm.memory
        cdef bint own = isinstance(memory, np.ndarray)
        cdef size_t head = 0
        self.c.pure = algorithm.pure
        if algorithm.kind == "python":
            self.c.pick = ask_python
            head = HEAD
        else:
            self.c.pick = <ps_algorithm_fn><size_t>function_address(
                algorithm.kind, algorithm.function, ALGORITHM_FN
            )
        if own or head:
            size = head + (memory.nbytes if own else 0)
            self.template = _aligned_zeros((size + 15) // 16 * 16, np.dtype(np.uint8))
            if own:
                self.template[head : head + memory.nbytes] = memory.reshape(-1).view(np.uint8)
            self.c.memory = <void *><size_t>self.template.ctypes.data
            self.c.size = len(self.template) if own else 0
            if head:
                (<void **>self.c.memory)[0] = <void *>self
        else:
            self.c.memory = <void *><size_t>address_of("memory", memory, algorithm.function)
        return 0

    cdef int ask(self, void *own, const ps_state *state, tuple question) except? -1:
        """Ask a Python callable, with its memory where it has one."""
        cdef object memory = self.algorithm.memory
        cdef char *bytes_of = <char *>own + HEAD
        record = np.empty((), dtype=STATE)
        memcpy(<void *><size_t>record.ctypes.data, state, sizeof(ps_state))
        if memory is None:
            answer = self.algorithm.function(record[()], *question)
        else:
            mine = memory.copy()
            memcpy(<void *><size_t>mine.ctypes.data, bytes_of, memory.nbytes)
            answer = self.algorithm.function(record[()], *question, mine)
            memcpy(bytes_of, <void *><size_t>mine.ctypes.data, memory.nbytes)
        return whole(f"answer of algorithm {self.algorithm}", answer, -(2**31) + 1, 2**31 - 1)

    cdef int raise_wrong(self) except -1:
        """Raise what the algorithm raised, or that its answer was no plane that it was offered."""
        error, self.error = self.error, None
        asked = self.wrong
        self.wrong.given = 0
        if error is not None:
            raise error
        from .markup import state_text

        state = np.zeros((), dtype=STATE)
        memcpy(<void *><size_t>state.ctypes.data, &asked.state, sizeof(ps_state))
        raise Mistake(
            f"answer of algorithm {self.algorithm}", asked.answer,
            f"a plane of base={planes_of(asked.base)} or pre={planes_of(asked.pre)}, asked at "
            f"{Event(asked.event).name.lower()} with {state_text(state)}",
        )


cdef int ask_python(
    void *memory, const ps_policy *policy, const ps_state *state, uint32_t base, uint32_t pre,
    uint32_t event
) noexcept with gil:
    cdef Picker picker = <Picker>(<void **>memory)[0]
    try:
        return picker.ask(memory, state, (base, pre, Event(event)))
    except BaseException as error:
        picker.error = error
        return -1


cdef Picker fill_algorithm(ps_policy *out, object policy):
    """Translate a Policy, and give what picks under it."""
    fill_fields(out, policy)
    return Picker(policy.algorithm)


def copies(Picker picker not None, vcpus):
    """Give a copy of the algorithm's memory for each vCPU; None where it has none of its own."""
    if picker.c.size == 0:
        return None
    memory = _aligned_zeros(vcpus * picker.c.size, np.dtype(np.uint8))
    memory.reshape(vcpus, -1)[:] = picker.template
    return memory

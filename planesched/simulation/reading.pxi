# What is read of an engine: states, figures, what vCPUs did with their time.


cdef object read_states(Engine it):
    """Do what `Engine.state` says."""
    out = np.empty(it.vcpus, dtype=STATE)
    cdef ps_state *states = <ps_state *><size_t>out.ctypes.data
    cdef uint32_t vcpu
    for vcpu in range(engine.ps_engine_n_vcpus(it.c)):
        states[vcpu] = engine.ps_engine_state(it.c, vcpu)[0]
    return out


cdef object read_figures(Engine it, into, bint sums):
    """Do what `Engine.read` says."""
    cdef engine.ps_reading reading
    arrays = _room(engine.ps_engine_n_rows(it._made()), into)
    point_to(&reading, arrays)
    with Turn(it):
        with nogil:
            if sums:
                engine.ps_engine_read_sums(it.c, &reading)
            else:
                engine.ps_engine_read(it.c, &reading)
    return arrays


cdef int point_to(engine.ps_reading *reading, arrays) except -1:
    """Have a reading lead to these arrays."""
    figures, totals, rows, latency, response, sojourn = arrays
    reading.figures = <ps_figures *><size_t>figures.ctypes.data
    reading.totals = <engine.ps_totals *><size_t>totals.ctypes.data
    reading.rows = <engine.ps_row *><size_t>rows.ctypes.data
    reading.latency = <uint64_t *><size_t>latency.ctypes.data
    reading.response = <uint64_t *><size_t>response.ctypes.data
    reading.sojourn = <uint64_t *><size_t>sojourn.ctypes.data
    return 0


def _room(n_rows, into):
    """Give the arrays of a reading: new ones, or those of an earlier one."""
    histograms = (n_rows, PS_N_BUCKETS)
    wanted = (
        ((), FIGURES), ((), TOTALS), ((n_rows,), ROW), *[(histograms, np.dtype("u8"))] * 3,
    )
    if into is None:
        return tuple(np.zeros(shape, dtype) for shape, dtype in wanted)
    for array, (shape, dtype) in zip(into, wanted, strict=True):
        if array.shape != shape or array.dtype != dtype or not array.flags.carray:
            found = Words(f"{array.dtype} of shape {array.shape}")
            raise Mistake("into", found, "arrays of an earlier reading of this engine")
    return into


cdef object read_vectors(Engine it):
    """Do what `Engine.vectors` says, where there are controllers."""
    out = np.zeros((it.planes, PS_N_VECTORS), dtype=VECTOR)
    cdef engine.ps_vector_row *rows = <engine.ps_vector_row *><size_t>out.ctypes.data
    with Turn(it):
        engine.ps_engine_read_vectors(it.c, rows)
    return out


cdef object read_times(Engine it):
    """Do what `Engine.time_ns` says."""
    cdef engine.ps_vcpu_report report
    out = np.empty((it.vcpus, 4), dtype=np.int64)
    cdef int64_t *rows = <int64_t *><size_t>out.ctypes.data
    cdef uint32_t vcpu
    cdef unsigned kind
    for vcpu in range(it.vcpus):
        engine.ps_engine_report(it.c, vcpu, &report)
        for kind in range(4):
            rows[4 * <size_t>vcpu + kind] = report.time_ns[kind]
    return out


cdef object read_livelocks(Engine it):
    """Do what `Engine.livelocks` says."""
    cdef engine.ps_vcpu_report report
    cdef uint32_t vcpu
    out = []
    for vcpu in range(it.vcpus):
        engine.ps_engine_report(it.c, vcpu, &report)
        if report.livelocks:
            mask = report.livelock_planes
            planes = tuple(plane for plane in range(PS_MAX_PLANES) if mask >> plane & 1)
            out.append((vcpu, report.livelocks, report.livelock_ns, planes))
    return out

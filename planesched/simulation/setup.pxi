# What an engine is made with: arguments are checked, and written as the C engine takes them.

# The engine copies what the pointers of its configuration lead to, but for the workload and costs.
cdef struct Setup:
    engine.ps_engine_config config
    ps_policy policy
    ps_state initial
    ps_chip_policy chip


cdef int fill_planes(Setup *out, Engine it, vcpus, route, busy) except -1:
    """Write how many there are of what, and how planes are scheduled and reached."""
    it._picker = fill_algorithm(&out.policy, it._policy)
    out.config.policy = &out.policy
    out.config.algorithm = it._picker.c
    out.config.n_vcpus = vcpu_count(vcpus)
    out.config.n_planes = <uint8_t>it.planes
    out.config.route = <uint8_t><int>job_route(route, it._policy)
    out.config.busy = plane_mask("busy", busy, it.planes)
    return 0


cdef int fill_beginning(Setup *out, Engine it, online, initial, main) except -1:
    """Write the state in which vCPUs begin, and the plane that an idle marker calls then."""
    out.config.online = <uint16_t>online_mask(online, it.planes, it._policy.boot)
    out.config.initial = NULL
    if initial is not None:
        initial = np.array(initial, dtype=STATE)
        if initial.shape != ():
            raise Mistake("initial.shape", initial.shape, "()")
        out.initial = (<ps_state *><size_t>initial.ctypes.data)[0]
        out.config.initial = &out.initial
        out.config.online = out.initial.online
    out.config.main_plane = PS_NO_PLANE
    if main is not None:
        out.config.main_plane = <uint8_t>plane_id("main", main, it.planes)
        if not out.config.online >> out.config.main_plane & 1:
            raise Mistake("main", main, "a plane that is online")
    return 0


cdef int fill_times(Setup *out, Engine it, start_ns, forward_ns, slice_ns) except -1:
    """Write when everything begins, and what takes how long."""
    it._start_ns = out.config.start_ns = whole_ns("start_ns", start_ns)
    it._began_ns = start_ns
    out.config.forward_ns = whole_ns("forward_ns", forward_ns)
    out.config.slice_ns = 0
    if slice_ns is not None:
        out.config.slice_ns = whole("slice_ns", slice_ns, 1, LAST_NS)
    return 0


cdef int fill_guests(Setup *out, Engine it, Guests guests, costs) except -1:
    """Write costs, and what guests do of themselves; who has none and draws costs has a seed."""
    cdef uint32_t vcpus = out.config.n_vcpus
    costs = Costs.of(costs)
    cdef CostTable table = None if costs.free else CostTable(costs)
    out.config.costs = NULL if table is None else &table.c
    it._costs = table
    if guests is None and table is not None and table.c.n_spreads:
        guests = Guests([], [0] * 4, np.arange(max(vcpus, MAX_VCPUS), dtype=np.uint32))
    check_guests(guests, vcpus)
    it._guests = guests
    out.config.workload = NULL if guests is None else &guests.c
    return 0


cdef int check_guests(Guests guests, uint32_t vcpus) except -1:
    if guests is not None and guests.vcpus < vcpus:
        raise Mistake("vcpus", vcpus, f"at most {guests.vcpus}: as many as guests are for")
    return 0


cdef int fill_controller(Setup *out, Engine it, controller) except -1:
    """Write how interrupt controllers are set up, where there are any."""
    out.config.controller = NULL
    it._controller = as_controller(controller)
    if it._controller is None:
        return 0
    if any([it._controller.messages_of(plane) for plane in range(it.planes)]):
        expected = "none with messages: guests in time write no EOM"
        raise Mistake("controller", it._controller, expected)
    fill_chip_policy(&out.chip, it._controller)
    out.config.controller = &out.chip
    return 0

# Structs and enums as C has them, for the modules that hold Python's against them on import.

cdef extern from "core/layouts.h" nogil:
    struct ps_layout_field:
        const char *name
        size_t offset, size

    struct ps_layout:
        const char *name
        size_t size
        const ps_layout_field *fields

    struct ps_number:
        const char *of
        const char *name
        int value

    const ps_layout *ps_core_layouts
    const ps_layout *ps_engine_layouts
    const ps_layout *ps_checker_layouts
    const ps_layout *ps_trace_layouts
    const ps_number *ps_core_numbers
    const ps_number *ps_engine_numbers
    const ps_number *ps_trace_numbers


cdef inline int hold_layouts(const ps_layout *layout) except -1:
    """Raise ImportError unless each dtype is laid out as its struct."""
    from planesched.layouts import hold

    cdef const ps_layout_field *field
    while layout.name is not NULL:
        fields = []
        field = layout.fields
        while field.name is not NULL:
            fields.append((field.name.decode(), field.offset, field.size))
            field += 1
        hold(layout.name.decode(), layout.size, fields)
        layout += 1
    return 0


cdef inline int hold_enums(const ps_number *number) except -1:
    """Raise ImportError unless each enum has the names and numbers that it has in C."""
    from planesched.layouts import hold_numbers

    numbers = []
    while number.of is not NULL:
        name = number.name.decode() if number.name is not NULL else None
        numbers.append((number.of.decode(), name, number.value))
        number += 1
    hold_numbers(numbers)
    return 0

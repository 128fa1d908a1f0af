"""The Arrow C stream interface, so that tables need no library to be read by others.

https://arrow.apache.org/docs/format/CStreamInterface.html. Columns are copied into C memory once;
whoever takes the stream owns them then, on whatever thread, and never calls into Python.
"""

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.errno cimport ENOMEM
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset, strlen

__all__ = ["stream"]

cdef struct ArrowSchema:
    const char *format
    const char *name
    const char *metadata
    int64_t flags
    int64_t n_children
    ArrowSchema **children
    ArrowSchema *dictionary
    void (*release)(ArrowSchema *) noexcept nogil
    void *private_data

cdef struct ArrowArray:
    int64_t length
    int64_t null_count
    int64_t offset
    int64_t n_buffers
    int64_t n_children
    const void **buffers
    ArrowArray **children
    ArrowArray *dictionary
    void (*release)(ArrowArray *) noexcept nogil
    void *private_data

cdef struct ArrowArrayStream:
    int (*get_schema)(ArrowArrayStream *, ArrowSchema *) noexcept nogil
    int (*get_next)(ArrowArrayStream *, ArrowArray *) noexcept nogil
    const char *(*get_last_error)(ArrowArrayStream *) noexcept nogil
    void (*release)(ArrowArrayStream *) noexcept nogil
    void *private_data

# A column: int64, float64, or strings behind their offsets.
cdef struct Column:
    char *name
    const char *format
    void *values
    int32_t *offsets

cdef struct Table:
    int64_t n_columns, n_rows
    Column *columns
    bint taken


cdef char *copy_text(const char *text) noexcept nogil:
    cdef size_t size = strlen(text) + 1
    cdef char *out = <char *>malloc(size)
    if out is not NULL:
        memcpy(out, text, size)
    return out


cdef void release_schema(ArrowSchema *schema) noexcept nogil:
    cdef int64_t i
    for i in range(schema.n_children):
        if schema.children[i] is not NULL:
            if schema.children[i].release is not NULL:
                schema.children[i].release(schema.children[i])
            free(schema.children[i])
    free(schema.children)
    free(<void *>schema.name)
    schema.release = NULL


cdef void release_array(ArrowArray *array) noexcept nogil:
    cdef int64_t i
    for i in range(array.n_children):
        if array.children[i] is not NULL:
            if array.children[i].release is not NULL:
                array.children[i].release(array.children[i])
            free(array.children[i])
    free(array.children)
    for i in range(array.n_buffers):
        free(<void *>array.buffers[i])
    free(<void *>array.buffers)
    array.release = NULL


cdef int get_schema(ArrowArrayStream *stream, ArrowSchema *out) noexcept nogil:
    cdef Table *table = <Table *>stream.private_data
    cdef int64_t i
    cdef ArrowSchema *child
    memset(out, 0, sizeof(ArrowSchema))
    out.format = b"+s"
    out.name = copy_text(b"")
    out.release = release_schema
    out.children = <ArrowSchema **>calloc(<size_t>table.n_columns + 1, sizeof(void *))
    if out.name is NULL or out.children is NULL:
        release_schema(out)
        return ENOMEM
    out.n_children = table.n_columns
    for i in range(table.n_columns):
        child = <ArrowSchema *>calloc(1, sizeof(ArrowSchema))
        out.children[i] = child
        if child is NULL:
            release_schema(out)
            return ENOMEM
        child.release = release_schema
        child.format = table.columns[i].format
        child.name = copy_text(table.columns[i].name)
        if child.name is NULL:
            release_schema(out)
            return ENOMEM
    return 0


cdef int get_next(ArrowArrayStream *stream, ArrowArray *out) noexcept nogil:
    cdef Table *table = <Table *>stream.private_data
    cdef ArrowArray *child
    cdef Column *column
    cdef int64_t i
    memset(out, 0, sizeof(ArrowArray))
    if table.taken:
        return 0
    out.release = release_array
    out.length = table.n_rows
    out.children = <ArrowArray **>calloc(<size_t>table.n_columns + 1, sizeof(void *))
    out.buffers = <const void **>calloc(1, sizeof(void *))
    if out.children is NULL or out.buffers is NULL:
        release_array(out)
        return ENOMEM
    out.n_buffers = 1
    out.n_children = table.n_columns
    for i in range(table.n_columns):
        child = <ArrowArray *>calloc(1, sizeof(ArrowArray))
        out.children[i] = child
        if child is NULL:
            release_array(out)
            return ENOMEM
        child.release = release_array
        child.buffers = <const void **>calloc(3, sizeof(void *))
        if child.buffers is NULL:
            release_array(out)
            return ENOMEM
    table.taken = True
    for i in range(table.n_columns):
        column = &table.columns[i]
        child = out.children[i]
        child.length = table.n_rows
        child.n_buffers = 2 if column.offsets is NULL else 3
        child.buffers[1] = column.values if column.offsets is NULL else column.offsets
        child.buffers[2] = NULL if column.offsets is NULL else column.values
        column.values = NULL
        column.offsets = NULL
    return 0


cdef const char *get_last_error(ArrowArrayStream *stream) noexcept nogil:
    return NULL


cdef void free_table(Table *table) noexcept nogil:
    cdef int64_t i
    for i in range(table.n_columns):
        free(table.columns[i].name)
        free(table.columns[i].values)
        free(table.columns[i].offsets)
    free(table.columns)
    free(table)


cdef void release_stream(ArrowArrayStream *stream) noexcept nogil:
    free_table(<Table *>stream.private_data)
    stream.release = NULL


cdef void destroy(object capsule) noexcept:
    cdef ArrowArrayStream *stream = <ArrowArrayStream *>PyCapsule_GetPointer(
        capsule, b"arrow_array_stream"
    )
    if stream.release is not NULL:
        stream.release(stream)
    free(stream)


cdef void *copy_bytes(const void *data, size_t size) except NULL:
    # One more, or an empty column would have no address.
    cdef void *out = malloc(size + 1)
    if out is NULL:
        raise MemoryError("no memory for a table")
    memcpy(out, data, size)
    return out


cdef int fill_column(Column *column, str name, list values) except -1:
    cdef bytes encoded = name.encode()
    cdef const char *text = encoded
    column.name = <char *>copy_bytes(text, strlen(text) + 1)
    if values and isinstance(values[0], str):
        words = [value.encode() for value in values]
        joined = b"".join(words)
        ends = np.zeros(len(values) + 1, dtype=np.int32)
        ends[1:] = np.cumsum([len(word) for word in words])
        column.format = b"u"
        column.values = copy_bytes(<const char *>joined, len(joined))
        column.offsets = <int32_t *>copy_bytes(<void *><size_t>ends.ctypes.data, ends.nbytes)
        return 0
    floats = any(isinstance(value, float) for value in values)
    column.format = b"g" if floats else b"l"
    array = np.array(values, dtype=np.float64 if floats else np.int64)
    column.values = copy_bytes(<void *><size_t>array.ctypes.data, array.nbytes)
    return 0


def stream(columns):
    """Give columns as a PyCapsule that holds an ArrowArrayStream.

    Parameters
    ----------
    columns : mapping of str to list
        As long as each other; of str, float or int.

    Returns
    -------
    capsule
        Named ``arrow_array_stream``, to be taken once.
    """
    cdef Table *table = <Table *>calloc(1, sizeof(Table))
    cdef ArrowArrayStream *out = <ArrowArrayStream *>calloc(1, sizeof(ArrowArrayStream))
    cdef int i
    if table is not NULL:
        table.columns = <Column *>calloc(len(columns) + 1, sizeof(Column))
    if table is NULL or out is NULL or table.columns is NULL:
        free(table)
        free(out)
        raise MemoryError("no memory for a table")
    try:
        table.n_columns = len(columns)
        for i, (name, values) in enumerate(columns.items()):
            fill_column(&table.columns[i], name, list(values))
            table.n_rows = len(values)
        out.get_schema = get_schema
        out.get_next = get_next
        out.get_last_error = get_last_error
        out.release = release_stream
        out.private_data = table
        return PyCapsule_New(out, b"arrow_array_stream", destroy)
    except BaseException:
        free_table(table)
        free(out)
        raise

/* What Python's dtypes and enums are held against when a compiled module is imported: the layout of
 * each struct that both read, and the numbers of each enum that both name. A field or a number that
 * is missing here or there fails the import. */
#ifndef PLANESCHED_LAYOUTS_H
#define PLANESCHED_LAYOUTS_H

#include <stddef.h>

struct ps_layout_field {
    const char *name;
    size_t offset, size;
};

struct ps_layout {
    const char *name; /* NULL ends a list */
    size_t size;
    const struct ps_layout_field *fields; /* in order; a name that is NULL ends them */
};

/* One number of an enum. */
struct ps_number {
    const char *of, *name; /* `of` NULL ends a list */
    int value;
};

#define PS_LAYOUT(type, fields) {#type, sizeof(struct type), fields}
#define PS_LAYOUT_FIELD(type, name) {#name, offsetof(struct type, name), \
                                     sizeof(((const struct type *)0)->name)}

/* Lists that their names end: of the core, of the engine, of the checker, of traces. */
extern const struct ps_layout ps_core_layouts[], ps_engine_layouts[], ps_checker_layouts[];
extern const struct ps_layout ps_trace_layouts[];
extern const struct ps_number ps_core_numbers[], ps_engine_numbers[], ps_trace_numbers[];

#endif

/* Pickles, read and never run. A pickle is a program for a small stack machine that builds Python's
 * objects by calling whatever it names; here a call is only noted down, as a value that says what
 * was to be called with what. Names come from the caller's list: any other ends the reading, by
 * its name, and so does any operation that tensors have no use for. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_PICKLE_H
#define ASSAY_HARNESS_FORMATS_PICKLE_H

#include "base/mem.h"

/* Ceilings: 65536 tensors come to some 1.2 million values and 15 MB. */
#define PICKLE_BYTES_MAX (64u << 20)
#define PICKLE_VALUES_MAX (2u << 20)
#define PICKLE_ITEMS_MAX (4u << 20) /* of all tuples, lists and dicts */
#define PICKLE_STACK_MAX 65536
#define PICKLE_MARKS_MAX 256
#define PICKLE_NAME_MAX 255

enum value_kind {
    VALUE_NONE,
    VALUE_NUMBER, /* whole numbers and booleans, in `number` */
    VALUE_OPAQUE, /* numbers with fractions, very long ones, sets: there, but never asked for */
    VALUE_TEXT,   /* n bytes at `text`, in the file */
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,       /* items: key, value, key, value, ... */
    VALUE_GLOBAL,     /* a name of the list */
    VALUE_CALL,       /* of `global`: items are its arguments */
    VALUE_PERSISTENT, /* items: what stands outside of the pickle, as it was spelled */
};

/* What a name of the list means. The first two are all that the machine itself acts upon: one makes
 * a dict, one a tuple of the tuple that it is called with. */
enum pickle_role { PICKLE_DICT, PICKLE_TUPLE, PICKLE_OTHER };

struct pickle_global {
    const char *name; /* "module.name" */
    enum pickle_role role;
    int means; /* the caller's */
};

struct value {
    enum value_kind kind;
    uint32_t n, capacity; /* bytes of text, or items */
    const struct pickle_global *global;
    union {
        int64_t number;
        const char *text;
        struct value **items;
    };
};

struct pickle {
    const struct pickle_global *globals; /* may be called; ends with a NULL name */
    struct arena arena;                  /* of all values */
    struct value **persistent;           /* in the order in which they are met */
    size_t n_persistent, persistent_capacity;
};

/* Reads one pickle from the front of the bytes; *used is its length. The value lives until the
 * release, and points into the bytes. */
MUST_CHECK const struct value *pickle_read(
    struct pickle *p, const uint8_t *bytes, size_t n, size_t *used, struct err *err);
void pickle_release(struct pickle *p);

bool value_is_text(const struct value *v, const char *text);
const struct value *value_at(const struct value *v, size_t i);           /* NULL: no such item */
const struct value *value_of(const struct value *dict, const char *key); /* NULL if absent */

#endif

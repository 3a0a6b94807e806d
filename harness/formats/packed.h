/* The ways in which weights are packed: one row of a table each. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_PACKED_H
#define ASSAY_HARNESS_FORMATS_PACKED_H

#include "harness/formats/derived.h"

/* A weight that is being put together from its parts. */
struct making {
    struct weights *w;
    bool *used;
    const json_t *quantization;
    const char *stem, *name;
    struct derived *d;
    enum tensor_type type; /* the table's, unless the parts are of another kind */
    struct err *err;
};

/* Complaints are ERR_INPUT, name the weight, and return false. */
MUST_CHECK bool part_refuse(struct making *m, const char *why);
bool part_is_there(struct making *m, const char *suffix);
/* parts[at] = the tensor named stem + suffix. */
MUST_CHECK bool part_take(struct making *m, size_t at, const char *suffix, bool needed);
MUST_CHECK bool part_is(
    struct making *m, size_t at, uint64_t rows, uint64_t cols, const char *what);
MUST_CHECK bool part_has_type(struct making *m, size_t at, enum tensor_type type, const char *what);
MUST_CHECK bool part_is_real(struct making *m, size_t at, const char *what);

struct packing {
    const char *ending;  /* of the part by which it is known */
    const char *method;  /* only under this quant_method; NULL: always */
    const char *beside;  /* another part that must be there; NULL: none. Else it is no packing */
    const char *becomes; /* the ending of the weight */
    enum tensor_type type;
    bool (*make)(struct making *m);
    derived_row_fn *row;
    void (*shape)(const struct derived *d, struct tensor *t); /* of what isn't [rows, cols] */
};
extern const struct packing packings[]; /* ends with a NULL ending */

#endif

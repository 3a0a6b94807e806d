/* The one check that no byte of a data section belongs to two tensors, for both formats. A format
 * whose tensors must cover the section without holes can't hide a second file in it (safetensors
 * forbids such polyglots). */
#include "harness/formats/formats.h"

#include <inttypes.h>

#include "harness/formats/quoted.h"

static int extent_compare(const void *a, const void *b) {
    const struct extent *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

static bool refuse(
    const struct extent *e, const struct weights *w, uint64_t taken, struct err *err) {
    struct quoted q;
    const char *name = quoted_str(&q, w->tensors[e->tensor].name);
    if (e->begin < taken)
        return err_set(err, ERR_INPUT,
            "tensor '%s' at offset %" PRIu64 " overlaps another one, which ends at %" PRIu64, name,
            e->begin, taken);
    return err_set(err, ERR_INPUT,
        "hole in the data: tensor '%s' is at offset %" PRIu64
        ", the one before it ends at %" PRIu64,
        name, e->begin, taken);
}

bool extents_check(
    struct extent *extents, size_t n, const struct weights *w, bool gapless, struct err *err) {
    if (n)
        qsort(extents, n, sizeof *extents, extent_compare);
    uint64_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        if (extents[i].begin < taken || (gapless && extents[i].begin != taken))
            return refuse(&extents[i], w, taken, err);
        taken = extents[i].end;
    }
    return true;
}

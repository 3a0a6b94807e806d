/* Inside the data room: a source of bytes, a file here or one that was left on a hub. Its size is
 * known and stays; parts are read at any place, whole or not at all. */
#ifndef ASSAY_DATA_BYTES_H
#define ASSAY_DATA_BYTES_H

#include "evaluator/data/data.h"

struct bytes {
    uint64_t size;
    bool (*read_at)(struct bytes *b, uint64_t at, void *into, size_t n, struct err *err);
    void (*close)(struct bytes *b);
};

MUST_CHECK struct bytes *bytes_open_file(const char *path, struct err *err);
struct bytes *bytes_open_remote(
    const struct data_remote *remote, const struct data_remote_file *file);

/* Bytes [at, at + n), which must lie within the size. */
MUST_CHECK static inline bool bytes_read(
    struct bytes *b, uint64_t at, void *into, size_t n, struct err *err) {
    if (at > b->size || n > b->size - at)
        return err_set(err, ERR_BUG, "a read past the end of a file");
    return n == 0 || b->read_at(b, at, into, n, err);
}

static inline void bytes_close(struct bytes *b) {
    if (b)
        b->close(b);
}

#endif

/* For fuzz targets of the data room: the bytes go into a file of the process's own, and all rows of
 * it are read. */
#ifndef ASSAY_FUZZ_ROWS_H
#define ASSAY_FUZZ_ROWS_H

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "evaluator/data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The format comes from the first bytes' magic where they are packed, as from a file's ending. */
static inline void read_rows(const uint8_t *bytes, size_t size, const char *ending) {
    const char *packing = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b   ? ".gz"
                          : size >= 2 && bytes[0] == 0x28 && bytes[1] == 0xb5 ? ".zst"
                                                                              : "";
    char path[64];
    snprintf(path, sizeof path, "/tmp/assay-fuzz-%d%s%s", (int)getpid(), ending, packing);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    close(fd);
    struct err err = ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .file = path }, &err);
    json_t *row;
    for (int i = 0; d && i < 20000 && (row = data_next(d, &err)); i++) {
        json_decref(row);
        if (size % 2 == 1 && i % 5 == 1 && !data_skip(d, (uint64_t)i, &err)) /* of half of them */
            break;
    }
    if (d)
        data_label(d, "label", 0);
    data_close(d);
    unlink(path);
}

#endif

/* Zip archives of stored members, built for the tests of PyTorch's files and their fuzz target. */
#ifndef ASSAY_TESTS_ARCHIVES_H
#define ASSAY_TESTS_ARCHIVES_H

#include <stdint.h>

#include "base/strbuf.h"

struct archive {
    struct strbuf file, directory;
    unsigned n;
    bool wide; /* directory entries have their numbers in the zip64 extra field */
};

void archive_add(struct archive *a, const char *name, const void *bytes, size_t n);

/* Writes the directory and its end records behind the members: a->file is the archive. */
void archive_end(struct archive *a);
void archive_release(struct archive *a);

#endif

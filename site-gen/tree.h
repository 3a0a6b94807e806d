/* The output folder: written beside the old one, swapped in at the end.
 *
 * A file whose bytes are those of the old site is linked over, so that it keeps its inode and time:
 * what copies the site elsewhere sees what changed. A folder that this program did not make is
 * never replaced. A thread of its own compresses and writes, while the next page is made. */
#ifndef ASSAY_SITE_TREE_H
#define ASSAY_SITE_TREE_H

#include "base/strbuf.h"

/* A file of our own that is no part of the site (memory.h). */
#define TREE_MEMORY ".assay-memory"

struct writer;

struct tree {
    char *out, *fresh; /* the site, and the one being written */
    int lock;          /* descriptor of `fresh`, locked */
    bool plain;        /* without FILE.gz and FILE.br beside a file that is worth it (pack.h) */
    struct writer *writer;
    /* Known once the tree was committed: */
    int n_files, n_changed; /* without those that are compressed */
    size_t bytes, packed_bytes;
};

MUST_CHECK bool tree_open(struct tree *tree, const char *out, bool plain, struct err *err);
/* `path` is relative; its folders are made. What goes wrong may be said by a later call. */
MUST_CHECK bool tree_put(
    struct tree *tree, const char *path, const void *data, size_t n, struct err *err);
/* A file that the old site has, by its name alone: was it there (with what lies compressed beside
 * it), and is it to be there again. */
bool tree_had(const struct tree *tree, const char *path);
MUST_CHECK bool tree_keep(struct tree *tree, const char *path, struct err *err);
MUST_CHECK bool tree_commit(struct tree *tree, struct err *err);
/* Without a commit before it, removes what was written. */
void site_tree_release(struct tree *tree);

#endif

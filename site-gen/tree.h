/* The output folder: written beside the old one, swapped in at the end.
 *
 * A file whose bytes are those of the old site is linked over, so that it keeps its inode and time:
 * what copies the site elsewhere sees what changed. A folder that this program did not make is
 * never replaced. */
#ifndef ASSAY_SITE_TREE_H
#define ASSAY_SITE_TREE_H

#include "base/strbuf.h"

struct tree {
    char *out, *fresh; /* the site, and the one being written */
    int lock;          /* descriptor of `fresh`, locked */
    int n_files, n_changed;
    size_t bytes;
};

MUST_CHECK bool tree_open(struct tree *tree, const char *out, struct err *err);
/* `path` is relative; its folders are made. */
MUST_CHECK bool tree_put(
    struct tree *tree, const char *path, const void *data, size_t n, struct err *err);
MUST_CHECK bool tree_commit(struct tree *tree, struct err *err);
/* Without a commit before it, removes what was written. */
void site_tree_release(struct tree *tree);

#endif

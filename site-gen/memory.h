/* What a build remembers for the next one, in a file of the site's own: of each part of the site (a
 * model with its runs, a task) the hash of all that its pages are made of, and the names of its
 * files. A part whose hash is the same is neither read nor printed again: its files are those of
 * the old site.
 *
 * Whatever is wrong with the file, the build is a whole one. */
#ifndef ASSAY_SITE_MEMORY_H
#define ASSAY_SITE_MEMORY_H

#include <jansson.h>

#include "site-gen/tree.h"

struct memory {
    struct tree *tree;
    json_t *before, *now; /* key -> {"of": hash, "files": [...], "paths": [...], "pages"} */
    json_t *part;         /* that is being made, or NULL */
};

/* `program`: the hash of what makes pages and is no part's own; another one forgets all. */
void memory_open(struct memory *m, struct tree *tree, const char *program, bool forget);
void memory_close(struct memory *m);

/* *part is what is known of it if it is as it was: its files are in the tree then. Else NULL. */
MUST_CHECK bool memory_keep(
    struct memory *m, const char *key, const char *hash, const json_t **part, struct err *err);
/* All files that are noted in between belong to the part. `paths`: what its pages are linked by, of
 * which the list is taken; `n_pages`: how many there are, with those that nobody lists. */
void memory_begin(struct memory *m, const char *key, const char *hash);
void memory_note(struct memory *m, const char *file);
void memory_end(struct memory *m, json_t *paths, int n_pages);

/* One for parts that are made beside others, of which nothing was known; its parts become m's. */
void memory_apart(const struct memory *m, struct memory *apart);
void memory_join(struct memory *m, struct memory *apart);

MUST_CHECK bool memory_write(struct memory *m, struct err *err);

#endif

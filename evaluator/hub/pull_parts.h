/* What the files of pulling share. */
#ifndef ASSAY_HUB_PULL_PARTS_H
#define ASSAY_HUB_PULL_PARTS_H

#include "evaluator/hub/pull.h"

/* The revision's commit, what the hub says of the repository, and all pages of its list of files.
 */
MUST_CHECK bool pull_ask(
    struct client *c, const struct pull *p, struct pulled *out, struct err *err);

/* Fetches a snapshot's files, those that `chosen` says, and links each as it arrives. */
struct pull_files {
    const struct pull *pull;
    const char *root, *repo_dir;
    const struct repo_listing *listing;
    const bool *chosen; /* one a file */
};
MUST_CHECK bool pull_fetch(struct client *c, const struct pull_files *f, struct err *err);

char *pull_file_path(const struct pull *p, const char *commit, const char *path);

#endif

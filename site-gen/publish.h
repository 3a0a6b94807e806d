/* A built site goes out:
 *
 *     DIR                     a folder that a server reads
 *     [USER@]HOST:PATH, rsync://HOST/PATH   by rsync
 *     git:[REPOSITORY#]BRANCH a commit on a branch; no working tree and no index is touched
 *     space:DIR               the layout of a static Space of a hub: the site, and a README.md
 *
 * A branch and a Space get no FILE.gz and FILE.br: their hosts compress by themselves.
 *
 * The site is checked first, and one that has something to mend stays where it is. What is there
 * must be a site, or nothing: other files are neither replaced nor taken away. */
#ifndef ASSAY_SITE_PUBLISH_H
#define ASSAY_SITE_PUBLISH_H

#include <jansson.h>

#include "base/strbuf.h"

struct publish_options {
    const char *dir, *to; /* the built site; where to */
    const char *title;    /* of a Space; NULL: "Assay" */
    bool dry_run;         /* only say what would change */
};
struct publish_report {
    json_t *fresh, *changed, *gone; /* paths, sorted */
    size_t n_same;
    char commit[80];        /* of a branch; "" where there is none */
    struct strbuf problems; /* of the check, a line each */
};
void publish_report_release(struct publish_report *report); /* a zeroed struct is fine */

/* Fills *report, which the caller zeroes and releases. ERR_NEGATIVE if the site has problems. */
MUST_CHECK bool site_publish(
    const struct publish_options *options, struct publish_report *report, struct err *err);

#endif

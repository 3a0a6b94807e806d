/* Between the files of publishing: the ways out, each of which fills the report. */
#ifndef ASSAY_SITE_PUBLISH_PARTS_H
#define ASSAY_SITE_PUBLISH_PARTS_H

#include "base/proc.h"
#include "site-gen/publish.h"

#define SITE_MARKER ".assay-site"

/* `readme`: what a Space needs beside the site; NULL: a plain folder. */
MUST_CHECK bool publish_folder(const struct publish_options *o, const char *to, const char *readme,
    struct publish_report *r, struct err *err);
MUST_CHECK bool publish_rsync(
    const struct publish_options *o, struct publish_report *r, struct err *err);
/* "REPOSITORY#BRANCH" or "BRANCH". */
MUST_CHECK bool publish_git(
    const struct publish_options *o, const char *to, struct publish_report *r, struct err *err);

/* Runs a program to its end; false if it could not be started or took too long. */
MUST_CHECK bool publish_run(const char *const argv[], char *const *env, const char *input,
    struct proc_result *result, struct err *err);

#endif

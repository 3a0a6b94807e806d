/* The walls around a child process that parses a stranger's bytes: called by the child itself,
 * once, before it reads any.
 *
 * What is refused afterwards: writing anywhere but in one folder, sockets, starting programs,
 * looking into other processes, and more processor time, memory or file size than given. What the
 * kernel cannot do is left out and said in the report (degraded), never silently. */
#ifndef ASSAY_SANDBOX_H
#define ASSAY_SANDBOX_H

#include <sys/types.h>

#include "base/err.h"

enum sandbox_profile {
    SANDBOX_PARSER,  /* a short list of system calls: one thread that reads files and writes to open
                        descriptors */
    SANDBOX_COMPUTE, /* threads and generated code too (a model run): all but what is forbidden by
                        name */
    SANDBOX_REMOTE,  /* the same with a network: who asks a remote model */
};

struct sandbox_limits {
    enum sandbox_profile profile;
    pid_t parent;   /* die with it; if it is gone already, sandbox_enter fails. 0: don't care */
    unsigned cpu_s; /* 0: no limit */
    unsigned cpu_most_s;        /* what the parent may raise that to; 0: nothing */
    unsigned long memory_bytes; /* address space; 0: no limit (sanitizers and CUDA reserve far more
                                   than they use) */
    unsigned long file_bytes;   /* largest file it may write */
    unsigned n_files;           /* open descriptors; 0: 64 */
    const char
        *write_dir; /* the one folder in which it may create and change files; NULL: nowhere */
    const char *const *devices; /* files that it may open for writing all the same, ended by NULL,
                                   a dozen at most; NULL: none */
    const int *keep; /* descriptors above 2 that stay open, ascending, ended by -1; NULL: none */
};

struct sandbox_report {
    bool network_gone; /* a network name space of its own, with nothing in it */
    bool calls_filtered;
    bool files_confined;
    char degraded[256]; /* what is missing and why; empty if nothing is */
};

MUST_CHECK bool sandbox_enter(
    const struct sandbox_limits *limits, struct sandbox_report *report, struct err *err);

/* A second step, once it is known what has to be read: from now on only files below these paths
 * (NULL-terminated). Adds to the report where the kernel can't. */
MUST_CHECK bool sandbox_confine_reads(
    const char *const *paths, struct sandbox_report *report, struct err *err);

#endif

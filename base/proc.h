/* Child processes by argv, never by a shell: run to the end and collect, or start and watch.
 * Every child dies with its parent (PR_SET_PDEATHSIG), inherits no descriptor beyond those
 * named, and gets exactly the environment given. */
#ifndef ASSAY_PROC_H
#define ASSAY_PROC_H

#include <sys/types.h>

#include "base/strbuf.h"

struct proc_options {
    const char *const
        *env; /* NULL-terminated NAME=VALUE; NULL: PATH, HOME, LANG, TZ, LC_ALL of the parent */
    const char *dir;   /* working directory, or NULL */
    const char *input; /* bytes for its stdin, or NULL for /dev/null */
    size_t input_n;
    size_t output_max;   /* ceiling for stdout and for stderr; 0: 16 MiB */
    unsigned timeout_s;  /* 0: none. SIGTERM, five seconds, SIGKILL: to the whole process group */
    unsigned long cpu_s; /* RLIMIT_CPU; 0: unlimited */
    unsigned long memory_bytes; /* RLIMIT_AS; 0: unlimited */
    uid_t uid;                  /* when running as root: become this user first (0: stay) */
    gid_t gid;
};

struct proc_result {
    int exit_code; /* 128 + signal if it was killed */
    bool timed_out;
    struct strbuf out, err;
};

/* False only if it could not be started; how it ended is in *result, which proc_result_release
 * frees. */
MUST_CHECK bool proc_run(const char *const argv[], const struct proc_options *options,
    struct proc_result *result, struct err *err);
void proc_result_release(struct proc_result *result);

/* NAME=VALUE of those of the variables that are set, NULL-terminated, for a child's environment. */
char **proc_env(const char *const *names);
void proc_env_free(char **env); /* NULL is fine */

/* The full path of a program: in PATH, then in the NULL-terminated list of directories. The
 * caller frees; NULL if absent. */
char *proc_find(const char *name, const char *const *extra_dirs);

#endif

/* Errors: one pattern for the whole program.
 *
 * A function that can fail returns bool (or a pointer) and takes `struct err *err` last. On failure
 * it fills *err with a class and a message; on success it leaves *err untouched, so calls chain.
 * Nothing here allocates.
 *
 * The class says what to do about the error, not where it happened; err_info() is the one table
 * that gives each class its name, the process exit code, and what the job queue does with a job
 * that failed so. Messages are in PostgreSQL's voice: lower-case, no full stop, names in single
 * quotes; "could not" for what may pass later, "cannot" for what never will. Each level up adds
 * its context in front with err_wrap. */
#ifndef ASSAY_ERR_H
#define ASSAY_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err_class {
    ERR_NONE = 0,
    ERR_FAILED,      /* some other run-time error */
    ERR_USAGE,       /* the command line is wrong */
    ERR_NOT_FOUND,   /* no such model, task, run, file */
    ERR_NETWORK,     /* hub unreachable, 5xx, time-out, rate limit exhausted: may pass */
    ERR_AUTH,        /* gated, private, or offline and not cached */
    ERR_UNSUPPORTED, /* well-formed, but of a kind that we don't run */
    ERR_INPUT,       /* corrupt or malformed bytes: hash mismatch, bad header, bad JSON */
    ERR_TASK,        /* a task file is wrong, or used up its budget */
    ERR_RESOURCE,    /* does not fit: memory */
    ERR_NUMERIC,     /* NaN or infinity where a number must be */
    ERR_CRASH,       /* a child process died of a signal or hung */
    ERR_NODE,        /* this machine is sick: disk full, device lost */
    ERR_DB,          /* database unreachable: may pass */
    ERR_SCHEMA,      /* database schema or document version that we don't know */
    ERR_BUSY,        /* lease lost, lock held, or nothing to do */
    ERR_INTERRUPTED, /* stopped on request; state is saved */
    ERR_NEGATIVE,    /* a check that the user asked for came out negative */
    ERR_BUG,         /* our own mistake */
    ERR_N_CLASSES,
};

enum err_action {
    ERR_ACTION_DEAD,       /* the job will never succeed: final, with its reason */
    ERR_ACTION_RETRY,      /* back off and try again, a bounded number of times */
    ERR_ACTION_QUARANTINE, /* counts as a crash: final after three */
    ERR_ACTION_RELEASE,    /* give the job back untouched; this worker stops */
};

struct err_info {
    const char *name; /* stable word: stored in the database, printed by --json */
    int exit_code;    /* see `assay help exit-codes` */
    enum err_action action;
};

struct err {
    enum err_class class;
    char msg[512];  /* what failed, with which input, why */
    char hint[256]; /* what to do next; empty if there is nothing to say */
};

#define ERR_INIT                                                                                   \
    { .class = ERR_NONE }

/* Fills *err (which may be NULL) and returns false, so that `return err_set(...)` reads well. */
bool err_set(struct err *err, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Adds the hint to an error that is already set; returns false. */
bool err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "context: " in front of the message; returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As err_set, with ": <strerror(errno)>" appended. ENOSPC, EDQUOT, EIO and EMFILE make the class
 * ERR_NODE, ENOENT makes it ERR_NOT_FOUND and ENOMEM ERR_RESOURCE, whatever was asked for. */
bool err_errno(struct err *err, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);

const struct err_info *err_info(enum err_class class);

/* The class whose stable name this is; ERR_BUG for an unknown one. */
enum err_class err_class_find(const char *name);

/* Our own mistakes only, never for bytes from outside: prints file and line, aborts. */
#define BUG_IF(cond)                                                                               \
    do {                                                                                           \
        if (cond)                                                                                  \
            err_bug(__FILE__, __LINE__, #cond);                                                    \
    } while (0)
_Noreturn void err_bug(const char *file, int line, const char *cond);

#endif

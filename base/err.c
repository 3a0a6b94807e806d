/* Errors: filling, wrapping, and the table of what each class means (see err.h). */
#include "base/err.h"

#include <errno.h>
#include <string.h>

static const struct err_info TABLE[ERR_N_CLASSES] = {
    [ERR_NONE] = { "none", 0, ERR_ACTION_DEAD },
    [ERR_FAILED] = { "failed", 1, ERR_ACTION_DEAD },
    [ERR_USAGE] = { "usage", 2, ERR_ACTION_DEAD },
    [ERR_NOT_FOUND] = { "not_found", 3, ERR_ACTION_DEAD },
    [ERR_NETWORK] = { "network", 4, ERR_ACTION_RETRY },
    [ERR_AUTH] = { "auth", 5, ERR_ACTION_DEAD },
    [ERR_UNSUPPORTED] = { "unsupported", 6, ERR_ACTION_DEAD },
    [ERR_INPUT] = { "input", 7, ERR_ACTION_DEAD },
    [ERR_TASK] = { "task", 6, ERR_ACTION_DEAD },
    [ERR_RESOURCE] = { "resource", 6, ERR_ACTION_RETRY },
    [ERR_NUMERIC] = { "numeric", 6, ERR_ACTION_DEAD },
    [ERR_CRASH] = { "crash", 6, ERR_ACTION_QUARANTINE },
    [ERR_NODE] = { "node", 1, ERR_ACTION_RELEASE },
    [ERR_DB] = { "db", 4, ERR_ACTION_RETRY },
    [ERR_SCHEMA] = { "schema", 7, ERR_ACTION_RELEASE },
    [ERR_BUSY] = { "busy", 8, ERR_ACTION_DEAD },
    [ERR_INTERRUPTED] = { "interrupted", 9, ERR_ACTION_RELEASE },
    [ERR_NEGATIVE] = { "negative", 10, ERR_ACTION_DEAD },
    [ERR_BUG] = { "bug", 1, ERR_ACTION_DEAD },
};

const struct err_info *err_info(enum err_class class) {
    return &TABLE[(unsigned)class < ERR_N_CLASSES ? class : ERR_BUG];
}

enum err_class err_class_find(const char *name) {
    for (int i = 0; i < ERR_N_CLASSES; i++) {
        if (!strcmp(TABLE[i].name, name)) {
            return (enum err_class)i;
        }
    }
    return ERR_BUG;
}

/* vsnprintf that leaves no half of a UTF-8 letter where it had to cut: messages go into databases
 * and JSON. */
PRINTF_LIKE(3, 0) static void format(char *out, size_t size, const char *fmt, va_list ap) {
    int wanted = vsnprintf(out, size, fmt, ap);
    if (wanted < 0 || (size_t)wanted < size) {
        return;
    }
    size_t end = size - 1, lead = end;
    while (lead > 0 && end - lead < 4 && ((unsigned char)out[lead - 1] & 0xc0) == 0x80) {
        lead--;
    }
    unsigned char first = lead ? (unsigned char)out[lead - 1] : 0;
    size_t letter = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (first >= 0xc0 && end - (lead - 1) < letter) {
        out[lead - 1] = 0;
    }
}

PRINTF_LIKE(3, 4) static void print(char *out, size_t size, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    format(out, size, fmt, ap);
    va_end(ap);
}

bool err_set(struct err *err, enum err_class class, const char *fmt, ...) {
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        /* through a copy: an argument may be err->msg itself */
        char msg[sizeof err->msg];
        format(msg, sizeof msg, fmt, ap);
        va_end(ap);
        err->class = class;
        err->hint[0] = 0;
        memcpy(err->msg, msg, sizeof msg);
    }
    return false;
}

bool err_hint(struct err *err, const char *fmt, ...) {
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        format(err->hint, sizeof err->hint, fmt, ap);
        va_end(ap);
    }
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...) {
    if (err) {
        char context[sizeof err->msg], joined[sizeof err->msg];
        va_list ap;
        va_start(ap, fmt);
        format(context, sizeof context, fmt, ap);
        va_end(ap);
        print(joined, sizeof joined, "%s: %s", context, err->msg);
        memcpy(err->msg, joined, sizeof joined);
    }
    return false;
}

static enum err_class class_of_errno(int e, enum err_class otherwise) {
    switch (e) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
        return ERR_NODE;
    case ENOENT:
        return ERR_NOT_FOUND;
    case ENOMEM:
        return ERR_RESOURCE;
    default:
        return otherwise;
    }
}

bool err_errno(struct err *err, enum err_class class, const char *fmt, ...) {
    int e = errno;
    char msg[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    format(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_set(err, class_of_errno(e, class), "%s: %s", msg, strerror(e));
}

_Noreturn void err_bug(const char *file, int line, const char *cond) {
    fprintf(stderr, "assay: bug: %s:%d: %s\n", file, line, cond);
    abort();
}

/* What an api was paid (see ledger.h). */
#include "evaluator/remote/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

enum { RECORD = 21 }; /* "+0000000000001234567\n" */
#define FILE_MAX ((size_t)1 << 30)

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One record; false for what is none. */
static bool record_read(const char *text, int64_t *amount) {
    char digits[RECORD];
    memcpy(digits, text, RECORD - 1);
    digits[RECORD - 1] = 0;
    if ((*digits != '+' && *digits != '-') || text[RECORD - 1] != '\n' ||
        strspn(digits + 1, "0123456789") != RECORD - 2) {
        return false;
    }
    errno = 0;
    *amount = strtoll(digits, NULL, 10);
    return errno == 0;
}

static bool sum_of(const char *path, const struct strbuf *text, int64_t *sum, struct err *err) {
    *sum = 0;
    for (size_t at = 0; at + RECORD <= text->len; at += RECORD) {
        int64_t amount;
        if (!record_read(text->text + at, &amount) || __builtin_add_overflow(*sum, amount, sum)) {
            err_set(err, ERR_INPUT, "what was paid cannot be read in '%.200s'", path);
            return err_hint(
                err, "it is text: a signed amount a line, in millionths of a millionth");
        }
    }
    return true;
}

bool ledger_read(const char *path, int64_t *sum, struct err *err) {
    struct strbuf text = { 0 };
    *sum = 0;
    if (!file_exists(path)) {
        return true;
    }
    bool ok = file_read(path, FILE_MAX, &text, err) && sum_of(path, &text, sum, err);
    strbuf_release(&text);
    return ok;
}

/* What is cut short at the end never led to a request. */
static bool cut_torn_end(int fd, struct err *err) {
    struct stat st;
    return (!fstat(fd, &st) &&
               (st.st_size % RECORD == 0 || !ftruncate(fd, st.st_size - st.st_size % RECORD))) ||
           err_errno(err, ERR_NODE, "could not mend what was paid");
}

bool ledger_open(struct ledger *l, const char *path, double ceiling, bool dry, struct err *err) {
    *l = (struct ledger) { .fd = -1,
        .ceiling = ceiling < 0 ? -1 : (int64_t)(ceiling * LEDGER_UNIT) };
    if (dry) {
        return ledger_read(path, &l->sum, err);
    }
    l->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0) {
        return err_errno(err, ERR_NODE, "could not open '%s'", path);
    }
    if (flock(l->fd, LOCK_EX | LOCK_NB)) {
        err_set(err, ERR_BUSY, "another evaluation asks it right now");
        err_hint(err, "one at a time: both would be paid for the same");
    } else if (cut_torn_end(l->fd, err) && ledger_read(path, &l->sum, err)) {
        return true;
    }
    ledger_close(l);
    return false;
}

void ledger_close(struct ledger *l) {
    if (l->fd >= 0) {
        fdatasync(l->fd);
        close(l->fd);
    }
    l->fd = -1;
}

bool ledger_has_room(const struct ledger *l, int64_t most) {
    int64_t sum;
    return l->ceiling < 0 || (!__builtin_add_overflow(l->sum, most, &sum) && sum <= l->ceiling);
}

static bool append(struct ledger *l, int64_t amount, struct err *err) {
    char text[RECORD + 4];
    if (!amount || l->fd < 0) {
        return true;
    }
    snprintf(text, sizeof text, "%+0*" PRId64 "\n", RECORD - 1, amount);
    off_t end = lseek(l->fd, 0, SEEK_END);
    if (!fd_write_all(l->fd, text, RECORD)) {
        int why = errno;
        (void)!ftruncate(l->fd, end); /* half a record would make the rest unreadable */
        errno = why;
        return err_errno(err, ERR_NODE, "could not write down what is paid");
    }
    if (now_s() - l->synced_at >= 1) {
        fdatasync(l->fd);
        l->synced_at = now_s();
    }
    return true;
}

bool ledger_reserve(struct ledger *l, int64_t most, struct err *err) {
    if (!ledger_has_room(l, most)) {
        return err_set(err, ERR_BUG, "more is reserved than there is room for");
    }
    if (!append(l, most, err)) {
        return false;
    }
    l->sum += most;
    l->pending += most;
    return true;
}

bool ledger_settle(struct ledger *l, int64_t most, int64_t paid, struct err *err) {
    int64_t more;
    l->pending -= most;
    if (paid < 0 || __builtin_add_overflow(l->sum - most, paid, &more)) {
        return err_set(err, ERR_INPUT, "a price that no sum can have");
    }
    l->sum = more;
    return append(l, paid - most, err);
}

/* The memo's file and its index (see memo.h). Of the file only keys and places are in memory; a
 * payload is read where it lies when it is asked for. */
#include "evaluator/eval/memo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum {
    HEAD = 8 + MEMO_KEY,
    HAND_OVER_BYTES = 32 << 10, /* are handed over at once, or what there is after HAND_OVER_S */
    PENDING_MAX = 64 << 20,     /* bytes that wait in memory for the file to have them */
};
#define HAND_OVER_S 0.25

/* ---- keys ---- */

struct memo_hash {
    struct sha256 *sha;
};

struct memo_hash *memo_hash_new(void) {
    struct memo_hash *h = xmalloc(sizeof *h);
    h->sha = sha256_new();
    return h;
}

void memo_hash_add(struct memo_hash *h, const void *data, size_t n) {
    uint64_t length = n;
    sha256_add(h->sha, &length, sizeof length);
    sha256_add(h->sha, data, n);
}

void memo_hash_text(struct memo_hash *h, const char *text) {
    static const uint64_t nothing = UINT64_MAX;
    if (text) {
        memo_hash_add(h, text, strlen(text));
    } else {
        sha256_add(h->sha, &nothing, sizeof nothing);
    }
}

static unsigned hex_digit(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void memo_hash_end(struct memo_hash *h, uint8_t key[MEMO_KEY]) {
    char hex[65];
    sha256_end(h->sha, hex);
    for (int i = 0; i < MEMO_KEY; i++) {
        key[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    }
    free(h);
}

/* ---- records ---- */

static uint32_t checksum(const uint8_t *key, const void *payload, size_t n) {
    uLong crc = crc32(crc32(0, NULL, 0), key, MEMO_KEY);
    return (uint32_t)crc32(crc, payload, (uInt)n);
}

void memo_record(struct strbuf *out, const uint8_t key[MEMO_KEY], const void *payload, uint32_t n) {
    uint32_t head[2] = { n, checksum(key, payload, n) };
    strbuf_add(out, (const char *)head, sizeof head);
    strbuf_add(out, (const char *)key, MEMO_KEY);
    strbuf_add(out, payload, n);
}

/* Bytes of the whole, sound record at the beginning of data[0, n); 0 if there is none. */
static size_t record_length(const uint8_t *data, size_t n) {
    uint32_t head[2];
    if (n < HEAD) {
        return 0;
    }
    memcpy(head, data, sizeof head);
    if (head[0] > MEMO_PAYLOAD_MAX || n - HEAD < head[0] ||
        head[1] != checksum(data + 8, data + HEAD, head[0])) {
        return 0;
    }
    return HEAD + (size_t)head[0];
}

/* Calls back for each sound record from *at on; *at ends behind the last one. */
typedef void record_fn(void *arg, const uint8_t *record, uint64_t at);

static bool read_at(int fd, void *out, size_t n, uint64_t at) {
    for (size_t done = 0; done < n;) {
        ssize_t r = pread(fd, (uint8_t *)out + done, n - done, (off_t)(at + done));
        if (r == 0 || (r < 0 && errno != EINTR)) {
            return false;
        }
        done += r > 0 ? (size_t)r : 0;
    }
    return true;
}

static void records_scan(int fd, uint64_t *at, record_fn *each, void *arg) {
    struct stat st;
    uint8_t *record = NULL;
    size_t capacity = 0, length = 1;
    uint32_t n;
    uint64_t end = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    while (length && *at + HEAD <= end && read_at(fd, &n, sizeof n, *at) && n <= MEMO_PAYLOAD_MAX &&
           n <= end - *at - HEAD) {
        mem_grow(&record, &capacity, HEAD + (size_t)n, 1);
        length = read_at(fd, record, HEAD + (size_t)n, *at) ? record_length(record, HEAD + n) : 0;
        if (length && each) {
            each(arg, record, *at);
        }
        *at += length;
    }
    free(record);
}

/* ---- the index ---- */

/* A place is of the file, or (the top bit) of what is pending. */
#define PENDING ((uint64_t)1 << 63)

struct entry {
    uint8_t key[MEMO_KEY];
    uint64_t place; /* of the record, plus 1; 0: the entry is free */
};

struct memo {
    struct memo_options options;
    struct entry *entries; /* open addressing; a power of two */
    size_t n, capacity;
    uint64_t scanned;      /* how far into the file the index goes */
    struct strbuf pending; /* records that were added and are not known to be in the file */
    size_t handed_over;    /* of these */
    double handed_over_at;
    bool full;        /* the file doesn't take what is handed over */
    uint8_t *payload; /* for memo_find */
    size_t payload_capacity;
};

static struct entry *entry_of(const struct memo *m, const uint8_t *key) {
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t at = hash & (m->capacity - 1);
    while (m->entries[at].place && memcmp(m->entries[at].key, key, MEMO_KEY)) {
        at = (at + 1) & (m->capacity - 1);
    }
    return &m->entries[at];
}

static void index_grow(struct memo *m) {
    struct entry *old = m->entries;
    size_t n = m->capacity;
    m->capacity = n ? 2 * n : 1024;
    m->entries = xcalloc(m->capacity, sizeof *m->entries);
    for (size_t i = 0; i < n; i++) {
        if (old[i].place) {
            *entry_of(m, old[i].key) = old[i];
        }
    }
    free(old);
}

/* What lies in the file takes the place of what is pending; otherwise the first one counts. */
static void index_put(struct memo *m, const uint8_t *key, uint64_t place) {
    if (2 * (m->n + 1) > m->capacity) {
        index_grow(m);
    }
    struct entry *e = entry_of(m, key);
    if (e->place && !((e->place - 1) & PENDING)) {
        return;
    }
    m->n += !e->place;
    memcpy(e->key, key, MEMO_KEY);
    e->place = place + 1;
}

static void index_record(void *arg, const uint8_t *record, uint64_t at) {
    index_put(arg, record + 8, at);
}

/* Looks at what the parent has written in the meantime, and forgets of what is pending what is
 * found there. */
static void index_refresh(struct memo *m) {
    struct strbuf kept = { .max = SIZE_MAX };
    if (m->options.fd >= 0) {
        records_scan(m->options.fd, &m->scanned, index_record, m);
    }
    const uint8_t *data = (const uint8_t *)m->pending.text;
    size_t handed_over = m->handed_over;
    m->handed_over = 0;
    for (size_t at = 0, n; at < m->pending.len; at += n) {
        n = record_length(data + at, m->pending.len - at);
        BUG_IF(n == 0);
        struct entry *e = entry_of(m, data + at + 8);
        if (at < handed_over && !((e->place - 1) & PENDING)) {
            continue;
        }
        e->place = (kept.len | PENDING) + 1;
        strbuf_add(&kept, (const char *)data + at, n);
        m->handed_over += at < handed_over ? n : 0;
    }
    strbuf_release(&m->pending);
    m->pending = kept;
}

/* ---- the memo ---- */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct memo *memo_open(const struct memo_options *options) {
    struct memo *m = xcalloc(1, sizeof *m);
    m->options = *options;
    m->pending.max = SIZE_MAX;
    m->handed_over_at = now_s();
    index_grow(m);
    if (options->fd >= 0 && options->skip_old) {
        records_scan(options->fd, &m->scanned, NULL, NULL);
    }
    index_refresh(m);
    return m;
}

void memo_close(struct memo *m) {
    if (m) {
        strbuf_release(&m->pending);
        free(m->entries);
        free(m->payload);
        free(m);
    }
}

const void *memo_find(struct memo *m, const uint8_t key[MEMO_KEY], size_t *n) {
    uint32_t length;
    const struct entry *e = m ? entry_of(m, key) : NULL;
    if (!e || !e->place) {
        return NULL;
    }
    uint64_t place = (e->place - 1) & ~PENDING;
    bool pending = (e->place - 1) & PENDING;
    if (pending) {
        memcpy(&length, m->pending.text + place, sizeof length);
        *n = length;
        return m->pending.text + place + HEAD;
    }
    if (!read_at(m->options.fd, &length, sizeof length, place)) {
        return NULL;
    }
    mem_grow(&m->payload, &m->payload_capacity, length ? length : 1, 1);
    *n = length;
    return read_at(m->options.fd, m->payload, length, place + HEAD) ? m->payload : NULL;
}

bool memo_flush(struct memo *m, struct err *err) {
    if (!m) {
        return true;
    }
    size_t n = m->pending.len - m->handed_over;
    const char *from = strbuf_str(&m->pending) + m->handed_over;
    m->handed_over = m->pending.len;
    m->handed_over_at = now_s();
    return !n || !m->options.keep || m->options.keep(from, n, m->options.arg, err);
}

bool memo_add(
    struct memo *m, const uint8_t key[MEMO_KEY], const void *payload, size_t n, struct err *err) {
    if (!m || entry_of(m, key)->place || n > MEMO_PAYLOAD_MAX || m->full) {
        return true;
    }
    index_put(m, key, m->pending.len | PENDING);
    memo_record(&m->pending, key, payload, (uint32_t)n);
    bool due = m->pending.len - m->handed_over >= HAND_OVER_BYTES ||
               now_s() - m->handed_over_at >= HAND_OVER_S;
    if (due && !memo_flush(m, err)) {
        return false;
    }
    if (m->pending.len >= PENDING_MAX) {
        index_refresh(m);
        m->full = m->pending.len >= PENDING_MAX / 2;
    }
    return true;
}

/* ---- the writer ---- */

/* Nobody else has it open: what follows the last sound record is of somebody who died. */
static void cut_torn_end(int fd) {
    uint64_t end = 0;
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        return;
    }
    records_scan(fd, &end, NULL, NULL);
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > end && ftruncate(fd, (off_t)end)) {
        return; /* then readers end there, and the next one tries again */
    }
}

bool memo_writer_open(
    struct memo_writer *w, const char *path, uint64_t max_bytes, struct err *err) {
    struct stat st;
    *w = (struct memo_writer) { .max_bytes = max_bytes };
    w->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->fd < 0) {
        return err_errno(err, ERR_FAILED, "could not open '%s'", path);
    }
    cut_torn_end(w->fd);
    if (flock(w->fd, LOCK_SH | LOCK_NB) || fstat(w->fd, &st)) {
        err_errno(err, ERR_FAILED, "could not lock '%s'", path);
        memo_writer_close(w);
        return false;
    }
    w->bytes = (uint64_t)st.st_size;
    return true;
}

bool memo_writer_add(struct memo_writer *w, const void *records, size_t n, struct err *err) {
    const uint8_t *data = records;
    for (size_t at = 0, length; at < n; at += length) {
        length = record_length(data + at, n - at);
        if (!length) {
            return err_set(err, ERR_INPUT, "what is to be kept is not whole answers");
        }
    }
    if (n > w->max_bytes || w->bytes > w->max_bytes - n) {
        return true;
    }
    w->bytes += n;
    return fd_write_all(w->fd, records, n) ||
           err_errno(err, ERR_FAILED, "could not keep answers for later");
}

void memo_writer_close(struct memo_writer *w) {
    if (w->fd >= 0) {
        close(w->fd);
    }
    w->fd = -1;
}

/* Writing a file of packed weights: beside the name that it is to have, matrix by matrix, index and
 * header last. It is not synced: after a loss of power a file can have its name and not its bytes,
 * which its sums tell. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cpu/packs_layout.h"

struct packs_writer {
    int fd;
    char *path, *beside;
    uint64_t at, most;
    struct strbuf entries; /* of the index */
    struct strmap *keys;
    struct strbuf form;
    bool failed;
};

/* A write past this limit would end the process by a signal. */
static uint64_t file_limit(void) {
    struct rlimit r;
    return getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_cur != RLIM_INFINITY ? r.rlim_cur
                                                                           : UINT64_MAX;
}

static void write_at(struct packs_writer *w, uint64_t at, const void *data, size_t n) {
    const uint8_t *from = data;
    w->failed = w->failed || at > w->most || n > w->most - at;
    while (!w->failed && n > 0) {
        ssize_t wrote = pwrite(w->fd, from, n, (off_t)at);
        w->failed = wrote == 0 || (wrote < 0 && errno != EINTR);
        if (wrote > 0) {
            from += wrote;
            at += (uint64_t)wrote;
            n -= (size_t)wrote;
        }
    }
}

static void put_number(struct strbuf *b, uint64_t number) {
    strbuf_add(b, &number, sizeof number);
}

static void put_text(struct strbuf *b, const char *text, size_t n) {
    put_number(b, n);
    strbuf_add(b, text, n);
}

struct packs_writer *packs_writer_new(const char *path, const char *form, uint64_t most_bytes) {
    uint64_t number;
    struct strbuf name = { 0 };
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return NULL;
    strbuf_addf(&name, "%s.%016" PRIx64 ".tmp", path, number);
    int fd = open(strbuf_str(&name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) { /* a lock says that somebody is at it */
        if (fd >= 0) {
            unlink(strbuf_str(&name));
            close(fd);
        }
        strbuf_release(&name);
        return NULL;
    }
    struct packs_writer *w = xcalloc(1, sizeof *w);
    uint64_t limit = file_limit();
    *w = (struct packs_writer) { .fd = fd,
        .path = xstrdup(path),
        .beside = strbuf_take(&name),
        .at = sizeof(struct packs_header),
        .most = most_bytes < limit ? most_bytes : limit,
        .keys = strmap_new(256) };
    put_text(&w->form, form, strlen(form));
    return w;
}

bool packs_writer_add(struct packs_writer *w, struct pool *pool, const char *key, size_t key_n,
    const void *data, size_t n) {
    size_t known = strmap_count(w->keys);
    w->failed = w->failed || key_n > PACKS_KEY_MAX || known == PACKS_MATRICES_MAX;
    if (w->failed || !strmap_add(w->keys, key, key_n, (int32_t)known))
        return !w->failed;
    w->at = (w->at + PACKS_ALIGN - 1) / PACKS_ALIGN * PACKS_ALIGN;
    write_at(w, w->at, data, n);
    put_number(&w->entries, w->at);
    put_number(&w->entries, n);
    put_number(&w->entries, packs_sum(pool, data, n));
    put_text(&w->entries, key, key_n);
    w->at += n;
    return !w->failed;
}

static void writer_free(struct packs_writer *w) {
    close(w->fd);
    strmap_free(w->keys);
    strbuf_release(&w->entries);
    strbuf_release(&w->form);
    free(w->path);
    free(w->beside);
    free(w);
}

void packs_writer_drop(struct packs_writer *w) {
    if (w == NULL)
        return;
    unlink(w->beside);
    writer_free(w);
}

bool packs_writer_keep(struct packs_writer *w) {
    put_number(&w->form, strmap_count(w->keys));
    strbuf_add(&w->form, strbuf_str(&w->entries), w->entries.len);
    struct packs_header h = { .magic = PACKS_MAGIC,
        .version = PACKS_VERSION,
        .file_bytes = w->at + w->form.len,
        .index_at = w->at,
        .index_sum = packs_sum(NULL, w->form.text, w->form.len) };
    h.sum = packs_header_sum(&h);
    write_at(w, w->at, w->form.text, w->form.len);
    write_at(w, 0, &h, sizeof h);
    bool ok =
        !w->failed && !w->form.overflow && !w->entries.overflow && rename(w->beside, w->path) == 0;
    if (!ok)
        unlink(w->beside);
    writer_free(w);
    return ok;
}

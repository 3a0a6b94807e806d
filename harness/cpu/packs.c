/* Which file of packed weights a model has, and what is in it (see packs.h). */
#include "harness/cpu/packs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "harness/cpu/build_id.h"
#include "harness/cpu/packs_file.h"

struct packs {
    char *dir, *path, *form;
    bool frozen;
    uint64_t most, expected; /* bytes of the folder; of this model, about */
    struct pool *pool;
    bool is_open; /* the file has been looked for */
    int fd;       /* holds the lock */
    uint8_t *map;
    size_t size;
    struct packs_index index;
    size_t *found; /* entries that were found intact, as they were asked for */
    size_t n_found, found_capacity;
    struct packs_writer *writer;
    bool gave_up; /* nothing is written any more */
    struct strbuf key;
};

/* ---- names ---- */

/* A name for the form; that it is this form is said within. */
static char *path_of(const char *dir, const char *form) {
    struct strbuf name = { 0 };
    size_t n = strlen(form);
    strbuf_addf(&name, "%s/%016" PRIx64 "%016" PRIx64 "%s", dir, packs_sum(NULL, form, n),
        packs_sum(NULL, form, n / 2), PACKS_ENDING);
    return strbuf_take(&name);
}

static void add_shape(struct strbuf *key, const struct tensor *t) {
    for (uint32_t i = 0; i < t->n_dims; i++)
        strbuf_addf(key, "%c%" PRIu64, i == 0 ? ' ' : 'x', t->shape[i]);
}

/* Numbers as they are in memory: what differs in a bit is another weight. */
static uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Both ends of the tensor's bytes: should a file system ever give two files one stamp, their
 * weights still differ here. */
static uint64_t sample_sum(const struct tensor *t) {
    enum { SAMPLE = 4096 };
    size_t n = t->bytes < SAMPLE ? t->bytes : SAMPLE;
    return packs_sum(NULL, t->data, n) ^ (packs_sum(NULL, t->data + t->bytes - n, n) << 1 | 1);
}

/* All that the rows of `s` depend on, but for the file's bytes, which the form has. */
static void key_make(struct strbuf *key, const struct source *s) {
    const struct weight_source *f = &s->from;
    strbuf_reset(key);
    strbuf_addf(key, "%" PRIu64 "x%" PRIu64 " %s %s", s->n, s->k, f->tensor->name,
        tensor_type_info(f->tensor->type)->name);
    add_shape(key, f->tensor);
    strbuf_addf(key, " bytes %016" PRIx64, sample_sum(f->tensor));
    strbuf_addf(key, " transpose %d heads %u rows %" PRIu64 "+%" PRIu64, f->transpose,
        f->permute_heads, f->row, f->n_rows);
    strbuf_addf(key, " run %u/%u+%u columns %u+%u slice %" PRIu64 " add %08" PRIx32, f->run,
        f->every, f->pad, f->run_columns, f->pad_columns, f->slice, float_bits(f->add));
    if (f->part.of_rows || f->part.of_columns)
        strbuf_addf(key, " part %" PRIu64 "/%" PRIu64 " %" PRIu64 "/%" PRIu64, f->part.row,
            f->part.of_rows, f->part.column, f->part.of_columns);
    for (uint32_t i = 0; i < f->n_scales; i++)
        strbuf_addf(key, " scale %u*%08" PRIx32, f->scales[i].n, float_bits(f->scales[i].factor));
}

/* A tensor that is computed from others, or that an adapter put in the place of the model's own,
 * has no bytes in the model's files that could be told by a name. */
static bool is_kept(const struct source *s) {
    return s->from.tensor->derived == NULL && !s->from.tensor->replaced;
}

/* ---- the file that is there ---- */

static bool map_file(struct packs *p) {
    struct stat st;
    p->fd = open(p->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return false;
    flock(p->fd, LOCK_SH | LOCK_NB); /* where locks are not known, none is needed: a file that is
                                        removed stays mapped */
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, p->fd, 0);
    if (map == MAP_FAILED)
        return false;
    p->map = map;
    p->size = (size_t)st.st_size;
    return true;
}

static void open_file(struct packs *p) {
    p->is_open = true;
    if (!map_file(p) || !packs_read(&p->index, p->map, p->size, p->form)) {
        packs_index_release(&p->index);
        return;
    }
    if (!p->frozen)
        futimens(p->fd, NULL); /* used now; may be refused */
}

static const struct packs_entry *entry_find(const struct packs *p, size_t *at) {
    int32_t i =
        p->index.by_key == NULL ? -1 : strmap_find(p->index.by_key, p->key.text, p->key.len);
    *at = (size_t)i;
    return i < 0 ? NULL : &p->index.entries[i];
}

/* ---- the file that takes its place ---- */

/* False where nothing is being written. */
static bool write_down(struct packs *p, const char *key, size_t key_n, const void *data, size_t n) {
    if (p->writer == NULL)
        return false;
    p->gave_up = !packs_writer_add(p->writer, p->pool, key, key_n, data, n);
    if (p->gave_up) {
        packs_writer_drop(p->writer);
        p->writer = NULL;
    }
    return !p->gave_up;
}

static bool write_found(struct packs *p, const struct packs_entry *e) {
    return write_down(p, e->key, e->key_n, p->map + e->at, (size_t)e->bytes);
}

/* What was found so far comes along: the new file is to be whole. */
static bool begin(struct packs *p) {
    p->most = packs_folder_most(p->dir, p->most);
    p->gave_up = p->expected > p->most;
    p->writer = p->gave_up ? NULL : packs_writer_new(p->path, p->form, p->most);
    p->gave_up = p->writer == NULL;
    for (size_t i = 0; !p->gave_up && i < p->n_found; i++)
        write_found(p, &p->index.entries[p->found[i]]);
    return !p->gave_up;
}

/* A page that the disk can't give would be the end of the process: they are asked for beforehand,
 * where the system knows how. */
static bool is_readable(const struct packs *p, const struct packs_entry *e) {
#if defined(MADV_POPULATE_READ)
    size_t page = (size_t)sysconf(_SC_PAGESIZE), from = (size_t)e->at / page * page;
    void *at = (void *)(uintptr_t)(p->map + from);
    return madvise(at, (size_t)(e->at + e->bytes) - from, MADV_POPULATE_READ) == 0 ||
           (errno != EFAULT && errno != EIO);
#else
    (void)p;
    (void)e;
    return true;
#endif
}

const void *packs_find(struct packs *p, const struct source *s, size_t bytes) {
    if (p == NULL || !is_kept(s))
        return NULL;
    if (!p->is_open)
        open_file(p);
    size_t at;
    key_make(&p->key, s);
    const struct packs_entry *e = entry_find(p, &at);
    if (e == NULL || e->bytes != bytes || !is_readable(p, e) ||
        packs_sum(p->pool, p->map + e->at, bytes) != e->sum)
        return NULL;
    mem_grow(&p->found, &p->found_capacity, p->n_found + 1, sizeof *p->found);
    p->found[p->n_found++] = at;
    write_found(p, e);
    return p->map + e->at;
}

void packs_add(struct packs *p, const struct source *s, const void *packed, size_t bytes) {
    if (p == NULL || p->frozen || p->gave_up || !is_kept(s) || (p->writer == NULL && !begin(p)))
        return;
    key_make(&p->key, s);
    write_down(p, p->key.text, p->key.len, packed, bytes);
}

void packs_keep(struct packs *p) {
    if (p == NULL || p->writer == NULL)
        return;
    packs_folder_trim(p->dir, p->path, p->most); /* what is being written lies there already */
    packs_writer_keep(p->writer);
    p->writer = NULL;
}

/* ---- its life ---- */

struct packs *packs_new(
    const struct packs_config *config, const char *form, uint64_t expected, struct pool *pool) {
    struct err ignored = ERR_INIT;
    char build[BUILD_ID_HEX];
    if (!build_id(build) || (!config->frozen && !dir_make(config->dir, &ignored)))
        return NULL;
    struct packs *p = xcalloc(1, sizeof *p);
    struct strbuf whole = { 0 };
    strbuf_addf(&whole, "build %s\n%s\n%s", build, form, config->model);
    *p = (struct packs) { .dir = xstrdup(config->dir),
        .form = strbuf_take(&whole),
        .frozen = config->frozen,
        .most = config->most_bytes,
        .expected = expected,
        .pool = pool,
        .fd = -1 };
    p->path = path_of(p->dir, p->form);
    return p;
}

void packs_free(struct packs *p) {
    if (p == NULL)
        return;
    packs_writer_drop(p->writer);
    packs_index_release(&p->index);
    if (p->map != NULL)
        munmap(p->map, p->size);
    if (p->fd >= 0)
        close(p->fd);
    free(p->found);
    strbuf_release(&p->key);
    free(p->dir);
    free(p->path);
    free(p->form);
    free(p);
}

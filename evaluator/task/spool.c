/* A segment is filled in memory. When it is full it is written to the file, and that part of the
 * file is mapped over it: addresses stay, and the kernel may drop the pages and read them again. */
#include "evaluator/task/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct spool {
    size_t segment, used; /* bytes of the last segment */
    char **segments;      /* all but the last one are in the file */
    size_t n, capacity;
    int fd; /* -1: there is no file yet */
};

struct spool *spool_new(size_t segment) {
    struct spool *s = xcalloc(1, sizeof *s);
    *s = (struct spool) { .segment = segment ? segment : (size_t)32 << 20, .fd = -1 };
    return s;
}

void spool_free(struct spool *s) {
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        munmap(s->segments[i], s->segment);
    }
    free(s->segments);
    if (s->fd >= 0) {
        close(s->fd);
    }
    free(s);
}

/* On a disk: /tmp may be memory. */
static bool open_file(struct spool *s, struct err *err) {
    const char *named = getenv("TMPDIR"), *folder = named && *named ? named : "/var/tmp";
    char *path = path_join(folder, "assay-corpus-XXXXXX");
    s->fd = mkostemp(path, O_CLOEXEC);
    bool ok = s->fd >= 0 ||
              err_errno(err, ERR_RESOURCE, "could not make a file for the corpus in '%s'", folder);
    if (ok) {
        unlink(path);
    }
    free(path);
    return ok;
}

/* The last segment goes to the file, and the file into its place. */
static bool put_away(struct spool *s, struct err *err) {
    char *last = s->segments[s->n - 1];
    if (s->fd < 0 && !open_file(s, err)) {
        return false;
    }
    if (!fd_write_all(s->fd, last, s->segment)) {
        return err_errno(err, ERR_RESOURCE, "could not write the corpus to disk");
    }
    off_t at = (off_t)((s->n - 1) * s->segment);
    return mmap(last, s->segment, PROT_READ, MAP_SHARED | MAP_FIXED, s->fd, at) != MAP_FAILED ||
           err_errno(err, ERR_RESOURCE, "could not map the corpus");
}

static bool begin_segment(struct spool *s, struct err *err) {
    if (s->n && !put_away(s, err)) {
        return false;
    }
    void *memory =
        mmap(NULL, s->segment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return err_errno(err, ERR_RESOURCE, "could not get memory for the corpus");
    }
    mem_grow(&s->segments, &s->capacity, s->n + 1, sizeof *s->segments);
    s->segments[s->n++] = memory;
    s->used = 0;
    return true;
}

const char *spool_add(struct spool *s, const char *text, size_t n, struct err *err) {
    if (n >= s->segment) {
        err_set(err, ERR_RESOURCE, "a text of %zu bytes is longer than is taken", n);
        return NULL;
    }
    if ((s->n == 0 || s->segment - s->used <= n) && !begin_segment(s, err)) {
        return NULL;
    }
    char *at = s->segments[s->n - 1] + s->used;
    memcpy(at, text, n);
    at[n] = 0;
    s->used += n + 1;
    return at;
}

void spool_forget(const struct spool *s) {
    for (size_t i = 0; s->fd >= 0 && i + 1 < s->n; i++) {
        madvise(s->segments[i], s->segment, MADV_DONTNEED);
    }
}

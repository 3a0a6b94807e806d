/* Files on their way (see partial.h). */
#include "evaluator/hub/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

#define MAGIC "assay partial 1"
#define PAGE 4096u
#define IDLE_S 60 /* a live process that writes nothing for so long is waited for no more */

/* Who writes: a process id means something in one boot and one name space only, and is that of
 * another process later. */
struct writer {
    char boot[40];
    uint64_t space, pid, started;
};

/* What stands behind the bytes; the counts follow it. */
struct tail {
    char magic[16];
    uint64_t size, piece;
    struct writer writer;
};

/* ---- who ---- */

/* The start of a process in clock ticks since boot: the 22nd word of its stat, counted from behind
 * its name, which may hold anything. 0: there is no such process. */
static uint64_t start_of(uint64_t pid) {
    char path[48], text[512];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    text[n] = 0;
    char *at = strrchr(text, ')');
    for (int word = 2; at && word < 22; word++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

static struct writer writer_self(void) {
    struct writer w = { .pid = (uint64_t)getpid() };
    struct stat st;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f) {
        if (!fgets(w.boot, sizeof w.boot, f)) {
            w.boot[0] = 0;
        }
        fclose(f);
    }
    w.space = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
    w.started = start_of(w.pid);
    return w;
}

/* Of this boot and name space we can tell; of another, whoever wrote lately is taken to live. */
static bool is_alive(const struct writer *w, int64_t written, int64_t now) {
    struct writer self = writer_self();
    bool idle = now - written > IDLE_S;
    if (strncmp(w->boot, self.boot, sizeof w->boot) || w->space != self.space) {
        return !idle;
    }
    return w->started && start_of(w->pid) == w->started && !idle;
}

/* ---- the tail ---- */

static uint64_t tail_at(uint64_t size) {
    return (size + PAGE - 1) / PAGE * PAGE;
}

static size_t pieces_of(uint64_t size) {
    return (size_t)((size + PIECE_BYTES - 1) / PIECE_BYTES);
}

uint64_t partial_piece_end(const struct partial *p, size_t piece) {
    uint64_t end = ((uint64_t)piece + 1) * PIECE_BYTES;
    return end < p->size ? end : p->size;
}

static bool read_all(int fd, void *into, size_t n, uint64_t at) {
    for (size_t done = 0; done < n;) {
        ssize_t r = fault("hub_read") ? (errno = EIO, -1)
                                      : pread(fd, (char *)into + done,
                                            fault("hub_read_short") ? (n - done + 1) / 2 : n - done,
                                            (off_t)(at + done));
        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            errno = r == 0 ? EIO : errno; /* it was longer: the disk lost something */
            return false;
        }
        done += (size_t)r;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t n, uint64_t at) {
    for (size_t done = 0; done < n;) {
        ssize_t w = fault("hub_write")
                        ? (errno = ENOSPC, -1)
                        : pwrite(fd, (const char *)data + done, n - done, (off_t)(at + done));
        if (w < 0 && errno != EINTR) {
            return false;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    return true;
}

/* A tail that fits its file, of these many bytes. */
static bool read_tail(int fd, uint64_t size, struct tail *t) {
    struct stat st;
    uint64_t at = tail_at(size), whole = at + sizeof *t + pieces_of(size) * sizeof(uint32_t);
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == whole &&
           pread(fd, t, sizeof *t, (off_t)at) == sizeof *t && !memcmp(t->magic, MAGIC, 16) &&
           t->size == size && t->piece == PIECE_BYTES;
}

static bool write_tail(const struct partial *p) {
    struct tail t = { .magic = MAGIC, .size = p->size, .piece = PIECE_BYTES };
    t.writer = writer_self();
    uint64_t at = tail_at(p->size);
    return write_all(p->fd, p->have, p->n_pieces * sizeof *p->have, at + sizeof t) &&
           write_all(p->fd, &t, sizeof t, at);
}

static bool refuse(const struct partial *p, struct err *err) {
    return err_errno(err, ERR_NODE, "could not write the download '%s'", p->path);
}

/* ---- beginning ---- */

static char *random_name(const char *before, const char *after) {
    struct strbuf name = { 0 };
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        number = (uint32_t)getpid();
    }
    strbuf_addf(&name, "%s.%08" PRIx32 "%s", before, number, after);
    return strbuf_take(&name);
}

/* Space for all of it now, where the file system can promise that: better than half a file. */
static bool reserve(int fd, uint64_t n) {
    return fallocate(fd, 0, 0, (off_t)n) == 0 ||
           (errno != ENOSPC && errno != EDQUOT && errno != EFBIG);
}

static bool begin(struct partial *p, struct err *err) {
    p->fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (p->fd < 0) {
        return err_errno(err, ERR_FAILED, "could not create '%s'", p->path);
    }
    flock(p->fd, LOCK_EX | LOCK_NB); /* for others to see; they look at the tail, too */
    bool ok = !p->kept || (reserve(p->fd, tail_at(p->size)) && write_tail(p));
    if (!ok) {
        refuse(p, err);
        partial_drop(p);
    }
    return ok;
}

/* ---- taking over ---- */

struct found {
    char *path;
    int fd; /* locked, or -1 */
    uint64_t have;
    bool busy;  /* somebody else is at work on another one */
    bool ahead; /* and has bytes already, or the smaller name */
};

static bool read_counts(int fd, uint64_t size, uint32_t *have) {
    size_t n = pieces_of(size);
    bool ok = read_all(fd, have, n * sizeof *have, tail_at(size) + sizeof(struct tail));
    for (size_t i = 0; ok && i < n; i++) {
        uint64_t from = (uint64_t)i * PIECE_BYTES, most = size - from;
        ok = have[i] <= (most < PIECE_BYTES ? most : PIECE_BYTES);
    }
    return ok;
}

static uint64_t sum(const uint32_t *have, size_t n) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += have[i];
    }
    return bytes;
}

/* Somebody holds the file. A lock that is always given says nothing, and then the tail does. */
static bool is_held(int fd, const struct tail *t) {
    struct stat st;
    bool locked = !fault("hub_flock") && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    return locked || fstat(fd, &st) || is_alive(&t->writer, st.st_mtime, time(NULL));
}

/* Looks at one file of the folder; `own` is ours and doesn't count. */
static void consider(struct found *best, const char *path, uint64_t size, const char *own) {
    struct tail t;
    if (own && !strcmp(path, own)) {
        return;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return;
    }
    uint32_t *have = xcalloc(pieces_of(size) + 1, sizeof *have);
    if (read_tail(fd, size, &t) && read_counts(fd, size, have)) {
        bool held = is_held(fd, &t);
        uint64_t bytes = sum(have, pieces_of(size));
        best->busy |= held;
        best->ahead |= held && (bytes > 0 || (own && strcmp(path, own) < 0));
        if (!held && (best->fd < 0 || bytes > best->have)) {
            free(best->path);
            if (best->fd >= 0) {
                close(best->fd);
            }
            *best = (struct found) { xstrdup(path), fd, bytes, best->busy, best->ahead };
            fd = -1;
        }
    }
    free(have);
    if (fd >= 0) {
        close(fd);
    }
}

static struct found look(const char *dir, const char *etag, uint64_t size, const char *own) {
    struct found best = { .fd = -1 };
    size_t n = strlen(etag);
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strncmp(e->d_name, etag, n) && (!e->d_name[n] || e->d_name[n] == '.')) {
            char *path = path_join(dir, e->d_name);
            consider(&best, path, size, own);
            free(path);
        }
    }
    if (d) {
        closedir(d);
    }
    return best;
}

static void found_release(struct found *f) {
    free(f->path);
    if (f->fd >= 0) {
        close(f->fd);
    }
}

bool partial_is_busy(const char *dir, const char *etag, uint64_t size) {
    if (size < PARTIAL_KEPT_BYTES) {
        return false;
    }
    struct found f = look(dir, etag, size, NULL);
    found_release(&f);
    return f.busy;
}

/* Of several who find the same file, the one whose rename succeeds has it. */
static bool take_over(struct partial *p, struct found *f) {
    if (f->fd < 0 || rename(f->path, p->path)) {
        return false;
    }
    p->fd = f->fd;
    f->fd = -1;
    if (!read_counts(p->fd, p->size, p->have) || !write_tail(p)) {
        partial_drop(p);
        return false;
    }
    return true;
}

/* Where locks do nothing, several may begin at once; those who see another ahead of them stop. */
static bool must_yield(struct partial *p, const char *dir, const char *etag) {
    struct found f = look(dir, etag, p->size, p->path);
    found_release(&f);
    if (f.ahead) {
        partial_drop(p);
    }
    return f.ahead;
}

bool partial_open(struct partial *p, const char *dir, const char *etag, uint64_t size,
    const char *beside, bool *yield, struct err *err) {
    *yield = false;
    *p = (struct partial) { .fd = -1, .size = size, .kept = size >= PARTIAL_KEPT_BYTES };
    p->n_pieces = pieces_of(size);
    p->have = xcalloc(p->n_pieces + 1, sizeof *p->have);
    if (!p->kept) {
        p->path = random_name(beside, ".incomplete");
        return begin(p, err);
    }
    if (!dir_make(dir, err)) {
        return false;
    }
    char *named = path_join(dir, etag);
    p->path = random_name(named, "");
    struct found f = look(dir, etag, size, p->path);
    bool taken = take_over(p, &f), ok = true;
    found_release(&f);
    if (!taken) {
        p->path = p->path ? p->path : random_name(named, "");
        ok = begin(p, err);
        *yield = ok && must_yield(p, dir, etag);
    }
    free(named);
    return ok;
}

/* ---- bytes ---- */

/* One piece's part of what arrived. */
static bool write_piece(
    struct partial *p, size_t piece, uint64_t at, const void *data, size_t n, struct err *err) {
    uint64_t from = (uint64_t)piece * PIECE_BYTES, within = at - from;
    BUG_IF(within > p->have[piece]);
    if (!write_all(p->fd, data, n, at)) {
        return refuse(p, err);
    }
    if (within + n > p->have[piece]) {
        p->have[piece] = (uint32_t)(within + n);
        uint64_t count = tail_at(p->size) + sizeof(struct tail) + piece * sizeof *p->have;
        if (p->kept && !write_all(p->fd, &p->have[piece], sizeof *p->have, count)) {
            return refuse(p, err);
        }
    }
    return true;
}

bool partial_write(struct partial *p, uint64_t at, const void *data, size_t n, struct err *err) {
    BUG_IF(at > p->size || n > p->size - at);
    for (size_t done = 0; done < n;) {
        size_t piece = (size_t)((at + done) / PIECE_BYTES);
        uint64_t left = partial_piece_end(p, piece) - (at + done);
        size_t part = n - done < left ? n - done : (size_t)left;
        if (!write_piece(p, piece, at + done, (const char *)data + done, part, err)) {
            return false;
        }
        done += part;
    }
    return true;
}

bool partial_read(const struct partial *p, uint64_t at, void *into, size_t n, struct err *err) {
    return read_all(p->fd, into, n, at) ||
           err_errno(err, ERR_NODE, "could not read the download '%s' back", p->path);
}

uint64_t partial_have(const struct partial *p) {
    return sum(p->have, p->n_pieces);
}

void partial_forget(struct partial *p) {
    memset(p->have, 0, p->n_pieces * sizeof *p->have);
    if (p->kept && !write_tail(p)) {
        p->have[0] = 0; /* what stands there then is refused by its hash */
    }
}

/* ---- the end ---- */

static void release(struct partial *p) {
    if (p->fd >= 0) {
        close(p->fd);
    }
    free(p->path);
    free(p->have);
    *p = (struct partial) { .fd = -1 };
}

void partial_drop(struct partial *p) {
    if (p->path) {
        unlink(p->path);
    }
    if (p->fd >= 0) {
        close(p->fd);
    }
    p->fd = -1;
    free(p->path);
    p->path = NULL;
}

void partial_close(struct partial *p) {
    if (p->path && !p->kept) {
        unlink(p->path);
    }
    release(p);
}

static bool sync_folder(const char *path) {
    char *dir = xstrndup(path, (size_t)(path_base(path) - path));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    free(dir);
    return ok;
}

/* After a failed fsync the kernel calls lost pages clean, so it can't be asked again: the file is
 * as good as not written. */
static bool sync_file(struct partial *p) {
    return ftruncate(p->fd, (off_t)p->size) == 0 &&
           !(fault("hub_fsync") ? (errno = EIO, true) : false) && fsync(p->fd) == 0;
}

bool partial_publish(struct partial *p, const char *target, struct err *err) {
    if (!sync_file(p)) {
        refuse(p, err);
        partial_drop(p);
        return false;
    }
    bool before = fault("hub_rename");
    bool ok = !before && rename(p->path, target) == 0 && sync_folder(target);
    if (!ok) {
        err_errno(err, ERR_NODE, "could not keep '%s'", target);
        partial_drop(p);
        return false;
    }
    if (fault("hub_renamed")) {
        return err_set(err, ERR_NODE, "a fault behind the rename");
    }
    release(p);
    return true;
}

uint64_t partial_sweep(const char *dir, int64_t before, bool dry) {
    uint64_t bytes = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = path_join(dir, e->d_name);
        struct stat st;
        int fd =
            e->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        bool old = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtime < before &&
                   flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (old && (dry || unlink(path) == 0)) {
            bytes += (uint64_t)st.st_blocks * 512;
        }
        if (fd >= 0) {
            close(fd);
        }
        free(path);
    }
    if (d) {
        closedir(d);
    }
    return bytes;
}

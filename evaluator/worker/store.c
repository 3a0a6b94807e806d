/* The files behind the memos (see store.h). */
#include "evaluator/worker/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define DEPTH_MAX 4
#define FILES_MAX 4096
#define ANSWERS_BYTES_MAX ((uint64_t)2 << 30)
#define VECTORS_BYTES_MAX ((uint64_t)8 << 30) /* of all models together */

/* ---- identity ---- */

struct listing {
    char *paths[FILES_MAX];
    size_t n;
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_files(struct listing *l, const char *path, int depth, struct err *err) {
    DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
    bool ok = true;
    for (struct dirent *e; ok && d && (e = readdir(d));) {
        char *inner = path_join(path, e->d_name);
        bool hidden = e->d_name[0] == '.';
        if (!hidden && dir_exists(inner)) {
            ok = list_files(l, inner, depth + 1, err);
        } else if (!hidden && l->n == FILES_MAX) {
            ok = err_set(err, ERR_INPUT, "a model of more than %d files", FILES_MAX);
        } else if (!hidden) {
            l->paths[l->n++] = inner;
            continue;
        }
        free(inner);
    }
    if (d) {
        closedir(d);
    }
    return ok;
}

/* Links are followed: it is the file behind them that counts. */
static void add_file(struct memo_hash *h, const char *path) {
    struct stat st;
    if (stat(path, &st)) {
        return;
    }
    int64_t facts[] = { (int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec,
        (int64_t)st.st_mtim.tv_nsec, (int64_t)st.st_ino, (int64_t)st.st_dev };
    memo_hash_text(h, path);
    memo_hash_add(h, facts, sizeof facts);
}

bool model_identity(const char *path, const char *extra, char identity[65], struct err *err) {
    struct listing *l = xcalloc(1, sizeof *l);
    struct memo_hash *h = memo_hash_new();
    uint8_t key[MEMO_KEY];
    char *real = realpath(path, NULL);
    bool ok = list_files(l, real ? real : path, 0, err);
    qsort(l->paths, l->n, sizeof *l->paths, by_text);
    add_file(h, "/proc/self/exe");
    add_file(h, real ? real : path);
    for (size_t i = 0; i < l->n; i++) {
        add_file(h, l->paths[i]);
        free(l->paths[i]);
    }
    if (extra) {
        add_file(h, extra);
    }
    memo_hash_end(h, key);
    sha256_hex(key, sizeof key, identity);
    free(real);
    free(l);
    return ok;
}

/* ---- places ---- */

static const struct {
    const char *folder, *suffix;
    uint64_t max_bytes;
} kinds[STORE_N] = {
    [STORE_VECTORS] = { "vectors", ".v1", VECTORS_BYTES_MAX },
    [STORE_ANSWERS] = { "resume", ".v1", ANSWERS_BYTES_MAX },
};

static char *store_folder(enum store_kind kind, struct err *err) {
    char *home = kind == STORE_VECTORS ? assay_cache(err) : assay_home(err);
    char *folder = home ? path_join(home, kinds[kind].folder) : NULL;
    if (folder && !dir_make(folder, err)) {
        free(folder);
        folder = NULL;
    }
    free(home);
    return folder;
}

char *store_path(enum store_kind kind, const char *identity, struct err *err) {
    char *folder = store_folder(kind, err);
    struct strbuf path = { 0 };
    if (!folder) {
        return NULL;
    }
    strbuf_addf(&path, "%s/%.64s%s", folder, identity, kinds[kind].suffix);
    free(folder);
    return strbuf_take(&path);
}

/* The least recently used other file of a folder, and the bytes of all others. */
static char *oldest_other(const char *folder, const char *own, uint64_t *bytes) {
    DIR *d = opendir(folder);
    char *oldest = NULL;
    struct stat st, of_oldest = { 0 };
    *bytes = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = path_join(folder, e->d_name);
        if (lstat(path, &st) || !S_ISREG(st.st_mode) || !strcmp(path, own)) {
            free(path);
            continue;
        }
        *bytes += (uint64_t)st.st_size;
        if (!oldest || st.st_mtime < of_oldest.st_mtime) {
            free(oldest);
            oldest = path;
            of_oldest = st;
        } else {
            free(path);
        }
    }
    if (d) {
        closedir(d);
    }
    return oldest;
}

/* Makes room for this file to become half of what all may take, and says what it may take. */
static uint64_t make_room(const char *own, uint64_t max_bytes) {
    uint64_t others;
    char *folder = xstrndup(own, (size_t)(strrchr(own, '/') - own)), *oldest;
    while ((oldest = oldest_other(folder, own, &others)) && others > max_bytes / 2 &&
           unlink(oldest) == 0) {
        free(oldest);
    }
    free(oldest);
    free(folder);
    return others < max_bytes ? max_bytes - others : 0;
}

/* ---- the writers ---- */

static bool store_open(
    struct stores *s, enum store_kind kind, const char *identity, struct err *err) {
    free(s->paths[kind]);
    s->paths[kind] = store_path(kind, identity, err);
    if (!s->paths[kind] || !memo_writer_open(&s->writers[kind], s->paths[kind],
                               make_room(s->paths[kind], kinds[kind].max_bytes), err)) {
        return false;
    }
    s->found[kind] = s->writers[kind].bytes > 0;
    futimens(s->writers[kind].fd, NULL); /* used now: it is the last one to go */
    return true;
}

void stores_open(struct stores *s, const char *identity, bool with_vectors) {
    for (int kind = 0; kind < STORE_N; kind++) {
        struct err err = ERR_INIT;
        if (s->open[kind] || (kind == STORE_VECTORS && !with_vectors)) {
            continue;
        }
        s->open[kind] = store_open(s, (enum store_kind)kind, identity, &err);
        if (!s->open[kind]) {
            log_line(LOG_WARN, "answers are not kept for a later evaluation: %s", err.msg);
        }
    }
}

void stores_add(struct stores *s, enum store_kind kind, const void *records, size_t n) {
    struct err err = ERR_INIT;
    if (!s->open[kind] || memo_writer_add(&s->writers[kind], records, n, &err)) {
        return;
    }
    log_line(LOG_WARN, "%s", err.msg);
    memo_writer_close(&s->writers[kind]);
    s->open[kind] = false;
}

void stores_close(struct stores *s, bool through) {
    for (int kind = 0; kind < STORE_N; kind++) {
        bool last = s->open[kind] && flock(s->writers[kind].fd, LOCK_EX | LOCK_NB) == 0;
        if (s->open[kind]) {
            memo_writer_close(&s->writers[kind]);
        }
        if (through && last && kind == STORE_ANSWERS && s->paths[kind]) {
            unlink(s->paths[kind]);
        }
        free(s->paths[kind]);
        s->paths[kind] = NULL;
        s->open[kind] = false;
    }
}

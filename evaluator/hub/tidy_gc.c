/* Making room in the cache (see tidy.h).
 *
 * In what order: a snapshot's refs and marker go first, then the snapshot at one stroke, then blobs
 * that no other links to. Wherever this is cut short, every snapshot that is still there is whole,
 * and what is left over belongs to nobody and goes next time. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/strmap.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/partial.h"
#include "evaluator/hub/tidy_parts.h"
#include "evaluator/hub/use.h"

#define WEEK_S (7 * 86400)
#define SETTLED_S 3600 // a blob without a snapshot may be about to get one

/* ---- in use ---- */

static bool is_closed(void *arg, const char *path, const char *full) {
    (void)arg, (void)path;
    return !file_is_open(full);
}

bool tidy_in_use(const struct cached_repo *r, const struct cached_snapshot *s) {
    return use_is_marked(r->dir, s->commit) || !cached_files(s->dir, is_closed, NULL);
}

/* ---- names ---- */

static const char *kind_and_id(const char *name, const char **kind) {
    *kind = strncmp(name, "datasets/", 9) ? "models" : "datasets";
    name += strncmp(name, "hf://", 5) ? 0 : 5;
    return name + (strncmp(name, "datasets/", 9) ? 0 : 9);
}

static bool is_named(const struct cached_snapshot *s, const char *revision) {
    size_t n = strlen(revision);
    if (n >= 7 && !strncmp(s->commit, revision, n)) {
        return true;
    }
    for (const char *at = s->refs; (at = strstr(at, revision)); at += n) {
        bool begins = at == s->refs || at[-1] == ' ', ends = !at[n] || at[n] == ',';
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

bool tidy_find(
    const struct cached *c, const char *name, size_t *repo, size_t *snapshot, struct err *err) {
    const char *kind, *id = kind_and_id(name, &kind), *at = strchr(id, '@');
    size_t n = at ? (size_t)(at - id) : strlen(id);
    for (size_t i = 0; i < c->n; i++) {
        const struct cached_repo *r = &c->repos[i];
        if (strcmp(r->kind, kind) || strlen(r->id) != n || strncmp(r->id, id, n)) {
            continue;
        }
        *repo = i;
        *snapshot = at ? 0 : r->n;
        while (at && *snapshot < r->n && !is_named(&r->snapshots[*snapshot], at + 1)) {
            ++*snapshot;
        }
        return !at || *snapshot < r->n ||
               err_set(
                   err, ERR_NOT_FOUND, "the cache has no revision '%.100s' of '%s'", at + 1, r->id);
    }
    err_set(err, ERR_NOT_FOUND, "'%.200s' is not in the cache '%s'", name, c->root);
    return err_hint(err, "assay hub ls lists what is");
}

/* ---- what goes ---- */

struct gc {
    struct cached *cached;
    json_t *removed, *in_use;
    uint64_t freed;
    bool dry;
};

static void note_removed(struct gc *g, const struct cached_repo *r, const char *commit,
    const char *what, uint64_t bytes) {
    json_t *item = json_pack(
        "{s:s, s:s, s:I}", "repo", r ? r->id : "", "what", what, "bytes", (json_int_t)bytes);
    if (commit) {
        json_object_set_new(item, "commit", json_string(commit));
    }
    json_array_append_new(g->removed, item);
    g->freed += bytes;
}

static void remove_file(const char *path) {
    if (!fault("hub_gc")) {
        unlink(path);
    }
}

static void remove_dir(const char *path) {
    struct err ignored = ERR_INIT;
    if (!fault("hub_gc") && !dir_remove(path, &ignored)) {
        /* next time */
    }
}

uint64_t tidy_partials(const struct cached *c, int64_t before, bool dry) {
    struct err ignored = ERR_INIT;
    char *cache = assay_cache(&ignored), *dir = cache ? path_join(cache, "partial") : NULL;
    uint64_t bytes = dir ? partial_sweep(dir, before, dry) : 0;
    free(dir);
    free(cache);
    for (size_t i = 0; i < c->n; i++) {
        dir = path_join(c->repos[i].dir, ".assay/partial");
        bytes += partial_sweep(dir, before, dry);
        free(dir);
    }
    return bytes;
}

/* ---- blobs ---- */

static bool add_link(void *arg, const char *path, const char *full) {
    char name[65];
    (void)path;
    if (cached_blob_of(full, name)) {
        strmap_add(arg, name, strlen(name), 0);
    }
    return true;
}

static struct strmap *blobs_of(const struct cached_snapshot *s) {
    struct strmap *m = strmap_new(64);
    cached_files(s->dir, add_link, m);
    return m;
}

/* The blobs that the repository's snapshots link to, but for one of them. */
static struct strmap *linked_blobs(const struct cached_repo *r, const struct cached_snapshot *but) {
    struct strmap *m = strmap_new(64);
    for (size_t i = 0; i < r->n; i++) {
        if (&r->snapshots[i] != but) {
            cached_files(r->snapshots[i].dir, add_link, m);
        }
    }
    return m;
}

/* What a blob frees that goes: nothing where it is a link into the store that repositories share.
 */
static uint64_t sweep_blob(const struct gc *g, const char *path, const struct stat *st) {
    if (file_is_open(path)) {
        return 0;
    }
    if (!g->dry) {
        remove_file(path);
    }
    return S_ISREG(st->st_mode) ? (uint64_t)st->st_blocks * 512 : 0;
}

/* Blobs that are not in `kept`, and only those in `own` unless that is NULL, of which nothing has
 * changed since `before`; what they take. What the hub's own client has on its way is left a day.
 */
static uint64_t sweep_blobs(const struct gc *g, const struct cached_repo *r,
    const struct strmap *kept, const struct strmap *own, int64_t before) {
    char *dir = path_join(r->dir, "blobs");
    uint64_t bytes = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        size_t n = strlen(e->d_name);
        int64_t until = str_ends(e->d_name, ".incomplete") ? before - 86400 : before;
        if (e->d_name[0] == '.' || strmap_find(kept, e->d_name, n) >= 0 ||
            (own && strmap_find(own, e->d_name, n) < 0) ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode) ||
            st.st_ctime > until) {
            continue;
        }
        char *path = path_join(dir, e->d_name);
        bytes += sweep_blob(g, path, &st);
        free(path);
    }
    if (d) {
        closedir(d);
    }
    free(dir);
    return bytes;
}

/* ---- snapshots ---- */

struct refs_of {
    const char *commit;
};

static bool remove_ref(void *arg, const char *path, const char *full) {
    const struct refs_of *of = arg;
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    (void)path;
    if (file_read(full, 64, &text, &ignored) && text.len >= 40 &&
        !memcmp(text.text, of->commit, 40)) {
        remove_file(full);
    }
    strbuf_release(&text);
    return true;
}

static void remove_beside(
    const struct cached_repo *r, const char *folder, const char *commit, const char *ending) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s/%s%s", r->dir, folder, commit, ending);
    remove_file(path.text);
    strbuf_release(&path);
}

/* Takes the snapshot away at one stroke, then empties it. */
static void remove_snapshot(const struct cached_repo *r, const struct cached_snapshot *s) {
    struct strbuf gone = { 0 }, absent = { 0 };
    struct refs_of of = { s->commit };
    char *refs = path_join(r->dir, "refs");
    cached_files(refs, remove_ref, &of);
    remove_beside(r, ".assay", s->commit, ".complete");
    remove_beside(r, ".assay", s->commit, ".wanted");
    strbuf_addf(&gone, "%s/.assay/gone.%s", r->dir, s->commit);
    remove_dir(gone.text);
    if (!fault("hub_gc") && rename(s->dir, gone.text) == 0) {
        remove_dir(gone.text);
    }
    strbuf_addf(&absent, "%s/.no_exist/%s", r->dir, s->commit);
    remove_dir(absent.text);
    remove_beside(r, "trees", s->commit, ".json");
    strbuf_release(&gone);
    strbuf_release(&absent);
    free(refs);
}

/* Snapshots that were being removed when something came between. */
static void sweep_gone(const struct cached_repo *r) {
    char *dir = path_join(r->dir, ".assay");
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (str_begins(e->d_name, "gone.")) {
            char *path = path_join(dir, e->d_name);
            remove_dir(path);
            free(path);
        }
    }
    if (d) {
        closedir(d);
    }
    free(dir);
}

/* A repository without a snapshot and without blobs is nothing but folders and notes. Where
 * somebody has just begun to fill it again, rmdir refuses. */
static void remove_repo(const struct gc *g, const struct cached_repo *r) {
    static const char *const NOTES[] = { "refs", "trees", ".no_exist", ".assay" };
    static const char *const FOLDERS[] = { "snapshots", "blobs" };
    char *locks = path_join(g->cached->root, ".locks"), *own = path_join(locks, path_base(r->dir));
    bool empty = true;
    for (size_t i = 0; i < 2; i++) {
        char *path = path_join(r->dir, FOLDERS[i]);
        empty &= rmdir(path) == 0 || !dir_exists(path);
        free(path);
    }
    for (size_t i = 0; empty && i < 4; i++) {
        char *path = path_join(r->dir, NOTES[i]);
        remove_dir(path);
        free(path);
    }
    if (empty && rmdir(r->dir) == 0) {
        remove_dir(own);
    }
    free(own);
    free(locks);
}

static void forget_snapshot(struct cached_repo *r, size_t i) {
    free(r->snapshots[i].dir);
    free(r->snapshots[i].refs);
    memmove(&r->snapshots[i], &r->snapshots[i + 1], (r->n - i - 1) * sizeof *r->snapshots);
    r->n--;
}

static void note_use(struct gc *g, const struct cached_repo *r, const char *commit) {
    json_array_append_new(g->in_use, json_pack("{s:s, s:s}", "repo", r->id, "commit", commit));
}

/* Removes one snapshot, and what only it linked to; false where it is in use. */
static bool evict(struct gc *g, struct cached_repo *r, size_t i) {
    struct cached_snapshot *s = &r->snapshots[i];
    int pull = use_take(r->dir, NULL), mark = pull >= 0 ? use_take(r->dir, s->commit) : -1;
    bool free_to_go = mark >= 0 && cached_files(s->dir, is_closed, NULL);
    if (free_to_go) {
        struct strmap *others = linked_blobs(r, s), *own = blobs_of(s);
        char commit[41];
        const uint64_t own_bytes = s->own_bytes;
        memcpy(commit, s->commit, sizeof commit);
        if (!g->dry) {
            remove_snapshot(r, s);
        }
        uint64_t bytes = own_bytes + sweep_blobs(g, r, others, own, INT64_MAX);
        note_removed(g, r, commit, "snapshot", bytes);
        r->bytes -= bytes < r->bytes ? bytes : r->bytes;
        strmap_free(others);
        strmap_free(own);
        forget_snapshot(r, i);
        if (!g->dry) {
            remove_beside(r, ".assay", commit, ".use"); /* whoever waits for it finds it gone */
        }
        if (r->n == 0 && !g->dry) {
            remove_repo(g, r);
        }
    } else {
        note_use(g, r, s->commit);
    }
    if (mark >= 0) {
        close(mark);
    }
    if (pull >= 0) {
        close(pull);
    }
    return free_to_go;
}

static json_t *report(struct gc *g, uint64_t bytes) {
    json_t *out = json_pack("{s:s, s:b, s:I, s:I, s:o, s:o}", "schema", "assay.hub-gc/1", "dry_run",
        g->dry, "freed", (json_int_t)g->freed, "bytes",
        (json_int_t)(bytes > g->freed ? bytes - g->freed : 0), "removed", g->removed, "in_use",
        g->in_use);
    cached_release(g->cached);
    return out;
}

json_t *hub_cache_remove(const char *const *names, size_t n, bool dry_run, struct err *err) {
    struct cached c;
    struct gc g = { .cached = &c, .dry = dry_run };
    size_t repo, snapshot;
    if (!cached_scan(&c, err)) {
        return NULL;
    }
    uint64_t bytes = c.bytes;
    g.removed = json_array();
    g.in_use = json_array();
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        ok = tidy_find(&c, names[i], &repo, &snapshot, err);
        struct cached_repo *r = ok ? &c.repos[repo] : NULL;
        bool all = ok && snapshot == r->n;
        for (size_t k = ok ? (all ? r->n : snapshot + 1) : 0; ok && k-- > (all ? 0 : snapshot);) {
            ok = evict(&g, r, k) ||
                 err_set(err, ERR_BUSY, "'%s' is in use: it was not removed", names[i]);
        }
    }
    json_t *out = report(&g, bytes);
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return out;
}

/* ---- by age and size ---- */

static uint64_t free_bytes(const char *root) {
    struct statvfs fs;
    return statvfs(root, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

/* What was left half-way: snapshots that were being removed, partials, blobs without a name. */
static void sweep(struct gc *g, int64_t now) {
    uint64_t partials = tidy_partials(g->cached, now - WEEK_S, g->dry);
    if (partials) {
        note_removed(g, NULL, NULL, "partials", partials);
    }
    for (size_t i = 0; i < g->cached->n; i++) {
        struct cached_repo *r = &g->cached->repos[i];
        int pull = use_take(r->dir, NULL);
        if (pull < 0) {
            continue;
        }
        struct strmap *linked = linked_blobs(r, NULL);
        uint64_t bytes = sweep_blobs(g, r, linked, NULL, now - SETTLED_S);
        if (bytes) {
            note_removed(g, r, NULL, "blobs", bytes);
            r->bytes -= bytes < r->bytes ? bytes : r->bytes;
        }
        if (!g->dry) {
            sweep_gone(r);
        }
        if (r->n == 0 && !g->dry) {
            remove_repo(g, r);
        }
        strmap_free(linked);
        close(pull);
    }
}

/* The snapshot that was used longest ago of those that were not tried yet. */
static struct cached_repo *oldest(struct gc *g, const struct strmap *tried, size_t *snapshot) {
    struct cached_repo *found = NULL;
    for (size_t i = 0; i < g->cached->n; i++) {
        struct cached_repo *r = &g->cached->repos[i];
        for (size_t k = 0; k < r->n; k++) {
            const struct cached_snapshot *s = &r->snapshots[k];
            bool was = strmap_find(tried, s->dir, strlen(s->dir)) >= 0;
            if (!was && (!found || s->used < found->snapshots[*snapshot].used)) {
                found = r;
                *snapshot = k;
            }
        }
    }
    return found;
}

static bool is_enough(const struct gc *g, const struct hub_gc *o, uint64_t bytes, uint64_t room) {
    uint64_t left = bytes > g->freed ? bytes - g->freed : 0;
    return left <= o->budget && (room > UINT64_MAX - g->freed || room + g->freed >= o->room);
}

static void evict_oldest(struct gc *g, const struct hub_gc *o, uint64_t bytes, int64_t now) {
    struct strmap *tried = strmap_new(64);
    uint64_t room = free_bytes(g->cached->root);
    size_t k = 0;
    for (struct cached_repo *r; (r = oldest(g, tried, &k));) {
        bool old = o->days && r->snapshots[k].used < now - (int64_t)o->days * 86400;
        if (!old && is_enough(g, o, bytes, room)) {
            break;
        }
        strmap_add(tried, r->snapshots[k].dir, strlen(r->snapshots[k].dir), 0);
        if (!evict(g, r, k)) {
            continue; /* in use: the next one */
        }
    }
    strmap_free(tried);
}

json_t *hub_cache_gc(const struct hub_gc *o, struct err *err) {
    struct cached c;
    struct gc g = { .cached = &c, .dry = o->dry_run };
    int64_t now = time(NULL);
    if (!cached_scan(&c, err)) {
        return NULL;
    }
    uint64_t bytes = c.bytes + tidy_partials(&c, INT64_MAX, true);
    g.removed = json_array();
    g.in_use = json_array();
    sweep(&g, now);
    evict_oldest(&g, o, bytes, now);
    return report(&g, bytes);
}

bool hub_size_parse(const char *text, uint64_t *bytes, struct err *err) {
    static const char UNITS[] = "KMGTP";
    char *end;
    double n = strtod(text, &end);
    const char *number_end = end;
    end += strspn(end, " ");
    const char *unit = *end ? strchr(UNITS, *end & ~0x20) : NULL;
    if (unit && *unit) {
        end++;
        double base = *end == 'i' ? 1024 : 1000;
        end += *end == 'i';
        for (const char *u = UNITS; u <= unit; u++) {
            n *= base;
        }
    }
    end += *end == 'B' || *end == 'b';
    if (number_end == text || *end || !(n >= 0 && n < 9e18)) {
        err_set(err, ERR_USAGE, "'%.50s' is not a size", text);
        return err_hint(err, "a size is a number and a unit: 20G, 500M, 1.5TiB");
    }
    *bytes = (uint64_t)n;
    return true;
}

bool hub_cache_budget(uint64_t *bytes, struct err *err) {
    const char *text = getenv("ASSAY_HUB_CACHE_MAX");
    *bytes = UINT64_MAX;
    return !text || !*text || hub_size_parse(text, bytes, err) ||
           err_wrap(err, "ASSAY_HUB_CACHE_MAX");
}

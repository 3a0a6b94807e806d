/* The spool: a finished job's record is on disk, synced, before the first attempt to deliver it,
 * and is removed only when the database has it. What the database refuses for good is kept aside,
 * so that nothing is ever silently dropped.
 *
 * DIR/<job>.<attempt>.res, all numbers little-endian:
 *   "ASSAYSP1"  u32 length of the head  u32 length of the record  head  record  chunk bodies  64
 * hex digits The head is JSON: {"job", "attempt", "worker", "epoch", "chunks": [{"chunk", "n",
 * "build", "sha256", "size"}]}; the digits are the SHA-256 of all before them. */
#include "db/conn.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define MAGIC "ASSAYSP1"
#define PREFIX 16 /* magic and two lengths */
#define SUM 64
#define FILE_MAX ((size_t)1 << 30)
#define KEEP_S (30 * 86400)

/* ---- writing ---- */

static void add_u32(struct strbuf *b, size_t v) {
    for (int i = 0; i < 4; i++)
        strbuf_addc(b, (char)(v >> (8 * i) & 0xff));
}

static void add_head(
    struct strbuf *b, const struct job_key *key, const struct chunk *chunks, size_t n) {
    struct json_writer w;
    json_writer_init(&w, b, false);
    jw_object(&w);
    jw_kv_int(&w, "job", key->job);
    jw_kv_int(&w, "attempt", key->attempt);
    jw_kv_string(&w, "worker", key->worker);
    jw_kv_string(&w, "epoch", key->epoch);
    jw_key(&w, "chunks");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kv_int(&w, "chunk", chunks[i].number);
        jw_kv_int(&w, "n", chunks[i].n);
        jw_kv_string(&w, "build", chunks[i].build);
        jw_kv_string(&w, "sha256", chunks[i].sha256);
        jw_kv_int(&w, "size", (long long)chunks[i].size);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
}

static char *item_path(const char *dir, const struct job_key *key) {
    char name[64];
    snprintf(name, sizeof name, "%lld.%d.res", key->job, key->attempt);
    return path_join(dir, name);
}

bool spool_write(const char *dir, const struct job_key *key, const char *record,
    const struct chunk *chunks, size_t n_chunks, struct err *err) {
    struct strbuf head = { 0 }, b;
    char sum[65], *path = item_path(dir, key);
    strbuf_init(&b, FILE_MAX);
    add_head(&head, key, chunks, n_chunks);
    strbuf_adds(&b, MAGIC);
    add_u32(&b, head.len);
    add_u32(&b, strlen(record));
    strbuf_add(&b, head.text, head.len);
    strbuf_adds(&b, record);
    for (size_t i = 0; i < n_chunks; i++)
        strbuf_add(&b, chunks[i].body, chunks[i].size);
    sha256_hex(b.text, b.len, sum);
    strbuf_adds(&b, sum);
    bool ok = !b.overflow ||
              err_set(err, ERR_RESOURCE, "result of job %lld is too large to spool", key->job);
    if (ok && !(dir_make(dir, err) && file_write_atomic(path, b.text, b.len, err))) {
        ok = false;
        if (err)
            err->class = ERR_NODE; /* whatever it is, it is not the job's fault */
    }
    strbuf_release(&head);
    strbuf_release(&b);
    free(path);
    return ok;
}

/* ---- reading: a file that a crash or a bad disk may have left in any state ---- */

static size_t get_u32(const uint8_t *p) {
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static bool is_hex(const char *s, size_t n) {
    return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static bool key_read(struct job_key *key, const json_t *head, const char *name, struct err *err) {
    const char *worker = json_get_string(head, "worker", ""),
               *epoch = json_get_string(head, "epoch", "");
    long long attempt = json_get_int(head, "attempt", 0);
    key->job = json_get_int(head, "job", 0);
    if (key->job < 1 || attempt < 1 || attempt > INT32_MAX || strlen(worker) != 36 ||
        strlen(epoch) != 36)
        return err_set(err, ERR_INPUT, "spool file '%s': bad head", name);
    key->attempt = (int)attempt;
    memcpy(key->worker, worker, 37);
    memcpy(key->epoch, epoch, 37);
    return true;
}

static bool chunk_read(struct chunk *c, const json_t *head, const uint8_t *data, size_t left,
    const char *name, struct err *err) {
    long long number = json_get_int(head, "chunk", -1), n = json_get_int(head, "n", 0);
    long long size = json_get_int(head, "size", -1);
    const char *sum = json_get_string(head, "sha256", "");
    if (number < 0 || number > INT32_MAX || n < 1 || n > INT32_MAX || size < 1 ||
        (size_t)size > left || (size_t)size > CHUNK_BODY_MAX || !is_hex(sum, 64))
        return err_set(err, ERR_INPUT, "spool file '%s': bad chunk", name);
    *c = (struct chunk) { .number = (int)number, .n = (int)n, .size = (size_t)size };
    memcpy(c->sha256, sum, 65);
    snprintf(c->build, sizeof c->build, "%s", json_get_string(head, "build", ""));
    c->body = xmalloc(c->size);
    memcpy(c->body, data, c->size);
    return true;
}

/* Head and chunks; `body` is what follows the record. */
static bool item_read(struct spool_item *item, const json_t *head, const uint8_t *body, size_t left,
    const char *name, struct err *err) {
    const json_t *list = json_object_get(head, "chunks");
    if (!key_read(&item->key, head, name, err))
        return false;
    item->chunks = xcalloc(json_array_size(list) + 1, sizeof *item->chunks);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct chunk *c = &item->chunks[item->n_chunks];
        if (!chunk_read(c, json_array_get(list, i), body, left, name, err))
            return false;
        item->n_chunks++;
        body += c->size;
        left -= c->size;
    }
    return left == 0 || err_set(err, ERR_INPUT, "spool file '%s': %zu bytes too many", name, left);
}

bool spool_parse(
    struct spool_item *item, const void *data, size_t size, const char *name, struct err *err) {
    const uint8_t *p = data;
    *item = (struct spool_item) { 0 };
    if (size < PREFIX + SUM || memcmp(p, MAGIC, 8) != 0)
        return err_set(err, ERR_INPUT, "spool file '%s': not a spool file", name);
    size_t head_n = get_u32(p + 8), record_n = get_u32(p + 12), left = size - PREFIX - SUM;
    if (head_n > left || record_n > left - head_n)
        return err_set(err, ERR_INPUT, "spool file '%s': cut short", name);
    char sum[65];
    sha256_hex(p, size - SUM, sum);
    if (memcmp(sum, p + size - SUM, SUM) != 0)
        return err_set(err, ERR_INPUT, "spool file '%s': its sum is wrong", name);
    json_t *head = json_parse((const char *)p + PREFIX, head_n, name, err);
    if (!head)
        return false;
    const uint8_t *record = p + PREFIX + head_n;
    item->record = xstrndup((const char *)record, record_n);
    bool ok = item_read(item, head, record + record_n, left - head_n - record_n, name, err);
    json_decref(head);
    if (!ok)
        spool_item_release(item);
    return ok;
}

void spool_item_release(struct spool_item *item) {
    for (size_t i = 0; i < item->n_chunks; i++)
        chunk_release(&item->chunks[i]);
    free(item->chunks);
    free(item->record);
    *item = (struct spool_item) { 0 };
}

/* ---- delivering ---- */

/* What is taken along with a delivery: the next job. */
struct turn {
    const struct worker *worker;
    const struct claim_options *claim;
    struct job *next;
    bool *found;
};

/* Chunks first; a chunk that is refused is no matter if the result is refused too, which finish
 * will say. */
static bool deliver(struct db *db, const struct spool_item *item, const struct turn *turn,
    enum queue_answer *answer, struct err *err) {
    for (size_t i = 0; i < item->n_chunks; i++) {
        enum queue_answer a;
        if (!chunk_put(db, &item->key, &item->chunks[i], &a, err))
            return false;
        if (a == QUEUE_STALE || a == QUEUE_GONE)
            break;
    }
    if (turn)
        return queue_turn(db, turn->worker, &item->key, item->record, turn->claim, answer,
            turn->next, turn->found, err);
    return queue_finish(db, &item->key, item->record, answer, err);
}

/* Into DIR/refused; a name that is taken there is overwritten, as it is of the same attempt, but
 * for folders, which are nobody's result: what can't take their name gets a number. */
static bool refuse(const char *dir, const char *path, struct err *err) {
    char *aside = path_join(dir, "refused");
    bool ok = dir_make(aside, err), moved = false;
    for (int i = 0; ok && !moved && i < 100; i++) {
        struct strbuf to = { 0 };
        strbuf_addf(&to, i ? "%s/%s-%d" : "%s/%s", aside, path_base(path), i);
        moved = rename(path, strbuf_str(&to)) == 0 || errno == ENOENT;
        strbuf_release(&to);
        if (!moved && errno != EISDIR && errno != ENOTDIR && errno != ENOTEMPTY && errno != EEXIST)
            break;
    }
    if (ok && !moved)
        ok = err_errno(err, ERR_NODE, "could not move '%s'", path);
    free(aside);
    return ok;
}

static bool passes_later(enum err_class class) {
    return class == ERR_DB || class == ERR_INTERRUPTED || class == ERR_SCHEMA ||
           class == ERR_AUTH || class == ERR_NODE;
}

/* One file: gone when delivered, aside when refused, left where the database is away. */
static bool deliver_file(const char *dir, const char *path, struct db *db, const struct turn *turn,
    enum queue_answer *answer, bool *refused, struct err *err) {
    struct file_map map;
    struct spool_item item;
    struct err e = ERR_INIT;
    *refused = false;
    bool there = file_map(&map, path, &e);
    if (!there && (e.class == ERR_NOT_FOUND || e.class == ERR_NODE || e.class == ERR_RESOURCE)) {
        if (err)
            *err = e;
        return false;
    }
    bool ok = there && spool_parse(&item, map.data, map.size, path, &e);
    if (there)
        file_unmap(&map);
    if (ok) {
        ok = deliver(db, &item, turn, answer, &e);
        spool_item_release(&item);
    }
    if (!ok && passes_later(e.class)) {
        if (err)
            *err = e;
        return false;
    }
    *refused = !ok || *answer == QUEUE_STALE || *answer == QUEUE_GONE;
    if (*refused)
        return refuse(dir, path, err) && (ok || !err || (*err = e, false));
    return unlink(path) == 0 || errno == ENOENT ||
           err_errno(err, ERR_NODE, "could not remove '%s'", path);
}

static bool deliver_one(const char *dir, struct db *db, const struct job_key *key,
    const struct turn *turn, enum queue_answer *answer, struct err *err) {
    char *path = item_path(dir, key);
    struct err e = ERR_INIT;
    bool refused, ok = deliver_file(dir, path, db, turn, answer, &refused, &e);
    if (!ok && e.class == ERR_NOT_FOUND) { /* another worker, starting up, delivered it for us */
        *answer = QUEUE_ALREADY;
        ok = true;
    }
    if (!ok && err)
        *err = e;
    free(path);
    return ok;
}

bool spool_deliver_job(const char *dir, struct db *db, const struct job_key *key,
    enum queue_answer *answer, struct err *err) {
    return deliver_one(dir, db, key, NULL, answer, err);
}

bool spool_deliver_turn(const char *dir, struct db *db, const struct worker *worker,
    const struct job_key *key, const struct claim_options *claim, enum queue_answer *answer,
    struct job *next, bool *found, struct err *err) {
    struct turn turn = { .worker = worker, .claim = claim, .next = next, .found = found };
    *found = false;
    if (deliver_one(dir, db, key, &turn, answer, err))
        return true;
    if (*found) /* taken, but this machine is not to go on: worker_stop gives it back */
        job_release(next);
    *found = false;
    return false;
}

static bool is_item(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".res") == 0 && name[0] >= '0' && name[0] <= '9';
}

static void drop_old(const char *dir) {
    char *aside = path_join(dir, "refused");
    DIR *d = opendir(aside);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char *path = path_join(aside, e->d_name);
        struct stat st;
        if (is_item(e->d_name) && stat(path, &st) == 0 && st.st_mtime < time(NULL) - KEEP_S)
            unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
    free(aside);
}

bool spool_deliver(const char *dir, struct db *db, struct spool_counts *counts, struct err *err) {
    *counts = (struct spool_counts) { 0 };
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT || err_errno(err, ERR_NODE, "could not read '%s'", dir);
    bool ok = true;
    for (const struct dirent *e; (e = readdir(d));) {
        if (!is_item(e->d_name))
            continue;
        if (!ok) {
            counts->left++;
            continue;
        }
        char *path = path_join(dir, e->d_name);
        enum queue_answer answer = QUEUE_GONE;
        bool refused = false;
        struct err why = ERR_INIT;
        ok = deliver_file(dir, path, db, NULL, &answer, &refused, &why) || refused;
        bool vanished = !ok && why.class == ERR_NOT_FOUND; /* another worker delivered it */
        counts->delivered += ok && !refused;
        counts->refused += ok && refused;
        counts->left += !ok && !vanished;
        if (!ok && !vanished && err)
            *err = why;
        ok = ok || vanished;
        free(path);
    }
    closedir(d);
    drop_old(dir);
    return ok;
}

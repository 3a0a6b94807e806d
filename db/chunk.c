/* Sample chunks: JSON lines, compressed by zstd, named by the hash of their compressed bytes. They
 * are stored while a job runs, and are what another attempt resumes from; none is seen before the
 * job is finished. */
#include "db/conn.h"

#include <string.h>
#include <zstd.h>

#include "base/hash.h"
#include "base/mem.h"

#define LEVEL 3

bool chunk_pack(struct chunk *chunk, int number, int n, const char *build, const char *lines,
    size_t len, struct err *err) {
    if (len > CHUNK_TEXT_MAX)
        return err_set(err, ERR_RESOURCE, "sample chunk %d has %zu bytes, more than %zu", number,
            len, CHUNK_TEXT_MAX);
    size_t bound = ZSTD_compressBound(len);
    void *body = mem_try(bound, 1, "a sample chunk", err);
    if (!body)
        return false;
    size_t size = ZSTD_compress(body, bound, lines, len, LEVEL);
    if (ZSTD_isError(size) || size > CHUNK_BODY_MAX) {
        free(body);
        return err_set(err, ERR_RESOURCE,
            "sample chunk %d does not fit %zu bytes; put fewer samples in it", number,
            CHUNK_BODY_MAX);
    }
    *chunk = (struct chunk) { .number = number, .n = n, .body = body, .size = size };
    snprintf(chunk->build, sizeof chunk->build, "%s", build);
    sha256_hex(body, size, chunk->sha256);
    return true;
}

char *chunk_unpack(const void *body, size_t size, size_t *len, struct err *err) {
    unsigned long long full = ZSTD_getFrameContentSize(body, size);
    if (full == ZSTD_CONTENTSIZE_UNKNOWN || full == ZSTD_CONTENTSIZE_ERROR ||
        full > CHUNK_TEXT_MAX) {
        err_set(err, ERR_INPUT, "sample chunk: not a zstd frame of known size");
        return NULL;
    }
    char *text = mem_try((size_t)full + 1, 1, "a sample chunk", err);
    if (!text)
        return NULL;
    size_t got = ZSTD_decompress(text, (size_t)full, body, size);
    if (ZSTD_isError(got) || got != full) {
        free(text);
        err_set(err, ERR_INPUT, "sample chunk: damaged zstd frame");
        return NULL;
    }
    *len = got;
    return text;
}

void chunk_release(struct chunk *chunk) {
    free(chunk->body);
    *chunk = (struct chunk) { 0 };
}

bool chunk_put(struct db *db, const struct job_key *key, const struct chunk *chunk,
    enum queue_answer *answer, struct err *err) {
    return conn_ask(db, "chunk_put",
        DB_ARGS(db_text(key->worker), db_int(key->job), db_int(key->attempt), db_int(chunk->number),
            db_int(chunk->n), db_text(chunk->sha256), db_text(chunk->build),
            db_bytes(chunk->body, chunk->size)),
        answer, err);
}

static bool chunk_read(struct chunk *chunk, const struct rows *rows, int i, struct err *err) {
    chunk->number = (int)rows_int(rows, i, "chunk");
    chunk->n = (int)rows_int(rows, i, "n");
    snprintf(chunk->build, sizeof chunk->build, "%s", rows_text(rows, i, "build"));
    chunk->body = rows_bytes(rows, i, "body", &chunk->size);
    sha256_hex(chunk->body, chunk->size, chunk->sha256);
    if (strcmp(chunk->sha256, rows_text(rows, i, "sha256")) == 0)
        return true;
    return err_set(err, ERR_INPUT, "stored sample chunk %d is damaged", chunk->number);
}

bool chunk_list(
    struct db *db, const struct job_key *key, struct chunk **chunks, size_t *n, struct err *err) {
    struct rows rows;
    *chunks = NULL;
    *n = 0;
    if (!db_query(db, "chunk_list",
            DB_ARGS(db_text(key->worker), db_int(key->job), db_int(key->attempt)), &rows, err))
        return false;
    bool ok = true;
    *chunks = xcalloc((size_t)rows.n + 1, sizeof **chunks);
    for (int i = 0; ok && i < rows.n; i++)
        ok = chunk_read(&(*chunks)[(*n)++], &rows, i, err);
    if (!ok) {
        while (*n > 0)
            chunk_release(&(*chunks)[--*n]);
        free(*chunks);
        *chunks = NULL;
    }
    rows_release(&rows);
    return ok;
}

static bool add_samples(const struct rows *rows, int i, struct strbuf *out, struct err *err) {
    char hex[65];
    size_t size, n;
    void *body = chunk_body(rows, i, &size, err);
    if (!body)
        return false;
    sha256_hex(body, size, hex);
    bool same = strcmp(hex, rows_text(rows, i, "sha256")) == 0;
    char *text = same ? chunk_unpack(body, size, &n, err) : NULL;
    if (!same)
        err_set(err, ERR_INPUT, "stored sample chunk %lld is damaged", rows_int(rows, i, "chunk"));
    if (text)
        strbuf_add(out, text, n);
    free(text);
    free(body);
    return text != NULL;
}

bool run_samples(struct db *db, long long run, struct strbuf *out, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "site_samples", DB_ARGS(db_int(run)), &rows, err);
    for (int i = 0; ok && i < rows.n; i++)
        ok = add_samples(&rows, i, out, err);
    rows_release(&rows);
    ok = ok &&
         (!out->overflow || err_set(err, ERR_RESOURCE, "the samples are over %zu bytes", out->max));
    return ok || err_wrap(err, "samples of run %lld", run);
}

bool run_chunk(struct db *db, long long *set, const struct chunk *chunk, struct err *err) {
    struct rows rows;
    if (!db_query(db, "run_chunk",
            DB_ARGS(*set ? db_int(*set) : db_null(), db_int(chunk->number), db_int(chunk->n),
                db_text(chunk->sha256), db_text(chunk->build), db_bytes(chunk->body, chunk->size)),
            &rows, err))
        return false;
    *set = rows_int(&rows, 0, "set_id");
    rows_release(&rows);
    return true;
}

/* The memo: answers by their content, so that none is computed twice, not across tasks and not
 * after a crash.
 *
 * What a model answers depends on the model, on how it is run and on the request, and on nothing
 * else (harness.h), so an answer that is found under the hash of these is the answer. There are two
 * such stores a model: vectors, which stay on disk as a cache, and log-likelihoods, which last
 * until the evaluation that made them is through.
 *
 * A store is a file of records {u32 payload bytes, u32 CRC-32 of key and payload, key[16],
 * payload}, little-endian, only ever appended to. Whoever is killed while appending leaves a torn
 * record at the end: it is not read, and the next writer cuts it off. The child of a job, which
 * reads what strangers made, only reads the file; what it adds it hands to its parent, the one that
 * writes. */
#ifndef ASSAY_EVAL_MEMO_H
#define ASSAY_EVAL_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { MEMO_KEY = 16, MEMO_PAYLOAD_MAX = 16 << 20 };

/* Hashes the fields of a key, each with its length. */
struct memo_hash;
struct memo_hash *memo_hash_new(void);
void memo_hash_add(struct memo_hash *h, const void *data, size_t n);
void memo_hash_text(struct memo_hash *h, const char *text);     /* NULL is another key than "" */
void memo_hash_end(struct memo_hash *h, uint8_t key[MEMO_KEY]); /* frees h */

/* ---- reading ---- */

/* A memo that is NULL knows nothing and keeps nothing. */
struct memo;

/* Takes new records; false ends the run. */
typedef bool memo_keep_fn(const void *records, size_t n, void *arg, struct err *err);

struct memo_options {
    int fd;             /* of the store's file, open for reading; stays the caller's. -1: none */
    bool skip_old;      /* what the file holds already is not looked at */
    memo_keep_fn *keep; /* NULL: nothing is kept beyond this process */
    void *arg;
};
struct memo *memo_open(const struct memo_options *options);
void memo_close(struct memo *m); /* NULL is fine; call memo_flush before */

/* The payload under this key, until the next call; NULL if there is none. */
const void *memo_find(struct memo *m, const uint8_t key[MEMO_KEY], size_t *n);
/* A key that is known already is left alone; so are all once neither file nor memory takes more. */
MUST_CHECK bool memo_add(
    struct memo *m, const uint8_t key[MEMO_KEY], const void *payload, size_t n, struct err *err);
/* A record as the file has it, for who writes one without a memo. */
void memo_record(struct strbuf *out, const uint8_t key[MEMO_KEY], const void *payload, uint32_t n);
/* Hands over what has been added. */
MUST_CHECK bool memo_flush(struct memo *m, struct err *err);

/* ---- writing ---- */

/* A store's file, for appending: several processes may have it open. Cuts a torn end off where
 * nobody else has it open. */
struct memo_writer {
    int fd;
    uint64_t bytes, max_bytes; /* of the file; what would make it longer is left out */
};
MUST_CHECK bool memo_writer_open(
    struct memo_writer *w, const char *path, uint64_t max_bytes, struct err *err);
/* n bytes of whole records: ERR_INPUT if they aren't. */
MUST_CHECK bool memo_writer_add(
    struct memo_writer *w, const void *records, size_t n, struct err *err);
void memo_writer_close(struct memo_writer *w);

#endif

/* Many files at once (see fetch.h). A file in the works is a job; a connection is a lane, which has
 * one piece of one job. */
#include "evaluator/hub/fetch.h"

#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/hub/fetch_parts.h"
#include "evaluator/hub/retry.h"

enum {
    JOBS_MAX = 2 * FETCH_LANES, /* files that are open at once */
    REFETCHES_MAX = 2,          /* bits turn over on the way now and then */
    HASH_STEP = 4 << 20,        /* hashed between two looks at the network */
    LOCK_POLL_MS = 100,
    LOCK_PATIENCE_MS = 600000, /* a lock that nobody does anything behind */
    BAR_BYTES = 1 << 20
};

struct engine {
    struct client *client;
    const struct fetch *f;
    CURLM *multi;
    struct job *jobs[JOBS_MAX];
    struct lane lanes[FETCH_LANES];
    enum { WAITING = 0, OPEN, DONE } * states; /* of the files */
    size_t n_open, n_done, first;              /* first: before it all are done */
    int64_t not_before;                        /* the hub asked for a pause */
    int64_t look_again;                        /* at files that another process has */
    int64_t idle_since; /* there was nothing but such files; 0: there was something */
    struct progress *bar;
    const struct job *barred;
    uint8_t *buffer;
    struct err err; /* the first failure ends it all */
};

static bool failed(const struct engine *e) {
    return e->err.class != ERR_NONE;
}

/* ---- jobs ---- */

/* False also where another process was quicker. */
static bool job_begin(struct job *j, struct engine *e, size_t file) {
    const struct fetch_file *w = &e->f->files[file];
    bool yield;
    *j = (struct job) { .want = w, .file = file, .lock = j->lock };
    j->part.fd = -1;
    if (!partial_open(&j->part, e->f->partials, w->etag, w->size, w->blob, &yield, &e->err) ||
        yield) {
        return false;
    }
    j->digest = digest_new(w);
    j->in_flight = xcalloc(j->part.n_pieces + 1, 1);
    return true;
}

static void job_free(struct engine *e, struct job *j) {
    char hex[65];
    if (e->barred == j) {
        progress_end(e->bar);
        e->bar = NULL;
        e->barred = NULL;
    }
    if (j->digest) {
        sha256_end(j->digest, hex);
    }
    partial_close(&j->part);
    if (j->lock >= 0) {
        close(j->lock);
    }
    free(j->location);
    free(j->in_flight);
    free(j);
}

/* Everything from the beginning: what is there can't be trusted, or can't be gone on from. */
static void job_restart(struct job *j) {
    char hex[65];
    sha256_end(j->digest, hex);
    j->digest = digest_new(j->want);
    j->hashed = 0;
    partial_forget(&j->part);
}

/* A file that waits is opened, unless it is here, or another process is fetching it. */
static void open_file(struct engine *e, size_t file) {
    const struct fetch_file *w = &e->f->files[file];
    bool busy = false;
    int lock = e->f->lock(e->f->arg, file, &busy);
    busy = busy && !(e->idle_since && wall_ms() - e->idle_since > LOCK_PATIENCE_MS);
    bool here = !busy && e->f->is_here(e->f->arg, file);
    busy = busy || (!here && partial_is_busy(e->f->partials, w->etag, w->size));
    if (busy || here) {
        if (lock >= 0) {
            close(lock);
        }
        if (here && e->f->arrived(e->f->arg, file, &e->err)) {
            e->states[file] = DONE;
            e->n_done++;
        }
        return;
    }
    struct job **slot = e->jobs;
    while (*slot) {
        slot++;
    }
    struct job *j = xcalloc(1, sizeof *j);
    j->lock = lock;
    if (!job_begin(j, e, file)) {
        job_free(e, j);
        return;
    }
    *slot = j;
    e->states[file] = OPEN;
    e->n_open++;
}

static void open_files(struct engine *e) {
    int64_t now = wall_ms();
    if (now < e->look_again && e->look_again - now <= LOCK_POLL_MS) {
        return;
    }
    while (e->first < e->f->n && e->states[e->first] == DONE) {
        e->first++;
    }
    for (size_t i = e->first; i < e->f->n && e->n_open < JOBS_MAX && !failed(e); i++) {
        if (e->states[i] == WAITING) {
            open_file(e, i);
        }
    }
    e->look_again = e->n_open < JOBS_MAX ? now + LOCK_POLL_MS : 0;
    e->idle_since = e->n_open ? 0 : e->idle_since ? e->idle_since : now;
}

static void close_job(struct engine *e, size_t slot, bool done) {
    struct job *j = e->jobs[slot];
    e->states[j->file] = done ? DONE : WAITING;
    e->n_done += done;
    e->n_open--;
    job_free(e, j);
    e->jobs[slot] = NULL;
    e->look_again = 0;
}

/* ---- verifying ---- */

/* How far the bytes reach without a gap. */
static uint64_t front(const struct job *j) {
    size_t piece = (size_t)(j->hashed / PIECE_BYTES);
    uint64_t at = j->hashed;
    for (; piece < j->part.n_pieces; piece++) {
        uint64_t from = (uint64_t)piece * PIECE_BYTES;
        at = from + j->part.have[piece];
        if (at < partial_piece_end(&j->part, piece)) {
            break;
        }
    }
    return at;
}

/* Hashes a little of what is there; false where there was nothing to hash. */
static bool hash_some(struct engine *e, struct job *j) {
    uint64_t left = front(j) - j->hashed;
    size_t n = left < HASH_STEP ? (size_t)left : HASH_STEP;
    if (n == 0 || !partial_read(&j->part, j->hashed, e->buffer, n, &e->err)) {
        return false;
    }
    sha256_add(j->digest, e->buffer, n);
    j->hashed += n;
    return true;
}

static bool refuse_hash(const struct job *j, const char *hex, struct err *err) {
    err_set(err, ERR_INPUT,
        "'%s' arrived with other bytes than the hub promised: its hash is %.12s…, not %.12s…",
        j->want->name, hex, j->want->etag);
    return err_hint(err, "try again; if it stays so, the hub or a proxy on the way changes files");
}

/* All of it is there and hashed. */
static void finish_job(struct engine *e, size_t slot) {
    struct job *j = e->jobs[slot];
    char hex[65];
    sha256_end(j->digest, hex);
    j->digest = NULL;
    if (strcmp(hex, j->want->etag)) {
        j->digest = digest_new(j->want);
        if (j->refetches++ < REFETCHES_MAX) {
            job_restart(j);
        } else {
            partial_drop(&j->part);
            refuse_hash(j, hex, &e->err);
        }
        return;
    }
    if (partial_publish(&j->part, j->want->blob, &e->err) &&
        e->f->arrived(e->f->arg, j->file, &e->err)) {
        close_job(e, slot, true);
    }
}

static bool hash_jobs(struct engine *e) {
    bool more = false;
    for (size_t i = 0; i < JOBS_MAX && !failed(e); i++) {
        struct job *j = e->jobs[i];
        if (!j) {
            continue;
        }
        more |= hash_some(e, j);
        if (!failed(e) && j->hashed == j->want->size && j->running == 0) {
            finish_job(e, i);
            more = true;
        }
    }
    return more;
}

/* ---- lanes ---- */

/* The next piece of a job that nobody is fetching; n_pieces if there is none. */
static size_t next_piece(const struct job *j) {
    size_t i = 0;
    while (i < j->part.n_pieces &&
           (j->in_flight[i] ||
               j->part.have[i] == partial_piece_end(&j->part, i) - (uint64_t)i * PIECE_BYTES)) {
        i++;
    }
    return i;
}

/* What of a job can be asked for now. One that is asked for as a whole has one lane, and so has one
 * whose place is still to be found: the hub is asked once for it. */
static bool job_wants_lane(
    const struct engine *e, const struct job *j, int64_t now, size_t *piece) {
    bool alone = j->whole || (!j->placed && j->part.n_pieces > 1);
    if (j->not_before > now || e->not_before > now || (alone && j->running)) {
        return false;
    }
    *piece = j->whole ? 0 : next_piece(j);
    return *piece < j->part.n_pieces && partial_have(&j->part) < j->want->size;
}

static void start_lane(struct engine *e, struct lane *l, struct job *j, size_t piece) {
    if (j->whole) {
        job_restart(j);
    }
    l->job = j;
    l->piece = piece;
    l->at = (uint64_t)piece * PIECE_BYTES + j->part.have[piece];
    l->end = j->whole ? j->want->size : partial_piece_end(&j->part, piece);
    l->started = wall_ms();
    l->hops = 0;
    l->kept = j->location != NULL;
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%s", e->client->endpoint, j->want->path);
    l->url = l->kept ? xstrdup(j->location) : xstrdup(url.text);
    strbuf_release(&url);
    j->in_flight[piece] = 1;
    j->running++;
    lane_begin(l, e->client, l->kept);
    curl_multi_add_handle(e->multi, l->curl);
}

static void free_lane(struct engine *e, struct lane *l) {
    curl_multi_remove_handle(e->multi, l->curl);
    hop_end(&l->hop);
    l->job->in_flight[l->piece] = 0;
    l->job->running--;
    free(l->url);
    l->url = NULL;
    l->job = NULL;
}

static void start_lanes(struct engine *e) {
    int64_t now = wall_ms();
    for (size_t k = 0, i = 0; k < FETCH_LANES; k++) {
        struct lane *l = &e->lanes[k];
        size_t piece;
        while (!l->job && i < JOBS_MAX) {
            if (e->jobs[i] && job_wants_lane(e, e->jobs[i], now, &piece)) {
                start_lane(e, l, e->jobs[i], piece);
            } else {
                i++;
            }
        }
    }
}

/* Ranges of this server mean nothing: whoever is at work on the file stops. */
static void ask_whole(struct engine *e, struct job *j) {
    for (size_t k = 0; k < FETCH_LANES; k++) {
        if (e->lanes[k].job == j) {
            free_lane(e, &e->lanes[k]);
        }
    }
    j->whole = true;
}

/* A try that failed, for now. Lanes that fail together count as one; and each try must bring
 * something in the long run, however little it is. */
static void try_later(struct engine *e, struct job *j, const struct lane *l, struct err *why) {
    int64_t now = wall_ms();
    if (l->got > 0) {
        j->in_vain = 0;
    } else if (l->started >= j->failed_at) {
        j->in_vain++;
    }
    j->failed_at = now;
    uint64_t tries_max = TRIES_MIN + partial_have(&j->part) / BYTES_PER_TRY;
    bool asked_long = l->reply.retry_after > RETRY_PATIENCE_S;
    if (j->in_vain >= ATTEMPTS_MAX || ++j->tries > tries_max || asked_long) {
        e->err = *why;
        return;
    }
    if (l->reply.retry_after >= 0) {
        e->not_before = now + retry_asked_ms(l->reply.retry_after);
    } else if (l->got == 0) {
        j->not_before = now + retry_backoff_ms(e->client->retry_ms, (int)j->in_vain);
    }
}

static void take_outcome(struct engine *e, struct lane *l, CURLcode rc) {
    struct err why = ERR_INIT;
    enum lane_outcome outcome = lane_outcome(l, rc, e->client->endpoint, &why);
    struct job *j = l->job;
    struct lane was = *l;
    if (outcome == LANE_REDIRECTED) {
        curl_multi_remove_handle(e->multi, l->curl);
        hop_end(&l->hop);
        lane_begin(l, e->client, true);
        curl_multi_add_handle(e->multi, l->curl);
        return;
    }
    j->placed |= l->got > 0;
    if (l->got > 0 && l->hops > 0 && !j->location) {
        j->location = xstrdup(l->url);
    }
    free_lane(e, l);
    switch (outcome) {
    case LANE_RANGE_LIE:
        ask_whole(e, j);
        try_later(e, j, &was, &why);
        break;
    case LANE_PLACE_GONE: /* what was signed for a while has run out: the hub knows a new place */
        free(j->location);
        j->location = NULL;
        j->placed = false;
        try_later(e, j, &was, &why);
        break;
    case LANE_LATER:
        try_later(e, j, &was, &why);
        break;
    case LANE_FAILED:
        e->err = why;
        break;
    default:
        j->in_vain = 0;
        break;
    }
}

static void take_messages(struct engine *e) {
    CURLMsg *m;
    int left;
    while (!failed(e) && (m = curl_multi_info_read(e->multi, &left))) {
        struct lane *l = NULL;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &l) == CURLE_OK) {
            take_outcome(e, l, m->data.result);
        }
    }
}

/* ---- the loop ---- */

/* One bar at a time: that of the first large file that is open. */
static void show(struct engine *e) {
    for (size_t i = 0; i < JOBS_MAX && !e->barred; i++) {
        const struct job *j = e->jobs[i];
        if (j && j->want->size > BAR_BYTES) {
            e->barred = j;
            e->bar = progress_start(j->want->name, j->want->size, "B");
        }
    }
    if (e->bar) {
        progress_set(e->bar, partial_have(&e->barred->part));
    }
}

static bool step(struct engine *e) {
    int running;
    open_files(e);
    if (failed(e) || e->n_done == e->f->n) {
        return false;
    }
    start_lanes(e);
    curl_multi_perform(e->multi, &running);
    take_messages(e);
    bool more = hash_jobs(e);
    show(e);
    if (!failed(e) && !more) {
        curl_multi_poll(e->multi, NULL, 0, 50, NULL);
    }
    return !failed(e);
}

static bool engine_open(struct engine *e, struct client *c, const struct fetch *f) {
    *e = (struct engine) { .client = c, .f = f, .multi = curl_multi_init() };
    BUG_IF(!e->multi);
    e->states = xcalloc(f->n + 1, sizeof *e->states);
    e->buffer = xmalloc(HASH_STEP);
    curl_multi_setopt(e->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_LANES);
    for (size_t k = 0; k < FETCH_LANES; k++) {
        e->lanes[k].curl = curl_easy_init();
        BUG_IF(!e->lanes[k].curl);
    }
    return client_ready(c->endpoint, &e->err);
}

static void engine_close(struct engine *e) {
    for (size_t k = 0; k < FETCH_LANES; k++) {
        if (e->lanes[k].job) {
            free_lane(e, &e->lanes[k]);
        }
        curl_easy_cleanup(e->lanes[k].curl);
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (e->jobs[i]) {
            close_job(e, i, false);
        }
    }
    progress_end(e->bar);
    curl_multi_cleanup(e->multi);
    free(e->states);
    free(e->buffer);
}

bool fetch_run(struct client *c, const struct fetch *f, struct err *err) {
    struct engine e;
    if (engine_open(&e, c, f)) {
        while (step(&e)) {
        }
    }
    engine_close(&e);
    bool ok = !failed(&e);
    if (!ok) {
        *err = e.err;
    }
    return ok;
}

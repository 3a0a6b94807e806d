/* A data set of a hub, in use: its folder, and how to read what stayed on the hub (see hub.h). */
#include <string.h>

#include "base/file.h"
#include "evaluator/data/data.h"
#include "evaluator/hub/blocks.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/pull.h"
#include "evaluator/hub/source.h"

struct hub_data {
    char *dir;
    struct client *client; /* NULL: nothing is remote */
    struct pulled pulled;  /* owns the paths */
    struct data_remote remote;
    struct data_remote_file *files; /* sorted by path, as the listing is */
    struct range_file *ranges;      /* one a file */
    struct blocks *blocks;
};

bool hub_stream_parse(const char *word, enum hub_stream *stream, struct err *err) {
    static const char *const WORDS[] = {
        [HUB_STREAM_NEVER] = "never",
        [HUB_STREAM_AUTO] = "auto",
        [HUB_STREAM_ALWAYS] = "always",
    };
    for (unsigned i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (!strcmp(word ? word : "auto", WORDS[i])) {
            *stream = (enum hub_stream)i;
            return true;
        }
    }
    return err_set(
        err, ERR_USAGE, "--stream-data is 'auto', 'always' or 'never', not '%.50s'", word);
}

/* ---- reading ---- */

static bool fetch(void *arg, size_t file, uint64_t at, void *into, size_t n, struct err *err) {
    struct hub_data *d = arg;
    return client_range(d->client, &d->ranges[file], at, into, n, err);
}

static int by_path(const void *path, const void *file) {
    return strcmp(path, ((const struct data_remote_file *)file)->path);
}

static bool read_remote(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    struct hub_data *d = arg;
    const struct data_remote_file *f =
        bsearch(path, d->files, d->remote.n, sizeof *d->files, by_path);
    if (!f) {
        return err_set(
            err, ERR_NOT_FOUND, "there is no file '%s' of the data set on the hub", path);
    }
    return at <= f->size && n <= f->size - at
               ? blocks_read(d->blocks, (size_t)(f - d->files), f->size, at, into, n, err)
               : err_set(err, ERR_INPUT, "a read past the end of '%s'", path);
}

/* ---- opening ---- */

static void take_remote(struct hub_data *d, const struct pull *p) {
    const struct repo_listing *l = &d->pulled.listing;
    d->files = xcalloc(l->n + 1, sizeof *d->files);
    d->ranges = xcalloc(l->n + 1, sizeof *d->ranges);
    for (size_t i = 0; i < l->n; i++) {
        const struct repo_file *f = &l->files[i];
        if (!f->left) {
            continue;
        }
        size_t n = d->remote.n++;
        d->files[n] = (struct data_remote_file) { .path = f->path, .size = f->size };
        memcpy(d->files[n].sha256, f->etag, sizeof f->etag);
        d->ranges[n] = (struct range_file) {
            .path = pull_file_path(p, l->commit, f->path), .size = f->size, .sha256 = f->etag
        };
    }
}

static bool open_remote(struct hub_data *d, const struct pull *p, struct err *err) {
    take_remote(d, p);
    if (d->remote.n == 0) {
        return true;
    }
    d->remote.files = d->files;
    d->remote.read = read_remote;
    d->remote.arg = d;
    d->blocks = blocks_new(fetch, d);
    d->client = client_open(p->endpoint, p->retry_ms, err);
    return d->client != NULL;
}

struct hub_data *hub_data_open(const struct hub_data_request *q, struct err *err) {
    struct hub_source source;
    struct hub_data *d = xcalloc(1, sizeof *d);
    hub_source_find(q->hub, &source);
    struct pull p = { .endpoint = source.endpoint,
        .kind = REPO_DATASET,
        .repo = q->repo,
        .revision = q->revision,
        .stream = q->stream,
        .retry_ms = q->retry_ms };
    bool whole = source.mirror || q->stream == HUB_STREAM_NEVER || client_offline() ||
                 !repo_id_valid(q->repo) || (d->dir = pull_cached(&p, err)) != NULL;
    bool ok;
    if (whole) {
        d->dir = d->dir ? d->dir : hub_dataset_dir(q->hub, q->repo, q->revision, err);
        ok = d->dir != NULL;
    } else {
        d->dir = pull_snapshot(&p, &d->pulled, err);
        ok = d->dir && open_remote(d, &p, err);
    }
    if (!ok) {
        hub_data_close(d);
        return NULL;
    }
    return d;
}

void hub_data_close(struct hub_data *d) {
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->remote.n; i++) {
        range_file_release(&d->ranges[i]);
    }
    client_close(d->client);
    blocks_free(d->blocks);
    free(d->ranges);
    free(d->files);
    pulled_release(&d->pulled);
    free(d->dir);
    free(d);
}

const char *hub_data_dir(const struct hub_data *d) {
    return d->dir;
}

const struct data_remote *hub_data_remote(const struct hub_data *d) {
    return d->remote.n ? &d->remote : NULL;
}

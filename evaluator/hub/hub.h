/* Where models and data sets come from: a mirror tree on disk, or a hub over HTTP through the hub's
 * own cache.
 *
 * A source is named by --hub, else HF_ENDPOINT: an existing folder is a mirror tree
 * (DIR/models/<org>/<name>/, optional .revision), anything else a URL. Files from a hub are
 * verified by SHA-256 or git-blob SHA-1 before they are used. */
#ifndef ASSAY_HUB_H
#define ASSAY_HUB_H

#include <stdatomic.h>

#include "base/json.h"

struct data_remote;

/* A path for model_open from what the user wrote: org/name[@revision], a folder, or a file. A
 * repository that holds no config.json but one .gguf file gives that file. Downloads what is
 * missing. The caller frees. */
MUST_CHECK char *hub_model_path(const char *hub, const char *model, struct err *err);

/* The same of what is here already: nothing is asked of a hub, and what a ref named when it was
 * fetched will do. ERR_NOT_FOUND where it isn't here. */
MUST_CHECK char *hub_model_cached(const char *hub, const char *model, struct err *err);

/* True if the operand names a file or folder here rather than a repository. */
bool hub_is_path(const char *model);

/* Which content it is that hub_model_path gave: the commit of a repository (in a mirror without
 * .revision the first 40 digits of a hash over its files), the 64 digits of a hash over a folder's
 * files, or of a file and those that are one model with it. Where no commit tells, every byte is
 * read. */
MUST_CHECK bool hub_model_commit(
    const char *hub, const char *model, const char *path, char commit[65], struct err *err);

/* The commit of the base model that an adapter's folder from a hub has; false where `path` is no
 * such folder. Adapters are pulled with their base, which is linked into their folder. */
bool hub_base_commit(const char *path, char commit[41]);

/* As hub_model_path, but without the weights of a model that is on a hub and not here yet: the
 * folder then holds its configuration, tokenizer and card, and *missing says how many bytes are
 * still to come. */
MUST_CHECK char *hub_model_outline(
    const char *hub, const char *model, uint64_t *missing, struct err *err);

/* The folder of a data set at a revision (NULL: whatever the source has), all of it here. The
 * caller frees. */
MUST_CHECK char *hub_dataset_dir(
    const char *hub, const char *repo, const char *revision, struct err *err);

/* A data set in use. Of one on a hub the large data files may stay there, and are then read in
 * parts, over HTTP ranges: always, never, or where those that are not here yet come to more than
 * HUB_STREAM_BYTES or to more than half of what is free where the cache lies. What is in the cache
 * already is read there, and nothing stays behind of a mirror tree. */
enum hub_stream { HUB_STREAM_NEVER, HUB_STREAM_AUTO, HUB_STREAM_ALWAYS };
#define HUB_STREAM_BYTES ((uint64_t)4 << 30)

/* "auto", "always" or "never"; NULL: auto. */
MUST_CHECK bool hub_stream_parse(const char *word, enum hub_stream *stream, struct err *err);

struct hub_data_request {
    const char *hub, *repo, *revision;
    enum hub_stream stream;
    unsigned retry_ms; /* the first wait before trying again; 0: the default */
};
struct hub_data;
MUST_CHECK struct hub_data *hub_data_open(const struct hub_data_request *request, struct err *err);
void hub_data_close(struct hub_data *d);
/* Both live as long as the data. */
const char *hub_data_dir(const struct hub_data *d);
const struct data_remote *hub_data_remote(
    const struct hub_data *d); /* NULL: all is in the folder */

/* "org/name@revision" in its parts: the revision is NULL if none was given. Both are the caller's.
 */
MUST_CHECK bool hub_split(const char *model, char **repo, char **revision, struct err *err);

/* What submission and the model page need to know, as one JSON object (the caller owns it): repo,
 * revision (40 hex; for a mirror without .revision the first 40 digits of the content's hash),
 * licence, gated, format, architecture, dtype, parameters, bytes, files [{path, size, sha256?}],
 * abilities
 * ["embed", "score"], card, hub (likes, downloads, tags and the like, where a hub says them). Reads
 * headers and the card, not the weights. */
MUST_CHECK json_t *hub_model_facts(const char *hub, const char *model, struct err *err);

/* The models that a hub lists, in an order (trending, downloads, likes, created; the most first),
 * as its API has them: id, tags, likes, downloads, createdAt, gated, safetensors.total, each where
 * the hub knows it. `found` gets one after the other, each with a valid name, some perhaps
 * twice, for the list moves meanwhile; it ends the listing by *go_on = false. */
struct hub_query {
    const char *hub, *library, *sort; /* library NULL: any */
    bool (*found)(const json_t *entry, void *arg, bool *go_on, struct err *err);
    void *arg;
};
MUST_CHECK bool hub_models(const struct hub_query *query, struct err *err);

/* What the card in a model's folder says of its licence; null where it says nothing. */
json_t *hub_folder_licence(const char *path);

/* Serves a mirror tree on 127.0.0.1 over the hub's HTTP API until *stop becomes non-zero. The port
 * is written to port_file once it listens (port 0: any free one). */
struct hub_serve_options {
    const char *dir, *port_file;
    unsigned port;
    unsigned page;            /* entries of a page of a listing; 0: 1000 */
    const char *lfs_redirect; /* large files are at this address, under the same path; NULL: here */
    const atomic_bool *stop;
};
MUST_CHECK bool hub_serve(const struct hub_serve_options *options, struct err *err);

#endif

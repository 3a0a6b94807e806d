/* HTTP to a hub, by libcurl. Bytes are counted in the write callback, redirects are followed by
 * hand so that the token goes to the hub's own host only, and every reply has a ceiling. Private to
 * the hub room. */
#ifndef ASSAY_HUB_CLIENT_H
#define ASSAY_HUB_CLIENT_H

#include <stdint.h>

#include "base/json.h"

struct client;
/* `retry_ms` is the first wait before trying again what may pass; it grows from there. 0: half a
 * second. */
MUST_CHECK struct client *client_open(const char *endpoint, unsigned retry_ms, struct err *err);
void client_close(struct client *c);

/* GET of a JSON document under the endpoint; `path` begins with '/'. The caller owns the result.
 * *next (which may be NULL) becomes the path of the page that follows, to be freed, or NULL. */
MUST_CHECK json_t *client_json(
    struct client *c, const char *path, size_t max_bytes, char **next, struct err *err);

/* A file that is read in parts. All parts come from one version of it: its size and, where the
 * server names one, its ETag stay the same, else ERR_INPUT. */
struct range_file {
    char *path; /* under the endpoint; owned */
    uint64_t size;
    const char *sha256; /* of the content, as the hub listed it; what it says since must agree */
    char etag[128];     /* of the version; empty until the first part came */
    char *location;     /* where the bytes were found; owned; NULL: not known */
};
/* Bytes [from, from + n) of it. What breaks off is asked for again from where it broke off. */
MUST_CHECK bool client_range(
    struct client *c, struct range_file *f, uint64_t from, void *into, size_t n, struct err *err);
void range_file_release(struct range_file *f);

/* True if the file is there and its hash is `etag`. */
bool client_verify(const char *file, const char *etag);

/* HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE asks for no requests at all. */
bool client_offline(void);
/* Asks for it on this thread, whatever the environment says, until it is taken back. */
void client_keep_offline(bool offline);

#endif

/* HTTP to a hub, by libcurl. Bytes are counted in the write callback, redirects are followed by hand so that the token
 * goes to the hub's own host only, and every reply has a ceiling. Private to the hub room. */
#ifndef ASSAY_HUB_CLIENT_H
#define ASSAY_HUB_CLIENT_H

#include <stdint.h>

#include "base/json.h"

struct progress;

struct client;
MUST_CHECK struct client *client_open(const char *endpoint, struct err *err);
void client_close(struct client *c);

/* GET of a JSON document under the endpoint; `path` begins with '/'. The caller owns the result. */
MUST_CHECK json_t *client_json(struct client *c, const char *path, size_t max_bytes, struct err *err);

/* GET of a file under the endpoint into `target` (created, fsynced): exactly `size` bytes whose hash is `etag` (64 digits:
 * SHA-256; 40: git-blob SHA-1), else ERR_INPUT and no file. */
struct download {
    const char *path, *target, *etag;
    uint64_t size;
    struct progress *progress; /* or NULL */
};
MUST_CHECK bool client_download(struct client *c, const struct download *d, struct err *err);

#endif

/* Many files at once, and several pieces of a large one at once, from a hub into blobs. Private to
 * the hub room.
 *
 * One thread, one libcurl multi handle, at most FETCH_LANES connections. Each byte is counted as it
 * arrives (partial.h) and hashed in order behind the front as soon as its place is reached, so a
 * file is verified when it is complete; what a stopped process left is read back and hashed again.
 * A server may do as it likes with ranges: what it says of the part it gives is checked before a
 * byte counts, and one that lies about them is asked for the whole. */
#ifndef ASSAY_HUB_FETCH_H
#define ASSAY_HUB_FETCH_H

#include "evaluator/hub/client.h"

enum { FETCH_LANES = 8 };

struct fetch_file {
    const char *path; /* under the endpoint */
    const char *name; /* for people */
    const char *etag; /* 64 digits: SHA-256; 40: git-blob SHA-1 */
    const char *blob; /* where it is published */
    uint64_t size;
};

struct fetch {
    const struct fetch_file *files;
    size_t n;
    const char *partials; /* folder of what is kept */
    /* Is the blob there, verified? `again`: another process was fetching it until now. */
    bool (*is_here)(void *arg, size_t file);
    /* Locks a file's blob against other processes: a descriptor to close, or -1; *busy: not now. */
    int (*lock)(void *arg, size_t file, bool *busy);
    /* Called for each file as soon as its blob is there. */
    bool (*arrived)(void *arg, size_t file, struct err *err);
    void *arg;
};

MUST_CHECK bool fetch_run(struct client *c, const struct fetch *f, struct err *err);

#endif

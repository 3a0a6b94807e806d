/* What the files of the fetching engine share: a file in the works, and a connection. */
#ifndef ASSAY_HUB_FETCH_PARTS_H
#define ASSAY_HUB_FETCH_PARTS_H

#include "evaluator/hub/client_parts.h"
#include "evaluator/hub/fetch.h"
#include "evaluator/hub/partial.h"

enum { TRIES_MIN = 64, BYTES_PER_TRY = 64 << 10 };

struct job {
    const struct fetch_file *want;
    size_t file; /* its number */
    struct partial part;
    struct sha256 *digest; /* of the first `hashed` bytes */
    uint64_t hashed;
    uint8_t *in_flight; /* pieces that have a lane */
    char *location;     /* where the bytes were found, or NULL */
    bool placed;        /* bytes came: it is known where to ask */
    bool whole;         /* ranges are not to be trusted here */
    unsigned running, in_vain, refetches;
    uint64_t tries;
    int64_t not_before, failed_at;
    int lock;
};

struct lane {
    CURL *curl;
    struct hop hop;
    struct job *job; /* NULL: idle */
    size_t piece;
    uint64_t at, end; /* what is still to come */
    uint64_t got, thrown_away;
    char *url;
    int hops;
    bool kept;   /* the URL is one that was found before */
    bool ranged; /* a part was asked for */
    bool checked, lie, overflow, garbled;
    int64_t started;
    struct err broken; /* why a byte could not be kept */
    struct reply reply;
};

enum lane_outcome {
    LANE_DONE,
    LANE_REDIRECTED, /* l->url is the next place */
    LANE_LATER,
    LANE_PLACE_GONE,
    LANE_RANGE_LIE,
    LANE_FAILED,
};

struct sha256 *digest_new(const struct fetch_file *w);

/* Sets up the request of l->url for what is still to come. `foreign`: a redirect named the URL. */
void lane_begin(struct lane *l, struct client *c, bool foreign);
/* What a transfer that ended means, and *why where it did not bring what was asked for. */
enum lane_outcome lane_outcome(struct lane *l, CURLcode rc, const char *endpoint, struct err *why);

#endif

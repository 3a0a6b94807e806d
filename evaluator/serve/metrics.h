/* What is counted, for Prometheus: requests by route and code, how long they take, how many are
 * under way, how many were told to come back later. All of it in memory of a fixed size. */
#ifndef ASSAY_SERVE_METRICS_H
#define ASSAY_SERVE_METRICS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/strbuf.h"

#define METRICS_ROUTES 40
#define METRICS_BUCKETS 12

struct metrics {
    atomic_ullong requests[METRICS_ROUTES][600]; /* by route and status */
    atomic_ullong buckets[METRICS_ROUTES][METRICS_BUCKETS + 1];
    atomic_ullong microseconds[METRICS_ROUTES];
    atomic_ullong limited, cut_off;
    atomic_uint in_flight;
};

void metrics_count(struct metrics *metrics, unsigned route, unsigned status, uint64_t took_us);
/* `names` of the routes, ended by NULL; `stats` as of store_stats, or NULL where the database is
 * away. */
void metrics_print(struct metrics *metrics, const char *const *names, const json_t *stats,
    unsigned connections, struct strbuf *out);

/* The live corner's. */
struct live_figures;
void metrics_print_live(const struct live_figures *live, struct strbuf *out);

#endif

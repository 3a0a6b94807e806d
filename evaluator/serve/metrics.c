#include "evaluator/serve/metrics.h"

#include "base/json.h"
#include "evaluator/serve/live.h"

static const uint64_t BOUNDS_US[METRICS_BUCKETS] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000,
    250000, 500000, 1000000, 2500000, 10000000 };

void metrics_count(struct metrics *m, unsigned route, unsigned status, uint64_t took_us) {
    unsigned bucket = 0;
    while (bucket < METRICS_BUCKETS && took_us > BOUNDS_US[bucket]) {
        bucket++;
    }
    m->requests[route][status < 600 ? status : 0]++;
    m->buckets[route][bucket]++;
    m->microseconds[route] += took_us;
}

static void head(struct strbuf *out, const char *name, const char *type, const char *help) {
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_requests(struct metrics *m, const char *const *names, struct strbuf *out) {
    head(out, "assay_http_requests_total", "counter", "Requests by route and status.");
    for (unsigned r = 0; names[r]; r++) {
        for (unsigned status = 0; status < 600; status++) {
            unsigned long long n = m->requests[r][status];
            if (n) {
                strbuf_addf(out, "assay_http_requests_total{route=\"%s\",code=\"%u\"} %llu\n",
                    names[r], status, n);
            }
        }
    }
}

/* Routes that nobody asked for are left out. */
static void print_durations(struct metrics *m, const char *const *names, struct strbuf *out) {
    head(out, "assay_http_request_duration_seconds", "histogram",
        "From the first byte of a request to its answer.");
    for (unsigned r = 0; names[r]; r++) {
        unsigned long long below = 0, all = 0;
        for (unsigned b = 0; b <= METRICS_BUCKETS; b++) {
            all += m->buckets[r][b];
        }
        for (unsigned b = 0; all && b < METRICS_BUCKETS; b++) {
            below += m->buckets[r][b];
            strbuf_addf(out,
                "assay_http_request_duration_seconds_bucket{route=\"%s\",le=\"%g\"} %llu\n",
                names[r], (double)BOUNDS_US[b] / 1e6, below);
        }
        if (all) {
            strbuf_addf(out,
                "assay_http_request_duration_seconds_bucket{route=\"%s\",le=\"+Inf\"} %llu\n",
                names[r], all);
            strbuf_addf(out, "assay_http_request_duration_seconds_sum{route=\"%s\"} %.6f\n",
                names[r], (double)m->microseconds[r] / 1e6);
            strbuf_addf(out, "assay_http_request_duration_seconds_count{route=\"%s\"} %llu\n",
                names[r], all);
        }
    }
}

static void print_one(
    struct strbuf *out, const char *name, const char *type, const char *help, double v) {
    head(out, name, type, help);
    strbuf_addf(out, "%s %.15g\n", name, v);
}

/* An object's members are one family, told apart by a label. */
static void print_family(struct strbuf *out, const char *name, const char *help, const char *label,
    const json_t *members) {
    const char *key;
    json_t *v;
    head(out, name, "gauge", help);
    json_object_foreach((json_t *)members, key, v) {
        strbuf_addf(out, "%s{%s=\"%s\"} %.15g\n", name, label, key, json_number_value(v));
    }
}

/* Those of queue_monitor's figures that are states are one family. */
static void print_queue(const json_t *stats, struct strbuf *out) {
    static const char *const STATES[] = { "waiting", "queued", "leased", "done", "dead",
        "cancelled" };
    static const struct {
        const char *key, *name, *help;
    } FIGURES[] = { { "overdue", "assay_queue_overdue_leases",
                        "Leases that ran out and were not put back." },
        { "done_last_hour", "assay_queue_done_last_hour", "Jobs done within an hour." },
        { "oldest_queued_s", "assay_queue_oldest_seconds",
            "Age of the oldest job that is queued." },
        { "workers_alive", "assay_workers_alive", "Workers heard of within three minutes." },
        { "xmin_age", "assay_database_oldest_snapshot_transactions",
            "Transactions since the oldest snapshot that keeps dead rows." },
        { "oldest_transaction_s", "assay_database_oldest_transaction_seconds",
            "Age of the oldest transaction." },
        { "database_bytes", "assay_database_bytes", "Size of the database." },
        { "alarms", "assay_alarms", "Events that are alarms." } };
    const json_t *queue = json_object_get(stats, "queue"), *own = json_object_get(stats, "service");
    head(out, "assay_queue_jobs", "gauge", "Jobs by state.");
    for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++) {
        strbuf_addf(out, "assay_queue_jobs{state=\"%s\"} %lld\n", STATES[i],
            json_get_int(queue, STATES[i], 0));
    }
    for (size_t i = 0; i < sizeof FIGURES / sizeof *FIGURES; i++) {
        print_one(out, FIGURES[i].name, "gauge", FIGURES[i].help,
            json_get_number(queue, FIGURES[i].key, 0));
    }
    print_family(out, "assay_queue_dead_jobs", "Jobs that were given up, by class of error.",
        "class", json_object_get(queue, "dead_by_class"));
    print_family(out, "assay_database_dead_rows", "Dead rows of a table.", "table",
        json_object_get(queue, "dead_rows"));
    print_family(out, "assay_database_index_bytes", "Size of an index of the queue.", "index",
        json_object_get(queue, "index_bytes"));
    print_one(out, "assay_requests_pending", "gauge", "Requests that are to be resolved.",
        json_get_number(own, "pending", 0));
    print_one(out, "assay_requests_open", "gauge", "Requests whose jobs are not over.",
        json_get_number(own, "open", 0));
    print_one(out, "assay_webhooks_pending", "gauge", "Webhooks that are to be sent.",
        json_get_number(own, "webhooks", 0));
}

void metrics_print(struct metrics *m, const char *const *names, const json_t *stats,
    unsigned connections, struct strbuf *out) {
    print_requests(m, names, out);
    print_durations(m, names, out);
    print_one(out, "assay_http_in_flight", "gauge", "Requests under way.", m->in_flight);
    print_one(out, "assay_http_connections", "gauge", "Connections that are open.", connections);
    print_one(out, "assay_http_limited_total", "counter", "Requests told to come back later.",
        (double)m->limited);
    print_one(out, "assay_http_cut_off_total", "counter",
        "Connections cut off for taking too long.", (double)m->cut_off);
    print_one(out, "assay_database_up", "gauge", "1 where the database answers.", stats != NULL);
    if (stats) {
        print_queue(stats, out);
    }
}

void metrics_print_live(const struct live_figures *live, struct strbuf *out) {
    static const char *const ENDS[] = { "answered", "failed", "late", "left", "stopped" };
    head(out, "assay_live_questions_total", "counter", "Questions to a model by how they ended.");
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        strbuf_addf(out, "assay_live_questions_total{end=\"%s\"} %llu\n", ENDS[i], live->ended[i]);
    }
    strbuf_addf(out, "assay_live_questions_total{end=\"refused\"} %llu\n", live->refused);
    print_one(
        out, "assay_live_waiting", "gauge", "Questions that wait for the model.", live->waiting);
    print_one(
        out, "assay_live_busy_seconds_total", "counter", "Time that models ran.", live->busy_s);
}

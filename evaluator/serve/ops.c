/* What those who run the service ask: is it alive, is it ready, what does it do. */
#include <string.h>

#include "evaluator/serve/request.h"

enum MHD_Result ops_health(struct request *r) {
    return reply_bytes(r, MHD_HTTP_OK, "text/plain; charset=utf-8", "ok\n", 3, NULL);
}

enum MHD_Result ops_ready(struct request *r) {
    struct err err = ERR_INIT;
    if (!r->s->draining && store_check(r->s->store, &err)) {
        return reply_bytes(r, MHD_HTTP_OK, "text/plain; charset=utf-8", "ready\n", 6, NULL);
    }
    const char *const extra[] = { "Retry-After", "5", NULL };
    const char *why = r->s->draining            ? "stopping\n"
                      : err.class == ERR_SCHEMA ? "schema\n"
                                                : "database\n";
    return reply_bytes(
        r, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", why, strlen(why), extra);
}

/* Figures are for those on this machine, and for admins. */
enum MHD_Result ops_metrics(struct request *r) {
    const char *names[METRICS_ROUTES];
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;
    if (!r->loopback && !request_may(r, "admin")) {
        return reply_problem(
            r, MHD_HTTP_FORBIDDEN, "forbidden", NULL, "figures are not for everybody");
    }
    for (; routes[n].name; n++) {
        names[n] = routes[n].name;
    }
    names[n] = "other";
    names[n + 1] = NULL;
    json_t *stats = store_stats(r->s->store, &err);
    if (r->s->live) {
        struct live_figures live = live_figures(r->s->live);
        metrics_print_live(&live, &out);
    }
    metrics_print(r->s->metrics, names, stats, watch_count(&r->s->watch), &out);
    enum MHD_Result result = reply_bytes(r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
        strbuf_str(&out), out.len, NULL);
    json_decref(stats);
    strbuf_release(&out);
    return result;
}

/* Every address there is. The first that fits is taken. */
#include "evaluator/serve/request.h"

enum { FORM_POST = ROUTE_CHANGE | ROUTE_FORM, API_POST = ROUTE_API | ROUTE_CHANGE };

const struct route routes[] = {
    { "health", "GET", "/healthz", ops_health, ROUTE_OPEN },
    { "ready", "GET", "/readyz", ops_ready, ROUTE_OPEN },
    { "metrics", "GET", "/metrics", ops_metrics, ROUTE_API },
    { "submit", "POST", "/api/v1/submissions", api_submit, API_POST },
    { "list", "GET", "/api/v1/submissions", api_list, ROUTE_API },
    { "view", "GET", "/api/v1/submissions/#", api_view, ROUTE_API },
    { "cancel", "DELETE", "/api/v1/submissions/#", api_cancel, API_POST },
    { "vote", "POST", "/api/v1/submissions/#/vote", api_vote, API_POST },
    { "queue", "GET", "/api/v1/queue", api_queue, ROUTE_API },
    { "suites", "GET", "/api/v1/suites", api_suites, ROUTE_API },
    { "page_submit", "GET", "/submit", page_submit, 0 },
    { "page_submitted", "POST", "/submit", page_submitted, FORM_POST },
    { "page_view", "GET", "/submissions/#", page_view, 0 },
    { "page_cancel", "POST", "/submissions/#/cancel", page_cancel, FORM_POST },
    { "page_vote", "POST", "/submissions/#/vote", page_vote, FORM_POST },
    { "page_queue", "GET", "/queue", page_queue, 0 },
    { "page_queue_slash", "GET", "/queue/", page_queue, 0 },
    { "page_feed", "GET", "/submissions.atom", page_feed, 0 },
    { "page_sign_in", "GET", "/signin", page_sign_in, 0 },
    { "page_signed_in", "POST", "/signin", page_signed_in, FORM_POST },
    { "page_sign_out", "POST", "/signout", page_sign_out, FORM_POST },
    { "page_api", "GET", "/api", page_api, 0 },
    { "live", "GET", "/live", page_live, 0 },
    { "live_slash", "GET", "/live/*", page_live, 0 },
    { "live_ask", "POST", "/live/*", page_live_ask, ROUTE_FORM | ROUTE_LIVE },
    { "api_live", "GET", "/api/v1/live", api_live, ROUTE_API },
    { "api_live_ask", "POST", "/api/v1/live/*", api_live_ask, ROUTE_API | ROUTE_LIVE },
    { "asset", "GET", "/service/*", file_asset, ROUTE_OPEN },
    { "root", "GET", "/", page_root, 0 },
    { "site", "GET", "/*", file_site, 0 },
    { NULL, NULL, NULL, NULL, 0 },
};

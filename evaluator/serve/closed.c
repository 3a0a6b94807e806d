/* What is not for everybody: paths that need a token to read, and what belongs to the suites whose
 * boards these are. A private board's submissions, jobs and even its name are told to those alone
 * who may read it, or who handed the submission in. */
#include <string.h>

#include "base/json.h"
#include "evaluator/serve/request.h"

/* ---- paths ---- */

/* "/s/inner/" closes what is below it, its folder without the slash, and its data under /api/v1/.
 */
static bool begins(const char *path, const char *with) {
    size_t n = strlen(with);
    if (n && with[n - 1] == '/') {
        n--;
    }
    return !strncmp(path, with, n) && (!path[n] || path[n] == '/' || path[n] == '.');
}

bool path_is_closed(const struct server *s, const char *path) {
    if (!strcmp(path, "/signin") || !strcmp(path, "/signout")) {
        return false;
    }
    for (const char *const *c = s->o->closed; *c; c++) {
        if (!strcmp(*c, "/") || begins(path, *c) ||
            (str_begins(path, "/api/v1/") && begins(path + 7, *c))) {
            return true;
        }
    }
    return false;
}

/* ---- suites ---- */

size_t serve_path_suite(const char *path, const char **name) {
    *name = path + 3;
    size_t n = strncmp(path, "/s/", 3) ? 0 : strcspn(*name, "/");
    bool whole = n && (!(*name)[n] || !(*name)[n + 1]);
    return whole && n <= 100 ? n : 0;
}

bool suite_is_closed(const struct request *r, const char *suite) {
    const char *name;
    for (const char *const *c = r->s->o->closed; *c && !request_may(r, "read"); c++) {
        size_t n = serve_path_suite(*c, &name);
        if (n && n == strlen(suite) && !strncmp(name, suite, n)) {
            return true;
        }
    }
    return false;
}

void closed_suites(const struct request *r, char list[CLOSED_LIST_SIZE]) {
    const char *name;
    size_t at = 0;
    list[0] = 0;
    for (const char *const *c = r->s->o->closed; *c && !request_may(r, "read"); c++) {
        size_t n = serve_path_suite(*c, &name);
        if (n) {
            at += (size_t)snprintf(
                list + at, CLOSED_LIST_SIZE - at, "%s%.*s", at ? "," : "", (int)n, name);
        }
    }
}

/* Who may submit knows what to; who may not reads what is open. */
json_t *open_suites(const struct request *r) {
    json_t *out = r->s->o->suites ? json_array() : NULL, *suite;
    size_t i;
    json_array_foreach(r->s->o->suites, i, suite) {
        if (request_may(r, "submit") || !suite_is_closed(r, json_string_value(suite))) {
            json_array_append(out, suite);
        }
    }
    return out;
}

bool submission_is_shown(const struct request *r, const json_t *view, bool holds_key) {
    bool own = r->who.token && !strcmp(r->who.user, json_get_string(view, "submitter", ""));
    return own || holds_key || !suite_is_closed(r, json_get_string(view, "suite", ""));
}

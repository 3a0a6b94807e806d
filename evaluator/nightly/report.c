/* What a night tells, "assay.night/1":
 *
 *     {"schema", "night", "started_at", "build", "dry_run", "outcome":
 *      "well|failures|frozen|stopped", "frozen": why, "stopped": why, "canary": {"runs": [{"run",
 * "model", "task", "verdict", "drift"} or {"run", "failed"}]}, "models": {"checked", "unchanged",
 * "moved": [...], "gated": [...], "gone", "held", "refused", "unreachable", "failed": [{"model",
 * "suite", "class", "why"}]}, "queued":
 *      {"jobs", "submitted", "other_build"}, "jobs": {"done", "dead", "cancelled", "unfinished",
 *      "by_class": {...}, "failed": [{"job", "model", "task", "class", "why"}], "poisoned": [...]},
 *      "hub": {"outages", "waited_s"}, "database": {"reconnects"}, "steps": [{"what", "model",
 *      "task", "before", "after", "run", "other_revision", "other_build"}], "site": {"pages",
 *      "changed"} or {"failed"}, "seconds": {phase: s}}
 *
 * "suites": {"gone": [{"suite", "class", "why"}]}: in no library any more. Lists that are empty are
 * not there; of long ones "more": {list: n} says how many entries more there would be. */
#include <string.h>

#include "evaluator/nightly/nightly.h"

/* ---- the verdict ---- */

static size_t listed(const json_t *report, const char *section, const char *list) {
    return json_array_size(json_object_get(json_object_get(report, section), list));
}

static size_t canaries_failed(const json_t *report) {
    size_t i, n = 0;
    json_t *run;
    json_array_foreach(json_object_get(json_object_get(report, "canary"), "runs"), i, run) {
        n += json_object_get(run, "failed") != NULL;
    }
    return n;
}

/* What policy refuses and people hold is as it should be; the rest is for somebody to look at. */
static size_t failures(const json_t *report) {
    static const char *const LISTS[] = { "gated", "gone", "unreachable", "failed" };
    size_t n = canaries_failed(report) + listed(report, "jobs", "failed") +
               listed(report, "suites", "gone");
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        n += listed(report, "models", LISTS[i]);
    }
    n += json_get_int(json_object_get(report, "jobs"), "unfinished", 0) > 0 &&
         !json_get_bool(report, "no_wait", false);
    return n + (json_object_get(json_object_get(report, "site"), "failed") != NULL);
}

bool night_verdict(const json_t *report, struct err *err) {
    const char *frozen = json_get_string(report, "frozen", NULL);
    if (frozen) {
        err_set(err, ERR_NEGATIVE, "publication is frozen: %s", frozen);
        return err_hint(err, "look at it, then 'assay nightly unfreeze --reason TEXT'");
    }
    size_t n = failures(report);
    return n == 0 || err_set(err, ERR_FAILED, "the night had %zu failures", n);
}

/* ---- text ---- */

static void text_more(struct strbuf *out, const json_t *more, const char *list) {
    long long n = json_get_int(more, list, 0);
    if (n > 0) {
        strbuf_addf(out, "  and %lld more\n", n);
    }
}

static void text_list(struct strbuf *out, const json_t *report, const char *section,
    const char *list, const char *title) {
    size_t i;
    json_t *entry, *entries = json_object_get(json_object_get(report, section), list);
    if (json_array_size(entries) == 0) {
        return;
    }
    strbuf_addf(out, "\n%s\n", title);
    json_array_foreach(entries, i, entry) {
        const char *task = json_get_string(entry, "task", json_get_string(entry, "suite", ""));
        const char *why = json_get_string(entry, "why", NULL);
        strbuf_addf(out, "  %s on %s", json_get_string(entry, "model", ""), task);
        if (why) {
            strbuf_addf(out, ": %s: %.200s", json_get_string(entry, "class", ""), why);
        } else if (json_object_get(entry, "to")) {
            strbuf_addf(out, ": %.12s to %.12s", json_get_string(entry, "from", ""),
                json_get_string(entry, "to", ""));
        }
        strbuf_addc(out, '\n');
    }
    text_more(out, json_object_get(json_object_get(report, section), "more"), list);
}

static void text_suites(struct strbuf *out, const json_t *report) {
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(json_object_get(report, "suites"), "gone"), i, entry) {
        strbuf_addf(out, "suite     %s is left alone: %.200s (--suite names those to look after)\n",
            json_get_string(entry, "suite", ""), json_get_string(entry, "why", ""));
    }
}

static void text_canaries(struct strbuf *out, const json_t *report) {
    size_t i;
    json_t *run, *runs = json_object_get(json_object_get(report, "canary"), "runs");
    if (json_array_size(runs) == 0) {
        strbuf_adds(out, "canary    none: 'assay nightly pin RUN' makes a run one\n");
    }
    json_array_foreach(runs, i, run) {
        const char *failed = json_get_string(run, "failed", NULL);
        strbuf_addf(out, "canary    run %lld: %.200s%s\n", json_get_int(run, "run", 0),
            failed ? failed : json_get_string(run, "verdict", "to be measured"),
            json_get_bool(run, "drift", false) ? ", which is drift" : "");
    }
}

static void text_steps(struct strbuf *out, const json_t *report) {
    size_t i;
    json_t *s, *steps = json_object_get(report, "steps");
    if (json_array_size(steps)) {
        strbuf_adds(out, "\nsteps\n");
    }
    json_array_foreach(steps, i, s) {
        strbuf_addf(out, "  %s of %s on %s: %.4g to %.4g since run %lld%s%s\n",
            json_get_string(s, "what", ""), json_get_string(s, "model", ""),
            json_get_string(s, "task", ""), json_get_number(s, "before", 0),
            json_get_number(s, "after", 0), json_get_int(s, "run", 0),
            json_get_bool(s, "other_revision", false) ? ", at another revision" : "",
            json_get_bool(s, "other_build", false) ? ", by another build" : "");
    }
    text_more(out, json_object_get(report, "more"), "steps");
}

static void text_counts(struct strbuf *out, const json_t *report) {
    const json_t *m = json_object_get(report, "models"), *j = json_object_get(report, "jobs"),
                 *q = json_object_get(report, "queued"), *h = json_object_get(report, "hub"),
                 *site = json_object_get(report, "site");
    strbuf_addf(out, "models    %lld checked, %lld unchanged, %zu moved\n",
        json_get_int(m, "checked", 0), json_get_int(m, "unchanged", 0),
        listed(report, "models", "moved"));
    strbuf_addf(out, "queued    %lld jobs, %lld of them because of another build\n",
        json_get_int(q, "jobs", 0), json_get_int(q, "other_build", 0));
    strbuf_addf(out, "jobs      %lld done, %lld failed, %lld cancelled, %lld not over\n",
        json_get_int(j, "done", 0), json_get_int(j, "dead", 0), json_get_int(j, "cancelled", 0),
        json_get_int(j, "unfinished", 0));
    strbuf_addf(out, "hub       away %lld times, waited for %.0f s\n",
        json_get_int(h, "outages", 0), json_get_number(h, "waited_s", 0));
    if (site) {
        strbuf_addf(out, "site      %s\n",
            json_get_string(site, "failed", json_object_get(site, "pages") ? "built" : ""));
    }
}

void night_text(const json_t *report, struct strbuf *out) {
    static const char *const LISTS[][3] = { { "models", "moved", "moved" },
        { "models", "gated", "gated" }, { "models", "gone", "not at the hub any more" },
        { "models", "held", "held for a person" }, { "models", "refused", "refused" },
        { "models", "unreachable", "not reached" },
        { "models", "failed", "could not be looked up" }, { "jobs", "failed", "failed jobs" } };
    const char *frozen = json_get_string(report, "frozen", NULL);
    strbuf_addf(out, "Night of %s, build %s: %s%s\n\n", json_get_string(report, "started_at", ""),
        json_get_string(report, "build", ""), json_get_string(report, "outcome", ""),
        json_get_bool(report, "dry_run", false) ? " (a dry run: nothing was done)" : "");
    if (frozen) {
        strbuf_addf(out, "FROZEN    %s\n", frozen);
    }
    const char *stopped = json_get_string(report, "stopped", NULL);
    if (stopped) {
        strbuf_addf(out, "STOPPED   %s; what follows had been found by then\n", stopped);
    }
    text_canaries(out, report);
    text_suites(out, report);
    text_counts(out, report);
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        text_list(out, report, LISTS[i][0], LISTS[i][1], LISTS[i][2]);
    }
    text_steps(out, report);
}

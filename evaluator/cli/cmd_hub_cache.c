/* assay hub ls | verify | rm | gc: the cache, looked after. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/hub/tidy.h"

/* "4.2 GB"; the caller's buffer holds 32. */
static const char *size_text(long long bytes, char *out) {
    static const char *const UNITS[] = { "B", "kB", "MB", "GB", "TB" };
    double n = (double)bytes;
    size_t u = 0;
    while (n >= 1000 && u < 4) {
        n /= 1000;
        u++;
    }
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", n, UNITS[u]);
    return out;
}

static const char *day_text(long long seconds, char *out) {
    time_t t = (time_t)seconds;
    struct tm tm;
    if (seconds <= 0 || !gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d", &tm)) {
        snprintf(out, 32, "-");
    }
    return out;
}

/* ---- ls ---- */

static void add_snapshot_row(struct table *t, const json_t *repo, const json_t *s) {
    char size[32], day[32];
    bool data = !strcmp(json_get_string(repo, "kind", ""), "datasets");
    table_cellf(t, "%s%s", data ? "datasets/" : "", json_get_string(repo, "repo", ""));
    table_cellf(t, "%.12s", json_get_string(s, "commit", ""));
    table_cell(t, json_get_string(s, "refs", ""));
    table_cell(t, size_text(json_get_int(s, "bytes", 0), size));
    table_cell(t, day_text(json_get_int(s, "used", 0), day));
    table_cell(t, json_get_bool(s, "in_use", false)     ? "in use"
                  : json_get_bool(s, "complete", false) ? "verified"
                                                        : "");
}

static void print_list(const json_t *list) {
    struct table *t = table_new("repository", "revision", "refs", ">size", "used", "state", NULL);
    size_t i, k;
    json_t *repo, *s;
    char size[32], partial[32];
    json_array_foreach(json_object_get(list, "repos"), i, repo) {
        json_array_foreach(json_object_get(repo, "snapshots"), k, s) {
            add_snapshot_row(t, repo, s);
        }
    }
    table_print(t, false);
    fprintf(stderr, "%s in %s, and %s that came half-way\n",
        size_text(json_get_int(list, "bytes", 0), size), json_get_string(list, "cache", ""),
        size_text(json_get_int(list, "partial_bytes", 0), partial));
}

static bool run_ls(const struct args *args, struct err *err) {
    json_t *list = hub_cache_list(err);
    if (!list) {
        return false;
    }
    if (args_has(args, "json")) {
        print_document(list, true);
    } else {
        print_list(list);
    }
    json_decref(list);
    return true;
}

const struct command cmd_hub_ls = {
    .name = "hub ls",
    .operands = "",
    .summary = "list what the cache holds",
    .run = run_ls,
};

/* ---- verify ---- */

static const struct option options_verify[] = {
    { "repair", 0, NULL, "remove what is wrong, so that the next pull fetches it" },
    { NULL, 0, NULL, NULL },
};

static void print_problems(const json_t *report) {
    size_t i;
    json_t *p;
    char size[32];
    json_array_foreach(json_object_get(report, "problems"), i, p) {
        printf("%s: %s\n", json_get_string(p, "path", ""), json_get_string(p, "problem", ""));
    }
    printf("%lld repositories, %lld blobs, %s: %zu problems\n", json_get_int(report, "repos", 0),
        json_get_int(report, "blobs", 0), size_text(json_get_int(report, "bytes", 0), size),
        json_array_size(json_object_get(report, "problems")));
}

static bool run_verify(const struct args *args, struct err *err) {
    bool repair = args_has(args, "repair");
    json_t *report = hub_cache_verify(args->operands, args->n_operands, repair, err);
    if (!report) {
        return false;
    }
    size_t problems = json_array_size(json_object_get(report, "problems"));
    if (args_has(args, "json")) {
        print_document(report, true);
    } else {
        print_problems(report);
    }
    json_decref(report);
    if (problems == 0) {
        return true;
    }
    err_set(err, ERR_NEGATIVE, "%zu things in the cache are not what they should be%s", problems,
        repair ? ": they were removed" : "");
    return repair ? err_hint(err, "pull the models again")
                  : err_hint(err, "--repair removes them, so that the next pull fetches them");
}

const struct command cmd_hub_verify = {
    .name = "hub verify",
    .operands = "[MODEL...]",
    .summary = "hash what the cache holds, and follow its links",
    .details = "Every file is held to the SHA-256 or the git hash that it is named by, whoever "
               "fetched it.\n",
    .options = { options_verify },
    .max_operands = ARGS_MAX_VALUES,
    .run = run_verify,
};

/* ---- rm and gc ---- */

static void print_removed(const json_t *report, bool json) {
    size_t i;
    json_t *r;
    char size[32];
    bool dry = json_get_bool(report, "dry_run", false);
    if (json) {
        print_document(report, true);
        return;
    }
    json_array_foreach(json_object_get(report, "removed"), i, r) {
        printf("%s %s %s %.12s (%s)\n", dry ? "would remove" : "removed",
            json_get_string(r, "what", ""), json_get_string(r, "repo", ""),
            json_get_string(r, "commit", ""), size_text(json_get_int(r, "bytes", 0), size));
    }
    json_array_foreach(json_object_get(report, "in_use"), i, r) {
        printf(
            "in use: %s %.12s\n", json_get_string(r, "repo", ""), json_get_string(r, "commit", ""));
    }
    printf("%s %s", dry ? "it would free" : "freed",
        size_text(json_get_int(report, "freed", 0), size));
    printf("; the cache %s %s\n", dry ? "would hold" : "holds",
        size_text(json_get_int(report, "bytes", 0), size));
}

static const struct option options_rm[] = {
    { "dry-run", 'n', NULL, "say what would be removed" },
    { NULL, 0, NULL, NULL },
};

static bool finish(const struct args *args, json_t *report) {
    if (report) {
        print_removed(report, args_has(args, "json"));
        json_decref(report);
    }
    return report != NULL;
}

static bool run_rm(const struct args *args, struct err *err) {
    return finish(
        args, hub_cache_remove(args->operands, args->n_operands, args_has(args, "dry-run"), err));
}

const struct command cmd_hub_rm = {
    .name = "hub rm",
    .operands = "MODEL[@REVISION]...",
    .summary = "remove models (or datasets/org/name) from the cache",
    .details = "What is in use is not removed: then this fails.\n",
    .options = { options_rm },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_rm,
};

static const struct option options_gc[] = {
    { "max-size", 0, "SIZE",
        "the cache is to hold no more than that (default: ASSAY_HUB_CACHE_MAX)" },
    { "unused", 0, "DAYS", "remove snapshots that were not used for so long" },
    { "dry-run", 'n', NULL, "say what would be removed" },
    { NULL, 0, NULL, NULL },
};

static bool run_gc(const struct args *args, struct err *err) {
    struct hub_gc o = { .dry_run = args_has(args, "dry-run") };
    const char *size = args_get(args, "max-size", NULL);
    unsigned long days;
    if (!(size ? hub_size_parse(size, &o.budget, err) : hub_cache_budget(&o.budget, err)) ||
        !args_get_uint(args, "unused", 0, 100000, &days, err)) {
        return false;
    }
    o.days = (unsigned)days;
    return finish(args, hub_cache_gc(&o, err));
}

const struct command cmd_hub_gc = {
    .name = "hub gc",
    .operands = "",
    .summary = "remove what nobody needs from the cache, and make room",
    .details = "Downloads that came half-way and were not gone on with for a week, and files that "
               "no revision has,\n"
               "go always; whole revisions by --max-size or --unused. What a process has in use "
               "stays, be it Assay's or not.\n"
               "By --max-size those go first that were used longest ago.\n",
    .options = { options_gc },
    .run = run_gc,
};

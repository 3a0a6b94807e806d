/* See compare_print.h. Sides go by letters, in the order of the command line. */
#include "evaluator/cli/compare_print.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

#define REFUSED_SHOWN 20

static char letter(long long side) {
    return (char)('A' + side);
}

/* The letters of a pair of several, as print_task and its like have them; else A and B. */
static char first_of(const json_t *pair) {
    return letter(json_get_int(pair, "first", 0));
}

static char second_of(const json_t *pair) {
    return letter(json_get_int(pair, "second", 1));
}

static void verdict_cell(struct table *t, const json_t *pair) {
    const char *verdict = json_get_string(pair, "verdict", "same");
    if (!strcmp(verdict, "same")) {
        table_cell(t, "no difference shown");
    } else {
        table_cellf(
            t, "%c is better", !strcmp(verdict, "better") ? second_of(pair) : first_of(pair));
    }
}

/* Of 0..1 in hundredths, with a sign where it is a difference. */
static void number_cell(struct table *t, const json_t *task, const char *key, bool sign) {
    double v = json_get_number(task, key, NAN);
    bool percent = json_get_bool(task, "percent", true);
    if (!isfinite(v)) {
        table_cell(t, NULL);
    } else if (percent) {
        table_cellf(t, sign ? "%+.1f" : "%.1f", 100 * v);
    } else {
        table_cellf(t, sign ? "%+.4f" : "%.4f", v);
    }
}

static void interval_cell(struct table *t, const json_t *task) {
    double low = json_get_number(task, "low", NAN), high = json_get_number(task, "high", NAN);
    if (!isfinite(low) || !isfinite(high)) {
        table_cell(t, NULL);
    } else if (json_get_bool(task, "percent", true)) {
        table_cellf(t, "%+.1f to %+.1f", 100 * low, 100 * high);
    } else {
        table_cellf(t, "%+.4f to %+.4f", low, high);
    }
}

static void p_cell(struct table *t, double p) {
    if (isfinite(p)) {
        table_cellf(t, p < 0.0001 ? "%.0e" : "%.4f", p);
    } else {
        table_cell(t, NULL);
    }
}

static void agreement_cell(struct table *t, const json_t *task) {
    double v = json_get_number(task, "agreement", NAN);
    if (!isfinite(v)) {
        table_cell(t, NULL);
    } else if (json_get_bool(task, "binary", false)) {
        table_cellf(t, "%.0f %%", 100 * v);
    } else {
        table_cellf(t, "r = %.2f", v);
    }
}

static void print_tasks(const json_t *tasks) {
    struct table *t = table_new("Task", "Metric", ">n", ">A", ">B", ">B - A", ">95 % interval",
        ">p", ">p (Holm)", ">A alone", ">B alone", ">Alike", ">Could show", "Verdict", NULL);
    size_t i;
    const json_t *task;
    json_array_foreach(tasks, i, task) {
        const json_t *flips = json_object_get(task, "flips");
        table_cell(t, json_get_string(task, "task", ""));
        table_cell(t, json_get_string(task, "metric", ""));
        table_cellf(t, "%lld", json_get_int(task, "n", 0));
        number_cell(t, task, "a", false);
        number_cell(t, task, "b", false);
        number_cell(t, task, "difference", true);
        interval_cell(t, task);
        p_cell(t, json_get_number(task, "p", NAN));
        p_cell(t, json_get_number(task, "p_holm", NAN));
        table_cellf(t, "%lld", json_get_int(flips, "only_a", 0));
        table_cellf(t, "%lld", json_get_int(flips, "only_b", 0));
        agreement_cell(t, task);
        number_cell(t, task, "detectable", false);
        verdict_cell(t, task);
    }
    table_print(t, true);
}

static void print_notes(const json_t *tasks, bool named) {
    size_t i, k;
    const json_t *task, *note;
    json_array_foreach(tasks, i, task) {
        json_array_foreach(json_object_get(task, "notes"), k, note) {
            char *text = printable(json_string_value(note), 600);
            printf("%s", json_get_string(task, "task", ""));
            if (named) {
                printf(" (A = %c, B = %c)", first_of(task), second_of(task));
            }
            printf(": %s.\n", text);
            free(text);
        }
    }
}

static void print_refused(const json_t *refused) {
    size_t i, n = json_array_size(refused);
    const json_t *item;
    json_array_foreach(refused, i, item) {
        if (i == REFUSED_SHOWN) {
            printf("... and %zu more (--json has them all).\n", n - i);
            break;
        }
        char *why = printable(json_get_string(item, "why", ""), 300),
             *task = printable(json_get_string(item, "task", ""), 100);
        printf("Not compared: %s", task);
        if (json_object_get(item, "first")) {
            printf(" of %c and %c", first_of(item), second_of(item));
        }
        const char *hint = json_get_string(item, "hint", NULL);
        printf(hint ? ": %s (%s).\n" : ": %s.\n", why, hint);
        free(task);
        free(why);
    }
}

static void print_verdict(const json_t *doc) {
    const json_t *suite = json_object_get(doc, "suite"), *mean = json_object_get(suite, "mean");
    long long better = json_get_int(suite, "better", 0), worse = json_get_int(suite, "worse", 0),
              same = json_get_int(suite, "same", 0), tasks = json_get_int(mean, "tasks", 0);
    printf(
        "\nB is significantly better on %lld, worse on %lld of %lld task%s (5 %%, Holm's rule over "
        "the tasks).\n",
        better, worse, better + worse + same, better + worse + same == 1 ? "" : "s");
    if (tasks > 1) {
        printf("Mean of %lld tasks: %.1f and %.1f, B - A %+.1f (95 %% interval %+.1f to %+.1f, p = "
               "%.2g).\n",
            tasks, 100 * json_get_number(mean, "a", NAN), 100 * json_get_number(mean, "b", NAN),
            100 * json_get_number(mean, "difference", NAN), 100 * json_get_number(mean, "low", NAN),
            100 * json_get_number(mean, "high", NAN), json_get_number(mean, "p", NAN));
    }
}

static void print_text(const char *what, const json_t *flip, const char *key) {
    const char *text = json_get_string(flip, key, NULL);
    if (text) {
        char *line = xstrdup(text);
        for (char *c = line; (c = strpbrk(c, "\n\t")) != NULL;) {
            *c = ' ';
        }
        char *plain = printable(line, 400);
        printf("    %-9s %s\n", what, plain);
        free(plain);
        free(line);
    }
}

/* The letters stand before the answers of both. */
static void print_flip(const json_t *task, const json_t *flip) {
    const char *subset = json_get_string(flip, "subset", NULL);
    char a[2] = { first_of(task), 0 }, b[2] = { second_of(task), 0 };
    printf("\n%s document %lld%s%s: %s %.4g, %s %.4g", json_get_string(task, "task", ""),
        json_get_int(flip, "doc", 0), subset ? " of " : "", subset ? subset : "", a,
        json_get_number(flip, "a", NAN), b, json_get_number(flip, "b", NAN));
    double gold = json_get_number(flip, "gold", NAN);
    printf(isfinite(gold) ? ", gold %.4g\n" : "\n", gold);
    print_text("question", flip, "question");
    print_text("right", flip, "right");
    print_text(a, flip, "answer_a");
    print_text(b, flip, "answer_b");
}

/* Without samples nothing is known of a document but its place and its scores. */
static void print_flips(const json_t *tasks) {
    size_t i, k;
    bool blind = false;
    const json_t *task, *flip;
    json_array_foreach(tasks, i, task) {
        json_array_foreach(json_object_get(task, "flipped"), k, flip) {
            print_flip(task, flip);
            blind = blind || !json_object_get(flip, "question");
        }
    }
    if (blind) {
        puts("\nWhat was asked and answered is not known without samples: 'assay eval --out DIR "
             "--samples' keeps them.");
    }
}

static void print_side(char letter, const json_t *side) {
    char *name = printable(json_get_string(side, "name", ""), 300),
         *model = printable(json_get_string(side, "model", ""), 300);
    const char *revision = json_get_string(side, "revision", "");
    printf("%c  %s", letter, name);
    if (*model && strcmp(model, name)) {
        printf("  (%s)", model);
    }
    printf(*revision ? "  %.12s\n" : "\n", revision);
    free(name);
    free(model);
}

void comparison_print(const json_t *doc) {
    const json_t *tasks = json_object_get(doc, "tasks");
    print_side('A', json_object_get(doc, "a"));
    print_side('B', json_object_get(doc, "b"));
    puts("");
    print_tasks(tasks);
    print_verdict(doc);
    print_notes(tasks, false);
    print_refused(json_object_get(doc, "refused"));
    print_flips(tasks);
}

/* ---- more than two ---- */

static void print_standings(const json_t *tasks, const json_t *sides) {
    struct table *t = table_new("Task", "Metric", ">Rank", ">Tier", ">Score", "", "Model", NULL);
    size_t i, k;
    const json_t *task, *row;
    json_array_foreach(tasks, i, task) {
        json_array_foreach(json_object_get(task, "standings"), k, row) {
            long long side = json_get_int(row, "side", 0), low = json_get_int(row, "rank_low", 0),
                      high = json_get_int(row, "rank_high", 0);
            table_cell(t, json_get_string(task, "task", ""));
            table_cell(t, json_get_string(task, "metric", NULL));
            table_cellf(t, low == high ? "%lld" : "%lld to %lld", low, high);
            table_cellf(t, "%lld", json_get_int(row, "tier", 0));
            table_cellf(t, json_get_bool(task, "percent", true) ? "%.1f" : "%.4f",
                (json_get_bool(task, "percent", true) ? 100 : 1) *
                    json_get_number(row, "value", NAN));
            table_cellf(t, "%c", letter(side));
            table_cell(t, json_get_string(json_array_get(sides, (size_t)side), "name", ""));
        }
    }
    table_print(t, true);
}

static void print_pairs(const json_t *pairs, struct table *t, const char *task) {
    size_t i;
    const json_t *pair;
    json_array_foreach(pairs, i, pair) {
        table_cell(t, task);
        table_cellf(t, "%c, %c", first_of(pair), second_of(pair));
        if (json_object_get(pair, "n")) {
            table_cellf(t, "%lld", json_get_int(pair, "n", 0));
        } else {
            table_cell(t, NULL);
        }
        number_cell(t, pair, "a", false);
        number_cell(t, pair, "b", false);
        number_cell(t, pair, "difference", true);
        interval_cell(t, pair);
        p_cell(t, json_get_number(pair, "p", NAN));
        p_cell(t, json_get_number(pair, "p_holm", NAN));
        number_cell(t, pair, "detectable", false);
        verdict_cell(t, pair);
    }
}

/* Tasks, and the mean over them as one more. */
static json_t *with_mean(const json_t *doc) {
    json_t *list = json_copy(json_object_get(doc, "tasks")), *mean = json_object_get(doc, "mean");
    if (mean) {
        json_array_append_new(
            list, json_pack("{s:o, s:O, s:O}", "task",
                      json_sprintf("mean of %lld", json_get_int(mean, "tasks", 0)), "standings",
                      json_object_get(mean, "standings"), "pairs", json_object_get(mean, "pairs")));
    }
    return list;
}

void comparison_print_many(const json_t *doc) {
    const json_t *sides = json_object_get(doc, "sides"), *task;
    json_t *all = with_mean(doc);
    struct table *t = table_new("Task", "Pair", ">n", ">First", ">Second", ">Second - first",
        ">95 % interval", ">p", ">p (Holm)", ">Could show", "Verdict", NULL);
    size_t i;
    json_array_foreach(sides, i, task) print_side(letter((long long)i), task);
    puts("");
    print_standings(all, sides);
    puts("");
    json_array_foreach(all, i, task) {
        print_pairs(json_object_get(task, "pairs"), t, json_get_string(task, "task", ""));
    }
    table_print(t, true);
    puts(
        "\nInside a tier no two differ significantly (5 %, Holm's rule over the pairs of a task).");
    json_array_foreach(all, i, task) print_notes(json_object_get(task, "pairs"), true);
    print_refused(json_object_get(doc, "refused"));
    json_array_foreach(all, i, task) print_flips(json_object_get(task, "pairs"));
    json_decref(all);
}

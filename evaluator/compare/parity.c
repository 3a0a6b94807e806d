/* See parity.h. A rule is a change of our samples, which are then scored again by our own metrics:
 * what comes out is what we would have said under that rule. */
#include "evaluator/compare/parity.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"

static const double EQUAL = 1e-9;

/* ---- samples by document ---- */

/* {doc_id: sample}; of theirs the lines of one filter alone, NULL: all. */
static json_t *by_document(
    const char *text, size_t n, const char *what, const char *filter, struct err *err) {
    struct json_lines lines = { text, n, 0 };
    json_t *all = json_object();
    const char *line;
    for (size_t len; json_lines_next(&lines, &line, &len);) {
        char id[32];
        if (len == 0) {
            continue;
        }
        char *copy = xstrndup(line, len);
        json_forget_infinity(copy, len); /* as Python writes it */
        json_t *sample = json_parse(copy, len, what, err);
        free(copy);
        if (!sample) {
            json_decref(all);
            err_wrap(err, "line %zu", lines.number);
            return NULL;
        }
        snprintf(id, sizeof id, "%lld", json_get_int(sample, "doc_id", -1));
        if (!filter || !strcmp(json_get_string(sample, "filter", "none"), filter)) {
            json_object_set(all, id, sample);
        }
        json_decref(sample);
    }
    return all;
}

/* What their sample says under the name that our metric has there. */
static const json_t *their_value(const json_t *theirs, const char *metric) {
    static const char *const NAMES[][2] = { { "mc2", "acc" }, { "brier", "brier_score" } };
    char *plain = xstrndup(metric, strcspn(metric, ","));
    const json_t *value = json_object_get(theirs, plain);
    for (size_t i = 0; !value && i < sizeof NAMES / sizeof *NAMES; i++) {
        value = strcmp(NAMES[i][0], plain) ? NULL : json_object_get(theirs, NAMES[i][1]);
    }
    free(plain);
    return value;
}

static double our_value(const json_t *ours, const char *metric) {
    return json_get_number(json_object_get(ours, "metrics"), metric, NAN);
}

static bool same_number(double a, double b) {
    return fabs(a - b) <= EQUAL || (isnan(a) && isnan(b));
}

/* ---- what differs in what was asked ---- */

static const char *their_argument(const json_t *theirs, size_t i, const char *which) {
    char key[32];
    snprintf(key, sizeof key, "gen_args_%zu", i);
    return json_get_string(json_object_get(json_object_get(theirs, "arguments"), key), which, NULL);
}

static const char *our_context(const json_t *ours, size_t i) {
    const json_t *choice = json_array_get(json_object_get(ours, "choices"), i);
    return json_string_value(json_array_get(
        json_object_get(ours, "contexts"), (size_t)json_get_int(choice, "context", 0)));
}

static const char *our_continuation(const json_t *ours, size_t i) {
    return json_get_string(json_array_get(json_object_get(ours, "choices"), i), "continuation",
        json_get_string(ours, "target", NULL));
}

static bool differs(json_t *row, const char *what, const char *a, const char *b) {
    size_t at = 0;
    if (!a || !b || !strcmp(a, b)) {
        return false;
    }
    while (a[at] && a[at] == b[at]) {
        at++;
    }
    json_object_set_new(row, "asked", json_string(what));
    json_object_set_new(row, "at", json_integer((json_int_t)at));
    return true;
}

/* Their targets are text: "2" of a choice. */
static bool target_differs(json_t *row, const json_t *ours, const json_t *theirs) {
    const json_t *gold = json_object_get(ours, "gold");
    char number[32];
    if (!json_is_integer(gold)) {
        return false;
    }
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(gold));
    const char *target = json_get_string(theirs, "target", NULL);
    return target && target[strspn(target, "0123456789")] == '\0' &&
           differs(row, "target", number, target);
}

static void compare_asked(json_t *row, const json_t *ours, const json_t *theirs) {
    size_t n = json_array_size(json_object_get(ours, "loglikelihoods"));
    json_object_set_new(row, "asked", json_string("alike"));
    for (size_t i = 0; i < (n ? n : 1); i++) {
        if (differs(row, "prompt", our_context(ours, i), their_argument(theirs, i, "arg_0")) ||
            (n && differs(row, "continuation", our_continuation(ours, i),
                      their_argument(theirs, i, "arg_1")))) {
            return;
        }
    }
    (void)(target_differs(row, ours, theirs));
}

/* ---- what was answered ---- */

/* The log-likelihood of their i-th answer: ["-1.5", "False"], as text or as numbers. */
static double their_number(const json_t *theirs, size_t i) {
    const json_t *answer = json_array_get(json_array_get(json_object_get(theirs, "resps"), i), 0);
    const json_t *v = json_is_array(answer) ? json_array_get(answer, 0) : answer;
    return json_is_number(v)   ? json_number_value(v)
           : json_is_string(v) ? strtod(json_string_value(v), NULL)
                               : NAN;
}

static bool their_greedy(const json_t *theirs, size_t i) {
    const json_t *answer = json_array_get(json_array_get(json_object_get(theirs, "resps"), i), 0),
                 *v = json_array_get(answer, 1);
    return json_is_true(v) || (json_is_string(v) && !strcmp(json_string_value(v), "True"));
}

/* The largest difference of log-likelihoods; 0 where there are none, or theirs are no numbers. */
static double numbers_apart(const json_t *ours, const json_t *theirs) {
    const json_t *list = json_object_get(ours, "loglikelihoods");
    double largest = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        double d = fabs(json_number_value(json_array_get(list, i)) - their_number(theirs, i));
        largest = d > largest ? d : largest;
    }
    return isfinite(largest) ? largest : 0;
}

/* ---- rules ---- */

/* Changes our sample into what it would be; false: the rule has nothing to say of it. */
typedef bool rule_fn(json_t *ours, const json_t *theirs);

static bool with_their_numbers(json_t *ours, const json_t *theirs) {
    size_t n = json_array_size(json_object_get(ours, "loglikelihoods"));
    json_t *numbers = json_array(), *greedy = json_array();
    bool ok = n > 0 && json_array_size(json_object_get(theirs, "resps")) >= n;
    for (size_t i = 0; i < n; i++) {
        double v = their_number(theirs, i);
        ok = ok && isfinite(v);
        json_array_append_new(numbers, json_real(ok ? v : 0));
        json_array_append_new(greedy, json_boolean(their_greedy(theirs, i)));
    }
    if (ok) {
        json_object_set(ours, "loglikelihoods", numbers);
        json_object_set(ours, "greedy", greedy);
    }
    json_decref(numbers);
    json_decref(greedy);
    return ok;
}

static bool with_their_texts(json_t *ours, const json_t *theirs) {
    const json_t *texts = json_array_get(json_object_get(theirs, "resps"), 0);
    json_t *one;
    size_t i;
    bool ok = json_array_size(json_object_get(ours, "generations")) > 0 &&
              json_array_size(json_object_get(ours, "generations")) == json_array_size(texts);
    json_array_foreach(json_object_get(ours, "generations"), i, one) {
        ok = ok && json_is_string(json_array_get(texts, i));
        if (ok) {
            json_object_set(one, "text", json_array_get(texts, i));
        }
    }
    return ok;
}

static bool with_their_target(json_t *ours, const json_t *theirs) {
    const char *target = json_get_string(theirs, "target", "");
    size_t n = strspn(target, "0123456789");
    return n && !target[n] && json_is_integer(json_object_get(ours, "gold")) &&
           json_object_set_new(ours, "gold", json_integer(strtoll(target, NULL, 10))) == 0;
}

/* The length that a log-likelihood is divided by is that of the choice's text. */
static bool with_length(json_t *ours, size_t (*length)(const json_t *choice)) {
    json_t *choice;
    size_t i;
    json_array_foreach(json_object_get(ours, "choices"), i, choice) {
        size_t n = length(choice);
        char *text = xmalloc(n + 1);
        memset(text, 'x', n);
        json_object_set_new(choice, "text", json_stringn(text, n));
        free(text);
    }
    return json_array_size(json_object_get(ours, "choices")) > 0;
}

static size_t in_bytes(const json_t *choice) {
    return strlen(json_get_string(choice, "text", ""));
}

static size_t with_space(const json_t *choice) { /* characters */
    const char *text = json_get_string(choice, "continuation", "");
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

static size_t all_alike(const json_t *choice) {
    (void)choice;
    return 1;
}

static bool by_bytes(json_t *ours, const json_t *theirs) {
    (void)theirs;
    return with_length(ours, in_bytes);
}

static bool by_continuation(json_t *ours, const json_t *theirs) {
    (void)theirs;
    return with_length(ours, with_space);
}

static bool by_nothing(json_t *ours, const json_t *theirs) {
    (void)theirs;
    return with_length(ours, all_alike);
}

/* Of equals the last: each is a little more than those before it. */
static bool last_of_ties(json_t *ours, const json_t *theirs) {
    (void)theirs;
    json_t *list = json_object_get(ours, "loglikelihoods"), *v;
    size_t n = json_array_size(list), i;
    json_array_foreach(list, i, v) {
        double x = json_number_value(v);
        json_array_set_new(list, i, json_real(x + fabs(x) * 1e-12 * (double)i));
    }
    return n > 1;
}

static const struct {
    const char *name;
    rule_fn *change;
} RULES[] = {
    { "their log-likelihoods", with_their_numbers },
    { "their texts", with_their_texts },
    { "their target", with_their_target },
    { "length in bytes", by_bytes },
    { "length of the continuation", by_continuation },
    { "no division by length", by_nothing },
    { "last of ties", last_of_ties },
};
enum { N_RULES = sizeof RULES / sizeof *RULES };

/* ---- a rule's report ---- */

static json_t *document_of(const json_t *report, const char *id) {
    json_t *list = json_object_get(report, "documents"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        if (json_get_int(row, "doc_id", -1) == strtoll(id, NULL, 10)) {
            return row;
        }
    }
    return NULL;
}

/* Whether what came out under the rule is theirs: the score; of a model that was asked anew its
 * numbers, too. A rule of scoring has nothing to say of a document whose score is theirs anyway. */
static bool is_theirs(const json_t *report, const json_t *row, const json_t *sample,
    const json_t *theirs, bool anew) {
    const char *metric = json_get_string(report, "metric", "");
    bool same =
        same_number(our_value(sample, metric), json_number_value(their_value(theirs, metric)));
    return same && (anew ? numbers_apart(sample, theirs) <= json_get_number(report, "tolerance", 0)
                         : json_get_bool(row, "flipped", false));
}

/* Scored again, as it is under the rule, document by document. A rule that none of them can be
 * scored under says nothing. */
static bool add_rule(json_t *report, const json_t *result, const json_t *theirs, const char *rule,
    const struct strbuf *lines, bool anew, struct err *err) {
    const char *metric = json_get_string(report, "metric", ""), *id;
    struct strbuf again = { 0 };
    struct err why = ERR_INIT;
    json_t *now = NULL, *scored = NULL, *sample;
    if (!lines->len || !eval_rescore(result, lines->text, lines->len, &now, &again, &why) ||
        !(scored = by_document(strbuf_str(&again), again.len, "samples", NULL, err))) {
        strbuf_release(&again);
        json_decref(now);
        return err->class == ERR_NONE; /* some kinds are not scored again, and some samples not */
    }
    long long explains = 0, breaks = 0;
    double sum = 0;
    json_object_foreach(scored, id, sample) {
        double v = our_value(sample, metric),
               t = json_number_value(their_value(json_object_get(theirs, id), metric));
        json_t *row = document_of(report, id);
        sum += v;
        if (row && is_theirs(report, row, sample, json_object_get(theirs, id), anew)) {
            json_array_append_new(json_object_get(row, "explained"), json_string(rule));
            explains++;
        }
        breaks += !json_get_bool(row, "flipped", false) && !same_number(v, t);
    }
    json_array_append_new(json_object_get(report, "rules"),
        json_pack("{s:s, s:I, s:I, s:I, s:f}", "rule", rule, "explains", (json_int_t)explains,
            "breaks", (json_int_t)breaks, "n", (json_int_t)json_object_size(scored), "value",
            json_object_size(scored) ? sum / (double)json_object_size(scored) : 0));
    json_decref(scored);
    json_decref(now);
    strbuf_release(&again);
    return true;
}

static void add_line(struct strbuf *lines, const json_t *sample) {
    struct json_writer j;
    json_writer_init(&j, lines, false);
    jw_json(&j, sample);
    strbuf_addc(lines, '\n');
}

/* As many documents as there are lines: what is scored again is held to that. */
static json_t *result_of(const json_t *result, size_t n) {
    json_t *copy = json_copy((json_t *)(uintptr_t)result);
    json_object_set_new(copy, "n", json_integer((json_int_t)n));
    json_object_del(copy, "scores");
    json_object_set_new(copy, "bootstrap", json_integer(0));
    return copy;
}

static bool try_rule(json_t *report, const json_t *result, const json_t *ours, const json_t *theirs,
    size_t rule, struct err *err) {
    struct strbuf lines = { 0 };
    json_t *sample;
    const char *id;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)ours, id, sample) {
        const json_t *other = json_object_get(theirs, id);
        json_t *changed = other ? json_deep_copy(sample) : NULL;
        if (changed && RULES[rule].change(changed, other)) {
            add_line(&lines, changed);
            n++;
        }
        json_decref(changed);
    }
    json_t *as = result_of(result, n);
    bool ok = n == 0 || add_rule(report, as, theirs, RULES[rule].name, &lines, false, err);
    json_decref(as);
    strbuf_release(&lines);
    return ok;
}

/* ---- the report ---- */

static void add_document(json_t *report, const char *id, const json_t *ours, const json_t *theirs) {
    const char *metric = json_get_string(report, "metric", "");
    double v = our_value(ours, metric), t = json_number_value(their_value(theirs, metric));
    json_t *row =
        json_pack("{s:I, s:b, s:f, s:f, s:[]}", "doc_id", (json_int_t)strtoll(id, NULL, 10),
            "flipped", !same_number(v, t), "ours", v, "theirs", t, "explained");
    compare_asked(row, ours, theirs);
    if (json_object_get(ours, "loglikelihoods")) {
        json_object_set_new(row, "ll_difference", json_real(numbers_apart(ours, theirs)));
    }
    json_array_append_new(json_object_get(report, "documents"), row);
}

static void count_unexplained(json_t *report) {
    long long flips = 0, numbers = 0;
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(report, "documents"), i, row) {
        bool none = json_array_size(json_object_get(row, "explained")) == 0,
             flipped = json_get_bool(row, "flipped", false);
        flips += none && flipped;
        numbers += none && !flipped;
    }
    json_object_set_new(report, "unexplained", json_integer(flips));
    json_object_set_new(report, "numbers_unexplained", json_integer(numbers));
}

/* Documents that came out otherwise, then those of which only the numbers are others. */
static void list_documents(
    json_t *report, const json_t *ours, const json_t *theirs, const json_t *both) {
    const char *metric = json_get_string(report, "metric", ""), *id;
    double tolerance = json_get_number(report, "tolerance", 0);
    json_t *ignored;
    for (int flips = 1; flips >= 0; flips--) {
        json_object_foreach((json_t *)(uintptr_t)both, id, ignored) {
            const json_t *a = json_object_get(ours, id), *b = json_object_get(theirs, id);
            bool flipped =
                !same_number(our_value(a, metric), json_number_value(their_value(b, metric)));
            if (flips ? flipped : !flipped && numbers_apart(a, b) > tolerance) {
                add_document(report, id, a, b);
            }
        }
    }
}

/* Which documents both have, and what they come to. */
static bool pair(json_t *report, const json_t *ours, const json_t *theirs, struct err *err) {
    const char *metric = json_get_string(report, "metric", ""), *id;
    double sum = 0, their_sum = 0, tolerance = json_get_number(report, "tolerance", 0);
    long long otherwise = 0, numbers = 0, flips = 0;
    json_t *sample, *both = json_object();
    json_object_foreach((json_t *)(uintptr_t)ours, id, sample) {
        const json_t *other = json_object_get(theirs, id), *value = their_value(other, metric);
        double v = our_value(sample, metric), t = json_number_value(value);
        if (!json_is_number(value) || isnan(v)) {
            continue;
        }
        json_t *row = json_object();
        compare_asked(row, sample, other);
        otherwise += strcmp(json_get_string(row, "asked", ""), "alike") != 0;
        json_decref(row);
        numbers += numbers_apart(sample, other) > tolerance;
        flips += !same_number(v, t);
        sum += v;
        their_sum += t;
        json_object_set_new(both, id, json_true());
    }
    long long n = (long long)json_object_size(both);
    list_documents(report, ours, theirs, both);
    json_decref(both);
    if (n == 0) {
        err_set(err, ERR_INPUT, "no document has '%s' on both sides", metric);
        return err_hint(err, "is it the same task? --metric says what is compared, and its filter");
    }
    const struct {
        const char *key;
        long long value;
    } COUNTS[] = { { "n", n }, { "only_ours", (long long)json_object_size(ours) - n },
        { "only_theirs", (long long)json_object_size(theirs) - n }, { "n_differ", flips },
        { "asked_otherwise", otherwise }, { "other_numbers", numbers } };
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        json_object_set_new(report, COUNTS[i].key, json_integer(COUNTS[i].value));
    }
    json_object_set_new(report, "ours", json_real(sum / (double)n));
    json_object_set_new(report, "theirs", json_real(their_sum / (double)n));
    return true;
}

static const char *filter_of(const char *metric) {
    size_t n = strcspn(metric, ",");
    return metric[n] ? metric + n + 1 : "none";
}

json_t *parity(
    const struct parity_sides *sides, const struct parity_options *options, struct err *err) {
    const char *metric =
        options->metric ? options->metric : json_get_string(sides->result, "main", "");
    json_t *report = json_pack("{s:s, s:s, s:s, s:s, s:f, s:[], s:[]}", "schema", "assay.parity/1",
        "task", json_get_string(sides->result, "task", ""), "metric", metric, "filter",
        filter_of(metric), "tolerance", options->tolerance, "documents", "rules");
    json_t *ours = by_document(sides->ours, sides->ours_n, "our samples", NULL, err),
           *theirs = ours ? by_document(sides->theirs, sides->theirs_n, "their samples",
                                filter_of(metric), err)
                          : NULL;
    bool ok = theirs && pair(report, ours, theirs, err);
    for (size_t i = 0; ok && i < N_RULES && json_get_int(report, "n_differ", 0) > 0; i++) {
        ok = try_rule(report, sides->result, ours, theirs, i, err);
    }
    json_decref(ours);
    json_decref(theirs);
    count_unexplained(report);
    if (!ok) {
        json_decref(report);
        return NULL;
    }
    return report;
}

bool parity_add_rule(json_t *report, const struct parity_sides *sides, const char *rule,
    const char *samples, size_t n, struct err *err) {
    json_t *theirs = by_document(sides->theirs, sides->theirs_n, "their samples",
        filter_of(json_get_string(report, "metric", "")), err);
    json_t *ours = theirs ? by_document(samples, n, "samples", NULL, err) : NULL, *as;
    struct strbuf lines = { .text = (char *)(uintptr_t)samples, .len = n };
    bool ok = ours != NULL;
    if (ok) {
        as = result_of(sides->result, json_object_size(ours));
        ok = add_rule(report, as, theirs, rule, &lines, true, err);
        json_decref(as);
        count_unexplained(report);
    }
    json_decref(ours);
    json_decref(theirs);
    return ok;
}

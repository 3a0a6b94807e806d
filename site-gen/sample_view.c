/* What is shown of one sample (samples.h). The fields are those that evaluator/eval writes; what is
 * not known here is shown as a fact by its name, so nothing that was published is lost, and nothing
 * relies on a field being there or of its type. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/utf8.h"
#include "site-gen/escape.h"
#include "site-gen/samples.h"

enum { TEXT_MAX = 20000, OPTION_MAX = 1000, FACT_MAX = 300, OPTIONS_MAX = 40, FACTS_MAX = 24 };

/* ---- verdicts ---- */

static bool is_one_of(const char *word, const char *const *list) {
    for (; *list; list++) {
        if (!strcmp(*list, word))
            return true;
    }
    return false;
}

/* Kinds whose documents are scored each by itself, from 0 to 1. */
static bool is_graded(const char *kind, const char *metric) {
    static const char *const KINDS[] = { "choice", "loglikelihood", "generate", "retrieval",
        "rerank", "instruction_retrieval", "classification", "multilabel", NULL };
    static const char *const WHOLE[] = { "mcc", "f1", "brier", "perplexity", "p_mrr", NULL };
    bool written = !strcmp(kind, "generate"); /* whose f1 is of words, text by text */
    return is_one_of(kind, KINDS) && (written || !is_one_of(metric, WHOLE));
}

struct sample_form sample_form_of(const struct world *w, const json_t *run) {
    const json_t *definition =
        json_object_get(world_task(w, json_get_int(run, "task_id", 0)), "definition");
    struct sample_form f = { .kind = json_get_string(run, "kind", ""),
        .main = json_get_string(run, "main", ""),
        .published = json_get_bool(definition, "publish_samples", true) };
    struct metric_rule rule = metric_rule_of(f.main, f.main, definition);
    f.graded = is_graded(f.kind, f.main) && rule.higher && rule.scale == METRIC_SHARE;
    return f;
}

static enum verdict grade(double v) {
    return v >= 1 - 1e-6 ? VERDICT_RIGHT : v <= 1e-6 ? VERDICT_WRONG : VERDICT_PART;
}

/* Of a text whose perplexity is taken, that the model would not have written it is no mistake. */
static bool has_own_word(const struct sample_form *form) {
    bool text = !strcmp(form->kind, "rolling") || !strcmp(form->kind, "loglikelihood");
    return form->graded || !text;
}

/* By the main metric of the document; else by what the sample says of itself. */
static enum verdict verdict_of(const struct sample_form *form, const json_t *sample) {
    const json_t *metrics = json_object_get(sample, "metrics");
    const json_t *own = json_object_get(metrics, form->main),
                 *said = json_object_get(sample, "correct");
    if (form->graded && json_is_number(own))
        return grade(json_number_value(own));
    if (json_is_boolean(said) && has_own_word(form))
        return json_is_true(said) ? VERDICT_RIGHT : VERDICT_WRONG;
    own = json_object_get(metrics, "accuracy");
    return form->graded && json_is_number(own) ? grade(json_number_value(own)) : VERDICT_NONE;
}

const char *verdict_word(enum verdict v) {
    static const char *const WORDS[] = { NULL, "wrong", "part", "right" };
    return WORDS[v];
}

/* ---- parts of a view ---- */

static json_t *clipped(const char *text, size_t n, size_t max, bool *cut) {
    size_t keep = clip_utf8(text, n, max);
    *cut = keep < n;
    return json_stringn(text, keep);
}

static void add_text(json_t *view, const char *what, const json_t *text) {
    bool cut;
    if (!json_is_string(text))
        return;
    json_t *clip = clipped(json_string_value(text), json_string_length(text), TEXT_MAX, &cut);
    json_t *one = json_pack("{s:s, s:o}", "what", what, "text", clip);
    if (cut)
        json_object_set_new(one, "cut", json_true());
    json_array_append_new(json_object_get(view, "texts"), one);
}

/* A value as one short text. */
static json_t *plain(const json_t *v, size_t max) {
    bool cut;
    char number[32];
    if (json_is_string(v))
        return clipped(json_string_value(v), json_string_length(v), max, &cut);
    if (json_is_real(v)) {
        snprintf(number, sizeof number, "%.6g", json_real_value(v));
        return json_string(number);
    }
    char *text = json_text(v, JSON_ENCODE_ANY | JSON_COMPACT);
    json_t *out = clipped(text ? text : "", text ? strlen(text) : 0, max, &cut);
    free(text);
    return out;
}

static void add_fact(json_t *view, const char *name, const json_t *v) {
    json_t *facts = json_object_get(view, "facts");
    bool cut;
    if (v && !json_is_null(v) && json_array_size(facts) < FACTS_MAX)
        json_array_append_new(
            facts, json_pack("{s:o, s:o}", "name", clipped(name, strlen(name), 60, &cut), "value",
                       plain(v, FACT_MAX)));
}

static void add_flag(json_t *view, const char *flag) {
    json_array_append_new(json_object_get(view, "flags"), json_string(flag));
}

static json_t *add_option(json_t *view, const json_t *text) {
    json_t *options = json_object_get(view, "options");
    if (json_array_size(options) >= OPTIONS_MAX)
        return NULL;
    json_t *option = json_pack("{s:o}", "text", plain(text, OPTION_MAX));
    json_array_append_new(options, option);
    return option;
}

static void set_real(json_t *to, const char *key, double v) {
    if (to && isfinite(v))
        json_object_set_new(to, key, json_real(v));
}

/* A bar for a value between two others. */
static void set_bar(json_t *option, double v, double low, double high) {
    set_real(option, "bar", high > low ? fmax(0, fmin(1, (v - low) / (high - low))) : 1);
}

static double number_in(const json_t *list, size_t i) {
    const json_t *v = json_array_get(list, i);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool holds(const json_t *list_or_one, const json_t *v) {
    size_t i;
    json_t *one;
    if (json_equal(list_or_one, v))
        return true;
    json_array_foreach(list_or_one, i, one) {
        if (json_equal(one, v))
            return true;
    }
    return false;
}

/* ---- choices ---- */

/* What choices are compared by under the main metric (evaluator/eval/choice.c). */
static double compared(const char *main, const json_t *sample, const json_t *text, size_t i) {
    double v = number_in(json_object_get(sample, "loglikelihoods"), i);
    const char *s = json_string_value(text);
    size_t bytes = json_string_length(text);
    if (!strcmp(main, "acc_norm") && s)
        return v / (double)utf8_length(s, bytes);
    if (!strcmp(main, "acc_bytes"))
        return v / (double)bytes;
    if (!strcmp(main, "acc_mutual_info"))
        return v - number_in(json_object_get(sample, "alone"), i);
    return v;
}

static const char *measure_of(const char *main) {
    return !strcmp(main, "acc_norm")          ? "log-likelihood per character"
           : !strcmp(main, "acc_bytes")       ? "log-likelihood per byte"
           : !strcmp(main, "acc_mutual_info") ? "log-likelihood above that without the question"
                                              : "log-likelihood";
}

static const json_t *text_of_choice(const json_t *choice) {
    return json_is_object(choice) ? json_object_get(choice, "text") : choice;
}

/* From the least to the greatest; `shares`: values are logarithms of probabilities, and what each
 * has of their sum is shown too. */
static void fill_bars(json_t *options, bool shares) {
    double low = INFINITY, high = -INFINITY;
    size_t i;
    json_t *o;
    json_array_foreach(options, i, o) {
        double v = json_get_number(o, "value", NAN);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    double sum = 0;
    json_array_foreach(options, i, o) sum += exp(json_get_number(o, "value", -INFINITY) - high);
    json_array_foreach(options, i, o) {
        double v = json_get_number(o, "value", NAN);
        if (isfinite(v))
            set_bar(o, v, low, high);
        if (isfinite(v) && shares)
            set_real(o, "share", exp(v - high) / sum);
    }
}

static bool is_tied(const json_t *options) {
    size_t i, n = 0;
    json_t *o;
    json_array_foreach(options, i, o) n += json_get_number(o, "bar", 0) == 1;
    return n > 1;
}

static void show_contexts(json_t *view, const json_t *sample) {
    const json_t *contexts = json_object_get(sample, "contexts");
    size_t n = json_array_size(contexts);
    for (size_t i = 0; i < n && i < 8; i++) {
        char what[32];
        snprintf(what, sizeof what, n > 1 ? "Prompt of choice %zu" : "Prompt", i + 1);
        add_text(view, what, json_array_get(contexts, i));
    }
    if (n == 0)
        add_text(view, "Question", json_object_get(sample, "query"));
}

static void show_choices(json_t *view, const struct sample_form *form, const json_t *sample) {
    const json_t *choices = json_object_get(sample, "choices"),
                 *gold = json_object_get(sample, "gold"),
                 *picked = json_object_get(sample, "prediction"),
                 *greedy = json_object_get(sample, "greedy");
    bool plain_rule = !strcmp(measure_of(form->main), measure_of(""));
    size_t i;
    json_t *choice;
    show_contexts(view, sample);
    json_array_foreach(choices, i, choice) {
        json_t *place = json_integer((json_int_t)i);
        json_t *o = add_option(view, text_of_choice(choice));
        set_real(o, "value", compared(form->main, sample, text_of_choice(choice), i));
        if (o && gold && holds(gold, place))
            json_object_set_new(o, "gold", json_true());
        if (o && json_equal(picked, place))
            json_object_set_new(o, "picked", json_true());
        if (o && json_is_true(json_array_get(greedy, i)))
            json_object_set_new(o, "note", json_string("what the model would have written"));
        json_decref(place);
    }
    fill_bars(json_object_get(view, "options"), plain_rule);
    if (is_tied(json_object_get(view, "options")))
        add_flag(view, "tie");
    json_object_set_new(view, "measure", json_string(measure_of(form->main)));
}

/* ---- texts and their likelihood ---- */

static void show_target(json_t *view, const json_t *sample) {
    show_contexts(view, sample);
    add_text(view, "Expected", json_object_get(sample, "target"));
    add_fact(view, "log-likelihood", json_array_get(json_object_get(sample, "loglikelihoods"), 0));
    if (json_is_true(json_array_get(json_object_get(sample, "greedy"), 0)))
        add_fact(view, "the model would have written it", json_object_get(sample, "correct"));
}

/* ---- texts that the model wrote ---- */

/* An answer may be of several parts: ["12", "May"]. */
static void show_right_answers(json_t *view, const json_t *gold) {
    size_t i;
    json_t *answer;
    json_array_foreach(gold, i, answer) {
        json_t *text = plain(answer, OPTION_MAX);
        if (i < 8)
            add_text(view, i ? "Or" : "Right", text);
        json_decref(text);
    }
}

static void show_written(json_t *view, const json_t *sample) {
    const json_t *generations = json_object_get(sample, "generations");
    const char *filter;
    size_t i;
    json_t *one;
    bool cut = json_get_bool(sample, "truncated", false);
    show_contexts(view, sample);
    json_array_foreach(generations, i, one) {
        if (i < 8)
            add_text(view, "Written", json_object_get(one, "text"));
        cut = cut || !strcmp(json_get_string(one, "finish", ""), "length");
    }
    show_right_answers(view, json_object_get(sample, "gold"));
    json_object_foreach(json_object_get(sample, "filtered"), filter, one) {
        char name[80];
        snprintf(name, sizeof name, "taken by %.60s", filter);
        add_fact(view, name, one);
    }
    if (json_get_bool(sample, "unparsed", false))
        add_flag(view, "no answer found in it");
    if (cut)
        add_flag(view, "cut off at the limit");
}

/* ---- rankings ---- */

/* Right results that the sample doesn't show, by their ranks. */
static void tell_missed(json_t *view, const json_t *sample, size_t shown) {
    struct strbuf ranks = { 0 };
    size_t i, n = 0;
    json_t *hit;
    json_array_foreach(json_object_get(sample, "hits"), i, hit) {
        double place = number_in(hit, 0);
        if (place >= (double)shown && n++ < 8)
            strbuf_addf(&ranks, "%s%.0f", n > 1 ? ", " : "", place + 1);
    }
    if (ranks.len) {
        json_t *text = json_string(ranks.text);
        add_fact(view, "further right results at ranks", text);
        json_decref(text);
    }
    strbuf_release(&ranks);
}

static void show_ranking(json_t *view, const json_t *sample) {
    const json_t *ranking = json_object_get(sample, "ranking"),
                 *ideal = json_object_get(sample, "ideal");
    const json_t *turns = json_object_get(sample, "queries");
    size_t i;
    json_t *p;
    json_array_foreach(turns, i, p) add_text(view, "Query", p);
    if (json_array_size(turns) == 0)
        add_text(view, "Query", json_object_get(sample, "query"));
    json_array_foreach(ranking, i, p) {
        json_t *o = add_option(view, json_object_get(p, "text"));
        set_real(o, "value", json_get_number(p, "score", NAN));
        if (o && json_get_number(p, "gain", 0) > 0)
            json_object_set_new(o, "gold", json_true());
        if (o && json_get_number(p, "gain", 0) > 1)
            json_object_set_new(o, "note", json_sprintf("gain %g", json_get_number(p, "gain", 0)));
    }
    fill_bars(json_object_get(view, "options"), false);
    if (is_tied(json_object_get(view, "options")))
        add_flag(view, "tie");
    json_object_set_new(view, "measure", json_string("similarity to the query"));
    json_object_set_new(view, "ranked", json_true());
    tell_missed(view, sample, json_array_size(ranking));
    if (json_is_array(ideal)) {
        json_t *n = json_integer((json_int_t)json_array_size(ideal));
        add_fact(view, "right results there are", n);
        json_decref(n);
    }
    add_fact(view, "ranked", json_object_get(sample, "ranked"));
}

/* ---- pairs ---- */

static void add_similarity(json_t *view, const char *what, const json_t *v) {
    json_t *text = json_string(what), *o = json_is_number(v) ? add_option(view, text) : NULL;
    json_decref(text);
    if (o) {
        set_real(o, "value", json_number_value(v));
        set_bar(o, json_number_value(v), 0, 1);
    }
}

static void show_pair(json_t *view, const struct sample_form *form, const json_t *sample) {
    const json_t *texts = json_object_get(sample, "texts"), *gold = json_object_get(sample, "gold");
    add_text(view, "First text", json_array_get(texts, 0));
    add_text(view, "Second text", json_array_get(texts, 1));
    add_text(view, "Found", json_object_get(sample, "found"));
    if (!strcmp(form->kind, "pair"))
        add_similarity(view, "Belong together (1: they do)", gold);
    else
        add_similarity(view, "Similarity as given, from 0 to 1", gold);
    if (json_is_real(json_object_get(sample, "prediction")))
        add_similarity(view, "Similarity by the model", json_object_get(sample, "prediction"));
    json_object_set_new(view, "measure", json_string("similarity"));
    json_object_set_new(view, "bare", json_true());
    add_fact(view, "score", json_object_get(sample, "score"));
}

/* ---- labels ---- */

static size_t place_of(const json_t *list, const json_t *v) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        if (json_equal(one, v))
            return i;
    }
    return i;
}

/* Each label that was predicted, with the number of experiments that did; the right one too. */
static void show_labels(json_t *view, const json_t *sample) {
    const json_t *predictions = json_object_get(sample, "predictions"),
                 *gold = json_object_get(sample, "gold");
    size_t i, n = json_array_size(predictions), counts[OPTIONS_MAX] = { 0 };
    json_t *labels = json_array(), *one;
    add_text(view, "Text", json_object_get(sample, "text"));
    json_array_foreach(predictions, i, one) {
        size_t at = place_of(labels, one);
        if (at == json_array_size(labels) && at < OPTIONS_MAX)
            json_array_append(labels, one);
        if (at < OPTIONS_MAX)
            counts[at]++;
    }
    if (gold && place_of(labels, gold) == json_array_size(labels))
        json_array_append(labels, (json_t *)(uintptr_t)gold);
    json_array_foreach(labels, i, one) {
        json_t *o = add_option(view, one);
        if (o && i < OPTIONS_MAX) {
            json_object_set_new(o, "value", json_integer((json_int_t)counts[i]));
            set_bar(o, (double)counts[i], 0, n ? (double)n : 1);
            if (json_equal(gold, one))
                json_object_set_new(o, "gold", json_true());
        }
    }
    json_object_set_new(
        view, "measure", json_sprintf("experiments, of %zu, that gave the label", n));
    json_object_set_new(view, "bare", json_true());
    json_decref(labels);
}

static void show_clusters(json_t *view, const json_t *sample) {
    add_text(view, "Text", json_object_get(sample, "text"));
    add_fact(view, "labels", json_object_get(sample, "labels"));
    add_fact(view, "set", json_object_get(sample, "set"));
    add_fact(view, "cluster it was put into", json_object_get(sample, "assigned"));
}

static void show_summaries(json_t *view, const json_t *sample) {
    const json_t *marks = json_object_get(sample, "gold"),
                 *cosine = json_object_get(sample, "cosine");
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(sample, "human"), i, text) {
        if (i < 4)
            add_text(view, "Summary by a person", text);
    }
    json_array_foreach(json_object_get(sample, "machine"), i, text) {
        json_t *o = add_option(view, text);
        set_real(o, "value", number_in(cosine, i));
        if (o && isfinite(number_in(marks, i)))
            json_object_set_new(o, "note", json_sprintf("mark %g", number_in(marks, i)));
    }
    fill_bars(json_object_get(view, "options"), false);
    json_object_set_new(view, "measure", json_string("cosine to the summaries by people"));
}

/* ---- the whole ---- */

static void show_kind(json_t *view, const struct sample_form *form, const json_t *sample) {
    if (json_is_array(json_object_get(sample, "choices")))
        show_choices(view, form, sample);
    else if (json_is_array(json_object_get(sample, "generations")))
        show_written(view, sample);
    else if (json_is_array(json_object_get(sample, "ranking")))
        show_ranking(view, sample);
    else if (json_is_array(json_object_get(sample, "texts")))
        show_pair(view, form, sample);
    else if (json_is_array(json_object_get(sample, "predictions")))
        show_labels(view, sample);
    else if (json_is_array(json_object_get(sample, "machine")))
        show_summaries(view, sample);
    else if (json_object_get(sample, "assigned"))
        show_clusters(view, sample);
    else
        show_target(view, sample);
}

/* What no form above has shown. "doc" is the row of the data set, which the texts were made of. */
static void show_rest(json_t *view, const json_t *sample) {
    static const char *const SHOWN[] = { "doc_id", "subset", "cluster", "prompt_hash", "doc_hash",
        "doc", "metrics", "contexts", "choices", "gold", "prediction", "correct", "loglikelihoods",
        "greedy", "alone", "texts", "text", "predictions", "query", "query_id", "queries",
        "ranking", "ranked", "hits", "ideal", "spread", "place", "found", "score", "human",
        "machine", "cosine", "dot", "labels", "set", "assigned", "times", "target", "merged",
        "changed_ranks", "generations", "filtered", "truncated", "unparsed", NULL };
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)sample, key, v) {
        if (!is_one_of(key, SHOWN))
            add_fact(view, key, v);
    }
}

static void show_metrics(json_t *view, const json_t *sample) {
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(sample, "metrics"), key, v) add_fact(view, key, v);
}

static json_t *head_of(const json_t *sample, long long place) {
    json_t *view = json_pack("{s:I, s:[], s:[], s:[], s:[]}", "d", (json_int_t)place, "texts",
        "options", "facts", "flags");
    long long id = json_get_int(sample, "doc_id", place);
    bool cut;
    if (id != place)
        json_object_set_new(view, "id", json_integer(id));
    const char *subset = json_get_string(sample, "subset", ""),
               *hash = json_get_string(sample, "prompt_hash", "");
    if (*subset)
        json_object_set_new(view, "subset", clipped(subset, strlen(subset), 80, &cut));
    if (*hash)
        json_object_set_new(view, "hash", clipped(hash, strlen(hash), 64, &cut));
    return view;
}

json_t *sample_view(
    const struct sample_form *form, const json_t *sample, long long place, enum verdict *verdict) {
    json_t *view = head_of(sample, place);
    *verdict = verdict_of(form, sample);
    if (verdict_word(*verdict))
        json_object_set_new(view, "verdict", json_string(verdict_word(*verdict)));
    if (form->published)
        show_kind(view, form, sample);
    show_metrics(view, sample);
    if (form->published)
        show_rest(view, sample);
    return view;
}

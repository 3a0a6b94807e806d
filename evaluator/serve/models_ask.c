/* Strangers' bytes -> what is asked of a model (see models.h). What would change an answer and
 * isn't done here is refused by its name; what would not is passed over. */
#include <math.h>
#include <string.h>

#include "evaluator/serve/models.h"

enum { ANSWERS_MAX = 128, MAX_TOKENS_DEFAULT = 16, TOP_LOGPROBS_MAX = 20 };

static bool refuse(struct model_ask *a, const char *param, struct err *err, const char *must) {
    a->param = param;
    return err_set(err, ERR_INPUT, "'%s' must be %s", param, must);
}

/* ---- fields ---- */

static const json_t *field(const struct model_ask *a, const char *name) {
    const json_t *v = json_object_get(a->body, name);
    return json_is_null(v) ? NULL : v;
}

static bool take_bool(struct model_ask *a, const char *name, bool *to, struct err *err) {
    const json_t *v = field(a, name);
    if (v && !json_is_boolean(v)) {
        return refuse(a, name, err, "true or false");
    }
    *to = v ? json_is_true(v) : *to;
    return true;
}

static bool take_uint(struct model_ask *a, const char *name, long long max, bool *given,
    long long *to, struct err *err) {
    const json_t *v = field(a, name);
    char must[64];
    *given = v != NULL;
    if (v && (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)) {
        snprintf(must, sizeof must, "a whole number from 0 to %lld", max);
        return refuse(a, name, err, must);
    }
    *to = v ? json_integer_value(v) : *to;
    return true;
}

static bool take_number(
    struct model_ask *a, const char *name, double max, double *to, struct err *err) {
    const json_t *v = field(a, name);
    char must[64];
    double x = v ? json_number_value(v) : *to;
    if (v && (!json_is_number(v) || !(x >= 0 && x <= max))) {
        snprintf(must, sizeof must, "a number from 0 to %g", max);
        return refuse(a, name, err, must);
    }
    *to = x;
    return true;
}

/* ---- prompts ---- */

static bool take_ids(struct model_ask *a, const char *name, const json_t *list,
    struct ask_prompt *p, struct err *err) {
    size_t n = json_array_size(list);
    int32_t *ids = arena_alloc(&a->arena, (n + 1) * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX) {
            return refuse(
                a, name, err, "a text, a list of texts, token ids, or a list of lists of them");
        }
        ids[i] = (int32_t)json_integer_value(v);
    }
    *p = (struct ask_prompt) { .ids = ids, .n_ids = n };
    return true;
}

static bool take_prompt(
    struct model_ask *a, const char *name, const json_t *v, struct ask_prompt *p, struct err *err) {
    if (json_is_array(v)) {
        return take_ids(a, name, v, p, err);
    }
    *p = (struct ask_prompt) { .text = json_string_value(v), .n = json_string_length(v) };
    return json_is_string(v) ||
           refuse(a, name, err, "a text, a list of texts, token ids, or a list of lists of them");
}

/* As JSON, ids take eight times the room that they take as such. */
static void forget_ids(struct model_ask *a, const char *name) {
    for (size_t i = 0; i < a->n_prompts; i++) {
        if (a->prompts[i].text) {
            return;
        }
    }
    json_object_del(a->body, name);
}

static bool take_prompts(struct model_ask *a, const char *name, struct err *err) {
    const json_t *v = field(a, name);
    bool one = !json_is_array(v) || json_is_integer(json_array_get(v, 0));
    size_t n = one ? 1 : json_array_size(v);
    if (!v || n == 0) {
        return refuse(
            a, name, err, "a text, a list of texts, token ids, or a list of lists of them");
    }
    if (n * (a->n ? a->n : 1) > MODELS_PROMPTS_MAX) {
        a->param = name;
        err_set(err, ERR_INPUT, "%zu texts are to be answered: at most %d at a time", n * a->n,
            MODELS_PROMPTS_MAX);
        return err_hint(err, "send them in several requests");
    }
    a->prompts = arena_alloc(&a->arena, n * sizeof *a->prompts);
    a->n_prompts = n;
    for (size_t i = 0; i < n; i++) {
        if (!take_prompt(a, name, one ? v : json_array_get(v, i), &a->prompts[i], err)) {
            return false;
        }
    }
    forget_ids(a, name);
    return true;
}

/* ---- stop strings ---- */

static bool take_stop(struct model_ask *a, const json_t *v, struct err *err) {
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    if (!text || n > MODELS_STOP_BYTES || strlen(text) != n || a->n_stop == MODELS_STOPS_MAX) {
        return refuse(
            a, "stop", err, "a text, or a list of at most 32 of them, of 1024 bytes each");
    }
    if (n > 0) { /* that of nothing stops nothing */
        a->stop[a->n_stop++] = text;
    }
    return true;
}

static bool take_stops(struct model_ask *a, struct err *err) {
    const json_t *v = field(a, "stop");
    if (!v || !json_is_array(v)) {
        return !v || take_stop(a, v, err);
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (!json_is_null(one) && !take_stop(a, one, err)) {
            return false;
        }
    }
    return true;
}

/* ---- what isn't done ---- */

/* Would the field have the same answer left out? */
static bool is_neutral(const json_t *v, double neutral) {
    if (json_is_number(v)) {
        return json_number_value(v) == neutral;
    }
    if (json_is_boolean(v)) {
        return json_is_false(v);
    }
    if (json_is_string(v)) {
        return json_string_length(v) == 0;
    }
    return json_is_array(v) ? json_array_size(v) == 0 : json_object_size(v) == 0;
}

static bool check_undone(struct model_ask *a, struct err *err) {
    static const struct {
        const char *name;
        double neutral;
    } UNDONE[] = { { "presence_penalty", 0 }, { "frequency_penalty", 0 },
        { "repetition_penalty", 1 }, { "logit_bias", 0 }, { "suffix", 0 }, { "top_k", -1 },
        { "min_p", 0 }, { "tools", 0 }, { "functions", 0 }, { "use_beam_search", 0 },
        { "ignore_eos", 0 }, { "min_tokens", 0 }, { "guided_json", 0 }, { "guided_regex", 0 } };
    for (size_t i = 0; i < sizeof UNDONE / sizeof *UNDONE; i++) {
        const json_t *v = field(a, UNDONE[i].name);
        if (v && !is_neutral(v, UNDONE[i].neutral)) {
            a->param = UNDONE[i].name;
            err_set(err, ERR_UNSUPPORTED, "'%s' is not done here", UNDONE[i].name);
            return err_hint(err, "leave it out");
        }
    }
    const json_t *format = field(a, "response_format");
    if (format && strcmp(json_get_string(format, "type", ""), "text") != 0) {
        a->param = "response_format";
        return err_set(err, ERR_UNSUPPORTED, "'response_format' other than text is not done here");
    }
    const json_t *best = field(a, "best_of");
    if (best && (!json_is_integer(best) || json_integer_value(best) != a->n)) {
        a->param = "best_of";
        return err_set(err, ERR_UNSUPPORTED, "'best_of' other than 'n' is not done here");
    }
    return true;
}

/* ---- log-probabilities ---- */

/* Of completions a number, of a chat a word and a number. */
static bool take_logprobs(struct model_ask *a, struct err *err) {
    const json_t *v = field(a, "logprobs");
    long long n = 0;
    bool given;
    if (a->kind == ASK_COMPLETION && !json_is_boolean(v)) {
        if (!take_uint(a, "logprobs", TOP_LOGPROBS_MAX, &given, &n, err)) {
            return false;
        }
        a->logprobs = given;
    } else if (!take_bool(a, "logprobs", &a->logprobs, err) ||
               !take_uint(a, "top_logprobs", TOP_LOGPROBS_MAX, &given, &n, err)) {
        return false;
    } else if (given && !a->logprobs && n > 0) {
        return refuse(a, "top_logprobs", err, "left out where 'logprobs' isn't true");
    }
    a->n_top = (unsigned)n;
    if (a->logprobs && a->stream) {
        a->param = "logprobs";
        err_set(err, ERR_UNSUPPORTED, "'logprobs' are told whole, not in a stream");
        return err_hint(err, "leave out 'stream'");
    }
    return true;
}

/* ---- of each kind ---- */

static bool take_limit(struct model_ask *a, struct err *err) {
    const char *name = a->kind == ASK_CHAT && field(a, "max_completion_tokens")
                           ? "max_completion_tokens"
                           : "max_tokens";
    long long limit = MAX_TOKENS_DEFAULT;
    if (!take_uint(a, name, 1 << 24, &a->limited, &limit, err)) {
        return false;
    }
    a->max_tokens = (uint32_t)limit;
    return true;
}

static bool take_sampling(struct model_ask *a, struct err *err) {
    long long n = 1;
    bool given;
    const json_t *seed = field(a, "seed");
    a->temperature = a->top_p = 1;
    if (!take_uint(a, "n", ANSWERS_MAX, &given, &n, err) ||
        !take_number(a, "temperature", 100, &a->temperature, err) ||
        !take_number(a, "top_p", 1, &a->top_p, err)) {
        return false;
    }
    if (n == 0) {
        return refuse(a, "n", err, "at least 1");
    }
    if (seed && !json_is_integer(seed)) {
        return refuse(a, "seed", err, "a whole number");
    }
    if (a->top_p == 0) { /* nothing less than the likeliest */
        a->temperature = 0;
    }
    a->n = (unsigned)n;
    a->seeded = seed != NULL;
    a->seed = seed ? (uint64_t)json_integer_value(seed) : 0;
    return true;
}

static bool take_stream(struct model_ask *a, struct err *err) {
    const json_t *options = field(a, "stream_options");
    if (!take_bool(a, "stream", &a->stream, err)) {
        return false;
    }
    if (options && !json_is_object(options)) {
        return refuse(a, "stream_options", err, "an object");
    }
    a->tells_usage = json_get_bool(options, "include_usage", false);
    return true;
}

/* A message's parts are texts, which are put together. */
static bool flatten(struct model_ask *a, json_t *message, struct err *err) {
    const json_t *parts = json_object_get(message, "content");
    struct strbuf text = { 0 };
    bool ok = true;
    if (!json_is_array(parts)) {
        return !parts || json_is_string(parts) || json_is_null(parts) ||
               refuse(a, "messages", err, "messages whose content is text");
    }
    for (size_t i = 0; ok && i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i), *said = json_object_get(part, "text");
        ok = json_is_string(said) && !strcmp(json_get_string(part, "type", "text"), "text");
        if (ok) {
            strbuf_add(&text, json_string_value(said), json_string_length(said));
        }
    }
    if (ok) {
        json_object_set_new(message, "content", json_stringn(strbuf_str(&text), text.len));
    } else {
        a->param = "messages";
        err_set(err, ERR_UNSUPPORTED, "messages of anything but text are not taken");
    }
    strbuf_release(&text);
    return ok;
}

static bool take_messages(struct model_ask *a, struct err *err) {
    json_t *list = json_object_get(a->body, "messages");
    if (json_array_size(list) == 0 || json_array_size(list) > MODELS_PROMPTS_MAX) {
        return refuse(a, "messages", err, "a list of messages");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *m = json_array_get(list, i);
        if (!json_is_object(m) || !*json_get_string(m, "role", "")) {
            return refuse(a, "messages", err, "a list of objects with 'role' and 'content'");
        }
        if (!flatten(a, m, err)) {
            return false;
        }
    }
    a->messages = list;
    a->n_prompts = 1;
    a->prompts = arena_alloc(&a->arena, sizeof *a->prompts);
    return true;
}

static bool take_texts(struct model_ask *a, struct err *err) {
    return take_sampling(a, err) && take_limit(a, err) && take_stops(a, err) &&
           take_stream(a, err) && take_logprobs(a, err) &&
           (a->kind == ASK_CHAT
                   ? take_messages(a, err)
                   : take_bool(a, "echo", &a->echo, err) && take_prompts(a, "prompt", err)) &&
           check_undone(a, err);
}

static bool take_vectors(struct model_ask *a, struct err *err) {
    const json_t *v = field(a, "encoding_format");
    const char *format = json_string_value(v);
    long long dimensions = 0;
    bool given;
    a->n = 1;
    a->base64 = format && !strcmp(format, "base64");
    if (v && !a->base64 && (!format || strcmp(format, "float") != 0)) {
        return refuse(a, "encoding_format", err, "'float' or 'base64'");
    }
    if (!take_uint(a, "dimensions", 1 << 20, &given, &dimensions, err) ||
        !take_prompts(a, "input", err)) {
        return false;
    }
    if (given && dimensions == 0) {
        return refuse(a, "dimensions", err, "at least 1");
    }
    a->dimensions = (uint32_t)dimensions;
    return true;
}

bool model_ask_read(
    struct model_ask *a, enum ask_kind kind, const char *body, size_t n, struct err *err) {
    *a = (struct model_ask) { .kind = kind };
    a->body = json_parse(body, n, "the body", err);
    if (!a->body) {
        return false;
    }
    if (!json_is_object(a->body)) {
        return err_set(err, ERR_INPUT, "the body must be a JSON object");
    }
    const json_t *model = field(a, "model");
    a->model = json_string_value(model);
    if (model && !a->model) {
        return refuse(a, "model", err, "a text");
    }
    return kind == ASK_EMBEDDING ? take_vectors(a, err) : take_texts(a, err);
}

void model_ask_release(struct model_ask *a) {
    json_decref(a->body);
    arena_release(&a->arena);
    *a = (struct model_ask) { 0 };
}

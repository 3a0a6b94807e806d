/* What an endpoint answers (see reply.h). */
#include "evaluator/remote/reply.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

/* Rounding can put a probability of one above it. */
#define ABOVE_ONE 1e-3

static bool shape(struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "the reply %s", what);
}

/* ---- what all have ---- */

/* "gpt-4o-mini" is answered by "gpt-4o-mini-2024-07-18". */
static bool is_dated(const char *said, const char *asked) {
    size_t n = strlen(asked);
    return !strncmp(said, asked, n) && said[n] == '-' && said[n + 1] &&
           strspn(said + n + 1, "0123456789-") == strlen(said + n + 1);
}

static bool is_same_model(const char *said, const struct api *api) {
    if (api->answers_as) {
        return !strcmp(api->answers_as, "*") || !strcmp(api->answers_as, said);
    }
    return !strcmp(said, api->model) || is_dated(said, api->model);
}

static bool count_of(const json_t *usage, const char *a, const char *b, uint64_t *out) {
    const json_t *v = json_object_get(usage, a);
    v = v ? v : json_object_get(usage, b);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1ll << 40) {
        return false;
    }
    *out = (uint64_t)json_integer_value(v);
    return true;
}

bool reply_about(
    const json_t *reply, const struct api *api, struct reply_about *out, struct err *err) {
    const json_t *usage = json_object_get(reply, "usage");
    *out = (struct reply_about) { .model = json_get_string(reply, "model", NULL) };
    bool needed = api->kind != API_TEI;
    if (needed && !json_is_object(reply)) {
        return shape(err, "is no object");
    }
    if (needed && !out->model) {
        return shape(err, "does not say which model answered");
    }
    if (out->model && !is_same_model(out->model, api)) {
        err_set(err, ERR_INPUT, "the model '%.100s' answered where '%.100s' was asked", out->model,
            api->model);
        return err_hint(
            err, "if that is its name there, say so: answers_as = \"%.100s\"", out->model);
    }
    out->counted = count_of(usage, "prompt_tokens", "input_tokens", &out->tokens_in);
    bool written = count_of(usage, "completion_tokens", "output_tokens", &out->tokens_out);
    out->counted = out->counted && (written || api->speaks == API_EMBEDDINGS);
    return true;
}

static void copy_line(char *out, size_t size, const char *text) {
    size_t n = 0;
    for (; text && *text && n + 1 < size; text++) {
        out[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
    }
    while (n && ((unsigned char)out[n - 1] & 0xc0) == 0x80 && text && *text) {
        n--; /* not in the middle of a letter */
    }
    out[n] = 0;
}

void reply_error(const char *body, size_t n, char *out, size_t size, char *code, size_t code_size) {
    struct err ignored = ERR_INIT;
    json_t *json = json_parse(body, n, "error", &ignored);
    const json_t *error = json_object_get(json, "error");
    const json_t *holder = json_is_object(error) ? error : json;
    const char *message = json_get_string(holder, "message", NULL);
    const char *word = json_get_string(holder, "code", NULL);
    message = message ? message : json_string_value(error);
    word = word ? word : json_get_string(holder, "type", json_get_string(json, "error_type", NULL));
    copy_line(out, size, message);
    copy_line(code, code_size, word);
    json_decref(json);
}

/* The one choice that was asked for. */
static const json_t *choice_of(const json_t *reply, struct err *err) {
    const json_t *choices = json_object_get(reply, "choices");
    if (json_array_size(choices) != 1 || !json_is_object(json_array_get(choices, 0))) {
        err_set(err, ERR_INPUT, "the reply has %zu choices where one was asked for",
            json_array_size(choices));
        return NULL;
    }
    return json_array_get(choices, 0);
}

/* ---- log-likelihoods ---- */

/* The lists of a completion's log-probabilities, each as long as the others. */
struct listed {
    const json_t *tokens, *logprobs, *tops, *offsets;
    size_t n;
};

static bool read_lists(const json_t *choice, struct listed *l, struct err *err) {
    const json_t *lp = json_object_get(choice, "logprobs");
    *l = (struct listed) { json_object_get(lp, "tokens"), json_object_get(lp, "token_logprobs"),
        json_object_get(lp, "top_logprobs"), json_object_get(lp, "text_offset"), 0 };
    l->n = json_array_size(l->tokens);
    if (!l->n || !json_is_array(l->logprobs)) {
        shape(err, "has no log-probabilities of its tokens");
        return err_hint(err, "the endpoint must take 'echo' and 'logprobs' together");
    }
    bool offsets = json_is_array(l->offsets) && json_array_size(l->offsets);
    if (json_array_size(l->logprobs) != l->n || json_array_size(l->tops) != l->n ||
        (offsets && json_array_size(l->offsets) != l->n)) {
        return err_set(err, ERR_INPUT,
            "the reply has %zu tokens, %zu log-probabilities, %zu lists of the likeliest and %zu "
            "offsets",
            l->n, json_array_size(l->logprobs), json_array_size(l->tops),
            json_array_size(l->offsets));
    }
    l->offsets = offsets ? l->offsets : NULL;
    for (size_t i = 0; i < l->n; i++) {
        if (!json_is_string(json_array_get(l->tokens, i))) {
            return err_set(err, ERR_INPUT, "the reply's token %zu is no text", i);
        }
        if (offsets && !json_is_integer(json_array_get(l->offsets, i))) {
            return err_set(err, ERR_INPUT, "the reply's offset %zu is no number", i);
        }
    }
    return true;
}

static const char *token_text(const struct listed *l, size_t i, size_t *n) {
    const json_t *v = json_array_get(l->tokens, i);
    *n = json_string_length(v);
    return json_string_value(v);
}

/* A part of a letter has no text of its own: U+FFFD, or "bytes:\xe2". */
static bool is_part(const struct listed *l, size_t i) {
    size_t n;
    const char *t = token_text(l, i, &n);
    return strstr(t, "\xef\xbf\xbd") || str_begins(t, "bytes:");
}

static bool stands_at(const struct listed *l, size_t i, const char *text, size_t n, size_t at) {
    size_t len;
    const char *t = token_text(l, i, &len);
    return len <= n - at && !memcmp(t, text + at, len);
}

static size_t next_letter(const char *text, size_t n, size_t at) {
    at++;
    while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

#define INSIDE SIZE_MAX

/* Tokens i and on are parts of letters: of how many is said by where the token behind them stands,
 * which may be one place only. Moves both. */
static bool align_parts(
    const struct listed *l, size_t *i, const char *text, size_t n, size_t *at, size_t *start) {
    size_t from = *i, end = *i, found = INSIDE;
    while (end < l->n && is_part(l, end) && !(end > from && *at == n)) {
        end++;
    }
    for (size_t k = from, place = *at; k < end && place < n; k++) {
        place = next_letter(text, n, place);
        if (place == n || (end < l->n && stands_at(l, end, text, n, place))) {
            if (found != INSIDE) {
                return false;
            }
            found = place;
        }
    }
    for (size_t k = from; k < end; k++) {
        start[k] = k == from ? *at : INSIDE;
    }
    *at = found;
    *i = end;
    return found != INSIDE;
}

/* Where each token of the text begins, the first `lead` being none of its; *used behind its last.
 */
static bool align(const struct listed *l, size_t lead, const char *text, size_t n, size_t *start,
    size_t *used, size_t *bad) {
    size_t at = 0, i = lead;
    while (at < n && i < l->n) {
        size_t len;
        *bad = i;
        if (stands_at(l, i, text, n, at)) {
            (void)token_text(l, i, &len);
            start[i++] = at;
            at += len;
        } else if (!is_part(l, i) || !align_parts(l, &i, text, n, &at, start)) {
            return false;
        }
    }
    *used = i;
    *bad = i;
    return at == n;
}

static bool take_logprob(
    const struct listed *l, size_t i, struct reply_score *out, struct err *err) {
    const json_t *v = json_array_get(l->logprobs, i), *tops = json_array_get(l->tops, i), *top;
    const char *token;
    double lp = json_is_number(v) ? json_number_value(v) : NAN;
    if (json_is_null(v)) {
        err_set(err, ERR_UNSUPPORTED,
            "the reply has no log-probability of token %zu, where a text "
            "begins",
            i);
        return err_hint(err, "a text without context needs one there: prefix = \"<|endoftext|>\", "
                             "or as the model has it");
    }
    if (!(lp <= ABOVE_ONE) || !isfinite(lp)) {
        return err_set(err, ERR_INPUT, "the reply's log-probability %zu is none", i);
    }
    if (!json_is_object(tops) || !json_object_size(tops)) {
        return err_set(err, ERR_INPUT, "the reply does not say what is likeliest at token %zu", i);
    }
    json_object_foreach((json_t *)(uintptr_t)tops, token, top) {
        if (!json_is_number(top)) {
            return err_set(err, ERR_INPUT, "the reply's likeliest tokens %zu have no numbers", i);
        }
        out->greedy = out->greedy && json_number_value(top) <= lp;
    }
    out->loglikelihood += lp;
    out->n_tokens++;
    return true;
}

/* Offsets count letters from the text's beginning, where all tokens before are whole. */
static bool check_offset(const struct listed *l, size_t lead, size_t first, const char *text,
    size_t from, struct err *err) {
    json_int_t points = 0;
    for (size_t i = lead; i < first; i++) {
        if (is_part(l, i)) {
            return true;
        }
    }
    for (size_t at = 0; at < from; at = next_letter(text, from, at)) {
        points++;
    }
    json_int_t said = json_integer_value(json_array_get(l->offsets, first)) -
                      json_integer_value(json_array_get(l->offsets, lead));
    return said == points ||
           err_set(err, ERR_INPUT,
               "the reply puts token %zu at letter %lld of the text, where it is at %lld", first,
               (long long)said, (long long)points);
}

static bool score_aligned(const struct listed *l, const size_t *start, size_t lead, size_t used,
    const char *text, size_t from, struct reply_score *out, struct err *err) {
    size_t first = lead;
    while (first < used && (start[first] == INSIDE || start[first] < from)) {
        first++;
    }
    if (first == used || start[first] != from) {
        size_t n;
        const char *t = first > lead ? token_text(l, first - 1, &n) : "";
        err_set(err, ERR_UNSUPPORTED,
            "the model's token '%.40s' lies across the end of the context: what follows has no "
            "number of its own",
            t);
        return err_hint(err, "a task whose choices begin with a blank has no such tokens");
    }
    if (l->offsets && !check_offset(l, lead, first, text, from, err)) {
        return false;
    }
    *out = (struct reply_score) { .greedy = true };
    for (size_t i = first; i < used; i++) {
        if (!take_logprob(l, i, out, err)) {
            return false;
        }
    }
    return true;
}

bool reply_scored(const json_t *reply, const char *prompt, size_t n, size_t from,
    struct reply_score *out, struct err *err) {
    struct listed l;
    const json_t *choice = choice_of(reply, err);
    if (!choice || !read_lists(choice, &l, err)) {
        return false;
    }
    if (from >= n) {
        *out = (struct reply_score) { .greedy = true };
        return from == n || err_set(err, ERR_BUG, "a text ends before its context");
    }
    size_t *start = xcalloc(l.n, sizeof *start), used, bad, lead = 0;
    bool ok = align(&l, 0, prompt, n, start, &used, &bad);
    if (!ok && l.n > 1) { /* a beginning of text that is no part of the prompt */
        lead = 1;
        ok = align(&l, 1, prompt, n, start, &used, &bad);
    }
    if (!ok) {
        size_t len;
        err_set(err, ERR_INPUT, "the reply's tokens are not those of the text: token %zu, '%.40s'",
            bad, bad < l.n ? token_text(&l, bad, &len) : "missing");
        err_hint(err, "the endpoint must take 'echo' and 'logprobs' together");
    }
    ok = ok && score_aligned(&l, start, lead, used, prompt, from, out, err);
    free(start);
    return ok;
}

/* ---- texts ---- */

static bool finish_of(const json_t *choice, bool *stopped, struct err *err) {
    const char *finish = json_get_string(choice, "finish_reason", NULL);
    if (!finish) {
        return shape(err, "does not say why its text ends");
    }
    *stopped = strcmp(finish, "length") != 0;
    return strcmp(finish, "tool_calls") != 0 || shape(err, "calls a tool that it was not offered");
}

static bool read_messages_reply(const json_t *reply, struct reply_text *out, struct err *err) {
    const json_t *content = json_object_get(reply, "content");
    const char *stop = json_get_string(reply, "stop_reason", NULL);
    if (!stop || !json_is_array(content)) {
        return shape(err, "has no content, or does not say why it ends");
    }
    out->stopped = strcmp(stop, "max_tokens") != 0;
    out->text = "";
    size_t i, n_texts = 0;
    json_t *part;
    json_array_foreach(content, i, part) {
        if (!strcmp(json_get_string(part, "type", ""), "text")) {
            out->text = json_get_string(part, "text", NULL);
            n_texts++;
        }
    }
    return (out->text && n_texts <= 1) || shape(err, "has not one text");
}

bool reply_written(
    const json_t *reply, const struct api *api, struct reply_text *out, struct err *err) {
    *out = (struct reply_text) { 0 };
    if (api->kind == API_ANTHROPIC) {
        return read_messages_reply(reply, out, err);
    }
    const json_t *choice = choice_of(reply, err);
    if (!choice || !finish_of(choice, &out->stopped, err)) {
        return false;
    }
    if (api->speaks == API_COMPLETIONS) {
        out->text = json_get_string(choice, "text", NULL);
    } else {
        const json_t *message = json_object_get(choice, "message"),
                     *content = json_object_get(message, "content");
        bool silent = json_is_object(message) && json_is_null(content); /* it refused */
        out->text = silent ? "" : json_string_value(content);
    }
    return out->text || shape(err, "has no text");
}

/* ---- letters ---- */

static double log_add(double a, double b) {
    double most = fmax(a, b);
    return isnan(a) ? b : most + log(exp(a - most) + exp(b - most));
}

bool reply_letters(
    const json_t *reply, size_t n, double logprobs[REPLY_LETTERS], bool *any, struct err *err) {
    const json_t *choice = json_array_get(json_object_get(reply, "choices"), 0);
    const json_t *content = json_object_get(json_object_get(choice, "logprobs"), "content");
    const json_t *tops = json_object_get(json_array_get(content, 0), "top_logprobs");
    size_t i;
    json_t *top;
    *any = false;
    for (size_t k = 0; k < REPLY_LETTERS; k++) {
        logprobs[k] = NAN;
    }
    json_array_foreach(tops, i, top) {
        const char *token = json_get_string(top, "token", NULL);
        double lp = json_get_number(top, "logprob", NAN);
        if (!token || !isfinite(lp) || lp > ABOVE_ONE) {
            return err_set(
                err, ERR_INPUT, "the reply's likeliest token %zu has no text or number", i);
        }
        token += strspn(token, " \n");
        if (*token >= 'A' && (size_t)(*token - 'A') < n && !token[1]) {
            logprobs[*token - 'A'] = log_add(logprobs[*token - 'A'], lp);
            *any = true;
        }
    }
    return true;
}

static int letter_at(const char *s, size_t n) {
    return *s >= 'A' && (size_t)(*s - 'A') < n && !isalnum((unsigned char)s[1]) ? *s - 'A' : -1;
}

/* The next capital that stands alone and is one of them, from `s` on. */
static int next_letter_alone(const char *s, const char *begin, size_t n) {
    for (; *s; s++) {
        bool begins = s == begin || (!isalnum((unsigned char)s[-1]) && s[-1] != '\'');
        int k = begins && s[1] != '\'' ? letter_at(s, n) : -1;
        if (k >= 0) {
            return k;
        }
    }
    return -1;
}

int letter_of_text(const char *text, size_t n) {
    const char *at = text + strspn(text, " \t\r\n*_`\"'(["), *last = NULL;
    int k = letter_at(at, n);
    size_t article = at[0] && at[1] == ' ' && islower((unsigned char)at[2]); /* "A bird" */
    if (k >= 0 && !article) {
        return k;
    }
    if (*at >= 'a' && (size_t)(*at - 'a') < n && !at[1 + strspn(at + 1, ".) \n*")]) {
        return *at - 'a';
    }
    for (at = text; (at = strcasestr(at, "answer")); at += 6) {
        last = at + 6;
    }
    return last ? next_letter_alone(last, text, n) : -1;
}

/* ---- vectors ---- */

static bool take_vector(
    const json_t *list, size_t row, uint32_t *width, float **vectors, size_t n, struct err *err) {
    size_t i, length = json_array_size(list);
    json_t *v;
    if (!length || length > 1 << 20) {
        return err_set(err, ERR_INPUT, "the reply's vector %zu is no list of numbers", row);
    }
    if (!*width) {
        *width = (uint32_t)length;
        *vectors = xcalloc(n * length, sizeof **vectors);
    }
    if (length != *width) {
        return err_set(err, ERR_INPUT,
            "the reply's vector %zu has %zu numbers where %u were "
            "expected",
            row, length, *width);
    }
    json_array_foreach(list, i, v) {
        float x = json_is_number(v) ? (float)json_number_value(v) : NAN;
        if (!isfinite(x)) {
            return err_set(err, ERR_INPUT, "the reply's vector %zu has a number that is none", row);
        }
        (*vectors)[row * length + i] = x;
    }
    return true;
}

bool reply_vectors(const json_t *reply, const struct api *api, size_t n, uint32_t *width,
    float **vectors, struct err *err) {
    bool tei = api->kind == API_TEI;
    const json_t *list = tei ? reply : json_object_get(reply, "data");
    bool *seen = xcalloc(n + 1, sizeof *seen), ok = true;
    if (!json_is_array(list) || json_array_size(list) != n) {
        ok = err_set(
            err, ERR_INPUT, "the reply has %zu vectors for %zu texts", json_array_size(list), n);
    }
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *item = json_array_get(list, i);
        long long row = tei ? (long long)i : json_get_int(item, "index", -1);
        if (row < 0 || (size_t)row >= n || seen[row]) {
            ok = err_set(err, ERR_INPUT, "the reply's vectors are not one for each text");
            break;
        }
        seen[row] = true;
        ok = take_vector(
            tei ? item : json_object_get(item, "embedding"), (size_t)row, width, vectors, n, err);
    }
    free(seen);
    return ok;
}

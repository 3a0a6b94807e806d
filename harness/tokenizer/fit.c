/* Truncation and padding (see fit.h). */
#include "harness/tokenizer/fit.h"

#include <string.h>

#include "base/json.h"
#include "harness/tokenizer/token_list.h"

enum { FIT_LENGTH_MAX = 1 << 24 };

/* ---- reading ---- */

static bool load_length(
    const json_t *config, const char *key, long long otherwise, size_t *out, struct err *err) {
    const json_t *value = json_object_get(config, key);
    if (!value || json_is_null(value)) {
        *out = (size_t)otherwise;
        return otherwise >= 0 || err_set(err, ERR_INPUT, "'%s' is missing", key);
    }
    json_int_t n = json_integer_value(value);
    *out = (size_t)n;
    return (json_is_integer(value) && n >= 0) ||
           err_set(err, ERR_INPUT, "'%s' is not a number from 0 on", key);
}

static bool load_direction(const json_t *config, bool *left, struct err *err) {
    const char *name = json_get_string(config, "direction", "Right");
    *left = strcmp(name, "Left") == 0;
    return *left || strcmp(name, "Right") == 0 ||
           err_set(err, ERR_INPUT, "direction '%.40s' is not known", name);
}

static bool load_truncation(struct fit *fit, const json_t *config, struct err *err) {
    const char *strategy = json_get_string(config, "strategy", "LongestFirst");
    fit->truncates = true;
    fit->truncation.second_only = strcmp(strategy, "OnlySecond") == 0;
    if (!fit->truncation.second_only && strcmp(strategy, "LongestFirst") != 0 &&
        strcmp(strategy, "OnlyFirst") != 0) {
        return err_set(err, ERR_INPUT, "strategy '%.40s' is not known", strategy);
    }
    return load_direction(config, &fit->truncation.left, err) &&
           load_length(config, "max_length", -1, &fit->truncation.length, err) &&
           load_length(config, "stride", 0, &fit->truncation.stride, err);
}

/* "BatchLongest", which leaves one text alone, or {"Fixed": 128}. */
static bool load_strategy(struct fit *fit, const json_t *strategy, struct err *err) {
    if (json_is_object(strategy)) {
        return load_length(strategy, "Fixed", -1, &fit->padding.length, err);
    }
    const char *name = json_is_string(strategy) ? json_string_value(strategy) : "BatchLongest";
    return strcmp(name, "BatchLongest") == 0 ||
           err_set(err, ERR_INPUT, "strategy '%.40s' is not known", name);
}

static bool load_padding(struct fit *fit, const json_t *config, struct err *err) {
    size_t id = 0;
    fit->pads = true;
    if (!load_strategy(fit, json_object_get(config, "strategy"), err) ||
        !load_direction(config, &fit->padding.left, err) ||
        !load_length(config, "pad_to_multiple_of", 0, &fit->padding.multiple, err) ||
        !load_length(config, "pad_id", 0, &id, err)) {
        return false;
    }
    fit->padding.id = (int32_t)id;
    return (fit->padding.length <= FIT_LENGTH_MAX && fit->padding.multiple <= FIT_LENGTH_MAX &&
               id <= UINT32_MAX) ||
           err_set(err, ERR_INPUT, "texts are padded to more than %d tokens", FIT_LENGTH_MAX);
}

static bool load_part(struct fit *fit, const json_t *doc, const char *key,
    bool (*load)(struct fit *fit, const json_t *config, struct err *err), struct err *err) {
    const json_t *config = json_object_get(doc, key);
    if (!config || json_is_null(config)) {
        return true;
    }
    if (!json_is_object(config)) {
        return err_set(err, ERR_INPUT, "%s is not an object", key);
    }
    return load(fit, config, err) || err_wrap(err, "%s", key);
}

bool fit_load(struct fit *fit, const json_t *doc, struct err *err) {
    return load_part(fit, doc, "truncation", load_truncation, err) &&
           load_part(fit, doc, "padding", load_padding, err);
}

/* ---- fitting ---- */

static void move(struct token_list *list, size_t to, size_t from, size_t n) {
    memmove(list->ids + to, list->ids + from, n * sizeof *list->ids);
    if (list->want_spans) {
        memmove(list->spans + to, list->spans + from, n * sizeof *list->spans);
    }
}

void fit_cut(struct token_list *list, size_t from, size_t left, bool beginning) {
    if (list->n - from <= left) {
        return;
    }
    if (beginning) {
        move(list, from, list->n - left, left);
    }
    list->n = from + left;
    list->cut = true;
}

bool fit_truncate(
    const struct fit *fit, size_t n_added, struct token_list *list, size_t from, struct err *err) {
    size_t n = list->n - from, length = fit->truncation.length;
    if (!fit->truncates || (length >= n_added && n <= length - n_added)) {
        return true;
    }
    if (length < n_added) {
        return err_set(err, ERR_INPUT,
            "truncation to %zu tokens leaves no room for the %zu that are added", length, n_added);
    }
    size_t left = length - n_added;
    if (left > 0 && fit->truncation.stride >= left) {
        return err_set(
            err, ERR_INPUT, "truncation's stride is not below the %zu tokens left", left);
    }
    if (left > 0 && fit->truncation.second_only) {
        return err_set(err, ERR_INPUT, "truncation shortens only the second of two texts");
    }
    fit_cut(list, from, left, fit->truncation.left);
    return true;
}

void fit_pad(const struct fit *fit, struct token_list *list, size_t from) {
    size_t n = list->n - from, length = fit->padding.length ? fit->padding.length : n;
    size_t over = fit->padding.multiple ? length % fit->padding.multiple : 0;
    length += over ? fit->padding.multiple - over : 0;
    if (!fit->pads || n >= length) {
        return;
    }
    for (size_t i = n; i < length; i++) {
        token_list_add(list, fit->padding.id, (struct token_span) { 0 });
    }
    if (fit->padding.left) {
        move(list, from + length - n, from, n);
        for (size_t i = from; i < from + length - n; i++) {
            list->ids[i] = fit->padding.id;
            if (list->want_spans) {
                list->spans[i] = (struct token_span) { 0 };
            }
        }
    }
}

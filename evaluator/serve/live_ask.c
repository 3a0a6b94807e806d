/* What is asked of the live corner: bounded before anything is made of it. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "evaluator/serve/form.h"
#include "evaluator/serve/live.h"

const char *live_kind_name(enum live_kind kind) {
    static const char *const NAMES[N_LIVE_KINDS] = { "neighbours", "choices", "classes" };
    return NAMES[kind];
}

enum shape { TEXT, LIST, NAME };

static const struct field {
    enum live_kind kind;
    const char *name;
    enum shape shape;
    bool needed;
    size_t most; /* of a list */
} FIELDS[] = {
    { LIVE_NEIGHBOURS, "query", TEXT, true, 0 },
    { LIVE_NEIGHBOURS, "texts", LIST, true, LIVE_TEXTS_MAX },
    { LIVE_CHOICES, "context", TEXT, true, 0 },
    { LIVE_CHOICES, "choices", LIST, true, LIVE_CHOICES_MAX },
    { LIVE_CHOICES, "delimiter", NAME, false, 0 },
    { LIVE_CLASSES, "text", TEXT, true, 0 },
    { LIVE_CLASSES, "pair", TEXT, false, 0 },
};
enum { N_FIELDS = sizeof FIELDS / sizeof *FIELDS, NAME_BYTES = 199 };

static const struct field *field_find(enum live_kind kind, const char *name) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (FIELDS[i].kind == kind && !strcmp(FIELDS[i].name, name)) {
            return &FIELDS[i];
        }
    }
    return NULL;
}

static bool refuse_field(enum live_kind kind, const char *name, struct err *err) {
    char hint[160] = "the fields are model";
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (FIELDS[i].kind == kind) {
            size_t n = strlen(hint);
            snprintf(hint + n, sizeof hint - n, ", %s", FIELDS[i].name);
        }
    }
    err_set(err, ERR_UNSUPPORTED, "there is no field '%.60s' here", name);
    return err_hint(err, "%s", hint);
}

/* ---- ceilings ---- */

static bool check_text(
    const char *name, const json_t *text, size_t most, size_t *all, struct err *err) {
    if (!json_is_string(text)) {
        return err_set(err, ERR_UNSUPPORTED, "%s is no text", name);
    }
    size_t n = json_string_length(text);
    *all += n;
    if (n > most) {
        err_set(err, ERR_RESOURCE, "a text of %s has %zu bytes", name, n);
        return err_hint(err, "one text may have %zu bytes here: send a part of it", most);
    }
    return true;
}

static bool check_list(const struct field *f, const json_t *list, size_t *all, struct err *err) {
    size_t i, n = json_array_size(list), least = f->kind == LIVE_CHOICES ? 2 : 1;
    json_t *text;
    if (!json_is_array(list)) {
        return err_set(err, ERR_UNSUPPORTED, "%s is no list of texts", f->name);
    }
    if (n < least) {
        err_set(err, ERR_UNSUPPORTED, "%s has %zu texts", f->name, n);
        return err_hint(err, "give %zu or more of them, one a line in the form", least);
    }
    if (n > f->most) {
        err_set(err, ERR_RESOURCE, "%s has %zu texts", f->name, n);
        return err_hint(err, "%zu are taken at a time: send a part of them", f->most);
    }
    json_array_foreach(list, i, text) {
        if (!check_text(f->name, text, LIVE_TEXT_BYTES, all, err)) {
            return false;
        }
        if (f->kind == LIVE_CHOICES && json_string_length(text) == 0) {
            return err_set(err, ERR_UNSUPPORTED,
                "choice %zu is empty, and has no likelihood per character", i + 1);
        }
    }
    return true;
}

static bool check_field(const struct field *f, const json_t *value, size_t *all, struct err *err) {
    if (!value) {
        return !f->needed || err_set(err, ERR_UNSUPPORTED, "%s is missing", f->name);
    }
    if (f->shape == LIST) {
        return check_list(f, value, all, err);
    }
    return check_text(f->name, value, f->shape == NAME ? NAME_BYTES : LIVE_TEXT_BYTES, all, err);
}

static bool check(struct live_ask *ask, struct err *err) {
    size_t all = 0;
    json_t *model = json_object_get(ask->fields, "model");
    if (model && !check_text("model", model, NAME_BYTES, &(size_t) { 0 }, err)) {
        return false;
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &FIELDS[i];
        if (f->kind == ask->kind &&
            !check_field(f, json_object_get(ask->fields, f->name), &all, err)) {
            return false;
        }
    }
    if (all > LIVE_ALL_BYTES) {
        err_set(err, ERR_RESOURCE, "the texts have %zu bytes together", all);
        return err_hint(err, "%d bytes are taken at a time: send a part of them", LIVE_ALL_BYTES);
    }
    return true;
}

/* ---- JSON ---- */

bool live_ask_json(
    struct live_ask *ask, enum live_kind kind, const char *body, size_t n, struct err *err) {
    const char *name;
    json_t *value;
    *ask = (struct live_ask) { .kind = kind, .fields = json_parse(body, n, "the body", err) };
    if (!ask->fields) {
        return false;
    }
    if (!json_is_object(ask->fields)) {
        return err_set(err, ERR_INPUT, "the body is no JSON object");
    }
    json_object_foreach(ask->fields, name, value) {
        if (strcmp(name, "model") && !field_find(kind, name)) {
            return refuse_field(kind, name, err);
        }
    }
    return check(ask, err);
}

/* ---- forms ---- */

/* A browser ends lines by CR LF whatever was typed. */
static char *with_plain_ends(const struct strbuf *value) {
    struct strbuf out = { 0 };
    for (size_t i = 0; i < value->len; i++) {
        if (value->text[i] != '\r') {
            strbuf_addc(&out, value->text[i]);
        } else if (i + 1 == value->len || value->text[i + 1] != '\n') {
            strbuf_addc(&out, '\n');
        }
    }
    return strbuf_take(&out);
}

/* The lines of what was pasted; blanks around one mean nothing, and empty ones neither. */
static json_t *lines_of(const char *text) {
    json_t *lines = json_array();
    while (*text) {
        size_t n = strcspn(text, "\n"), from = 0, end = n;
        while (from < end && isspace((unsigned char)text[from])) {
            from++;
        }
        while (end > from && isspace((unsigned char)text[end - 1])) {
            end--;
        }
        if (end > from) {
            json_array_append_new(lines, json_stringn(text + from, end - from));
        }
        text += n + (text[n] == '\n');
    }
    return lines;
}

static bool keep(struct live_ask *ask, const char *name, const char *text, struct err *err) {
    const struct field *f = field_find(ask->kind, name);
    if (!strcmp(name, "form")) {
        snprintf(ask->form, sizeof ask->form, "%.64s", text);
        return true;
    }
    if (strcmp(name, "model") && (!f || f->shape == NAME)) {
        return refuse_field(ask->kind, name, err);
    }
    if (json_object_get(ask->fields, name)) {
        return err_set(err, ERR_INPUT, "%s is there twice", name);
    }
    if (*text) { // an empty field is an absent one
        json_object_set_new(
            ask->fields, name, f && f->shape == LIST ? lines_of(text) : json_string(text));
    }
    return true;
}

static bool take_field(
    void *arg, const struct strbuf *name, const struct strbuf *value, struct err *err) {
    const char *field = strbuf_str(name);
    if (value->overflow) {
        err_set(err, ERR_RESOURCE, "%.60s has more than %d bytes", field, LIVE_ALL_BYTES);
        return err_hint(err, "send a part of it");
    }
    if (memchr(strbuf_str(value), 0, value->len) || !utf8_valid(strbuf_str(value), value->len) ||
        !utf8_valid(field, name->len)) {
        return err_set(err, ERR_UNSUPPORTED, "a field of the form is no text in UTF-8");
    }
    char *text = with_plain_ends(value);
    bool ok = keep(arg, field, text, err);
    free(text);
    return ok;
}

bool live_ask_form(
    struct live_ask *ask, enum live_kind kind, const char *body, size_t n, struct err *err) {
    *ask = (struct live_ask) { .kind = kind, .fields = json_object() };
    return form_read(body, n, 2 * LIVE_ALL_BYTES, take_field, ask, err) && check(ask, err);
}

void live_ask_release(struct live_ask *ask) {
    json_decref(ask->fields);
    ask->fields = NULL;
}

#include "evaluator/serve/ask.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "evaluator/hub/hub.h"
#include "evaluator/serve/form.h"
#include "evaluator/task/task.h"

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Where a field's text goes. Those of a form alone are no fields of JSON. */
struct place {
    const char *name;
    size_t offset, size;
    bool form_only;
};
#define PLACE(field, alone)                                                                        \
    { #field, offsetof(struct ask, field), sizeof((struct ask *)0)->field, alone }
static const struct place PLACES[] = { PLACE(model, false), PLACE(revision, false),
    PLACE(suite, false), PLACE(dtype, false), PLACE(webhook, false), PLACE(form, true),
    PLACE(token, true), { NULL, 0, 0, false } };

static const struct place *place_find(const char *name, bool form) {
    for (const struct place *p = PLACES; p->name; p++) {
        if (!strcmp(p->name, name) && (form || !p->form_only)) {
            return p;
        }
    }
    return NULL;
}

static bool refuse_field(const char *name, struct err *err) {
    err_set(err, ERR_UNSUPPORTED, "there is no field '%.60s'", name);
    return err_hint(err, "the fields are model, revision, suite, dtype, priority and webhook");
}

static bool set_priority(struct ask *ask, long long v, struct err *err) {
    ask->priority = (int)v;
    return (v >= 0 && v <= 9) ||
           err_set(err, ERR_UNSUPPORTED, "priority is a number from 0 (first) to 9");
}

static bool set_text(
    struct ask *ask, const char *name, const char *text, size_t n, bool form, struct err *err) {
    const struct place *p = place_find(name, form);
    if (!p) {
        return refuse_field(name, err);
    }
    if (n >= p->size) {
        return err_set(err, ERR_UNSUPPORTED, "%s is longer than %zu bytes", name, p->size - 1);
    }
    if (memchr(text, 0, n) || utf8_valid(text, n) == false) {
        return err_set(err, ERR_UNSUPPORTED, "%s is no text in UTF-8", name);
    }
    memcpy((char *)ask + p->offset, text, n);
    ((char *)ask + p->offset)[n] = 0;
    return true;
}

static void ask_init(struct ask *ask) {
    memset(ask, 0, sizeof *ask);
    ask->priority = -1;
}

static bool set_value(struct ask *ask, const char *name, const json_t *value, struct err *err) {
    if (json_is_null(value) && (place_find(name, false) || !strcmp(name, "priority"))) {
        return true;
    }
    if (!strcmp(name, "priority")) {
        return json_is_integer(value) ? set_priority(ask, json_integer_value(value), err)
                                      : set_priority(ask, -1, err);
    }
    if (!json_is_string(value)) {
        return place_find(name, false) ? err_set(err, ERR_UNSUPPORTED, "%s is no string", name)
                                       : refuse_field(name, err);
    }
    return set_text(ask, name, json_string_value(value), json_string_length(value), false, err);
}

bool ask_read_json(struct ask *ask, const char *body, size_t n, struct err *err) {
    ask_init(ask);
    json_t *object = json_parse(body, n, "the body", err), *value;
    bool ok = object != NULL;
    if (ok && !json_is_object(object)) {
        ok = err_set(err, ERR_INPUT, "the body is no JSON object");
    }
    const char *name;
    json_object_foreach(object, name, value) {
        ok = ok && set_value(ask, name, value, err);
    }
    json_decref(object);
    return ok;
}

/* ---- forms ---- */

/* Blanks around what somebody typed or pasted mean nothing. */
static void trim(const char **text, size_t *n) {
    while (*n && isspace((unsigned char)**text)) {
        ++*text;
        --*n;
    }
    while (*n && isspace((unsigned char)(*text)[*n - 1])) {
        --*n;
    }
}

struct reading {
    struct ask *ask;
    uint32_t seen; /* a bit a place, the last of fields without one */
};

static bool set_field(
    void *arg, const struct strbuf *name, const struct strbuf *value, struct err *err) {
    struct reading *reading = arg;
    const char *text = strbuf_str(value), *field = strbuf_str(name);
    size_t n = value->len;
    if (value->overflow) {
        return err_set(err, ERR_INPUT, "%s is longer than %d bytes", field, ASK_BODY_MAX);
    }
    trim(&text, &n);
    const struct place *p = place_find(field, true);
    uint32_t bit = 1u << (p ? p - PLACES : 31);
    if (!p && strcmp(field, "priority")) {
        return refuse_field(field, err);
    }
    if (reading->seen & bit) {
        return err_set(err, ERR_INPUT, "%s is there twice", field);
    }
    reading->seen |= bit;
    if (n == 0) {
        return true;
    }
    if (!p) {
        int v = n == 1 && isdigit((unsigned char)*text) ? *text - '0' : -1;
        return set_priority(reading->ask, v, err);
    }
    return set_text(reading->ask, field, text, n, true, err);
}

bool ask_read_form(struct ask *ask, const char *body, size_t n, struct err *err) {
    struct reading reading = { .ask = ask };
    ask_init(ask);
    return form_read(body, n, ASK_BODY_MAX, set_field, &reading, err);
}

/* ---- what is asked ---- */

/* One half of a name on the hub. */
static bool half_valid(const char *s, size_t n) {
    return n >= 1 && n <= 96 && (isalnum((unsigned char)*s) || *s == '_');
}

static bool model_valid(const char *m) {
    const char *slash = strchr(m, '/');
    size_t n = slash ? (size_t)(slash - m) : 0;
    if (!slash || !half_valid(m, n) || !half_valid(slash + 1, strlen(slash + 1))) {
        return false;
    }
    for (const char *c = m; *c; c++) {
        if (c != slash && !strchr(LETTERS, *c) && !strchr("._-", *c)) {
            return false;
        }
    }
    return !strstr(m, "..") && !strstr(m, "--") && !str_ends(m, ".git");
}

static bool plain(const char *s, const char *also) {
    for (const char *c = s; *c; c++) {
        if (!strchr(LETTERS, *c) && !strchr(also, *c)) {
            return false;
        }
    }
    return isalnum((unsigned char)*s) || *s == '_';
}

/* org/name@revision in one field is the same as in two. */
static bool split_model(struct ask *ask, struct err *err) {
    char *at = strchr(ask->model, '@');
    if (!at) {
        return true;
    }
    if (*ask->revision && strcmp(ask->revision, at + 1)) {
        return err_set(err, ERR_UNSUPPORTED, "model and revision name two revisions");
    }
    if (strlen(at + 1) >= sizeof ask->revision) {
        return err_set(err, ERR_UNSUPPORTED, "the revision is too long");
    }
    memmove(ask->revision, at + 1, strlen(at + 1) + 1);
    *at = 0;
    return true;
}

static bool check_model(const struct ask *ask, struct err *err) {
    if (!*ask->model) {
        err_set(err, ERR_UNSUPPORTED, "no model given");
        return err_hint(err, "name one of the hub as org/name");
    }
    if (!model_valid(ask->model)) {
        err_set(err, ERR_UNSUPPORTED, "'%.120s' is no name of a model", ask->model);
        return err_hint(err, "a model of the hub is org/name: letters, digits, '.', '-' and '_'");
    }
    if (*ask->revision && (!plain(ask->revision, "._/-") || strstr(ask->revision, ".."))) {
        err_set(err, ERR_UNSUPPORTED, "'%.120s' is no revision", ask->revision);
        return err_hint(err, "a branch, a tag, or a commit of 40 hex digits");
    }
    return true;
}

/* What the command line would take for a file of this machine is never one of the hub: nobody reads
 * our disk by the name of a model. */
static bool check_no_path(const struct ask *ask, struct err *err) {
    char name[sizeof ask->model + sizeof ask->revision + 2];
    snprintf(name, sizeof name, "%s%s%s", ask->model, *ask->revision ? "@" : "", ask->revision);
    if (!hub_is_path(name) && !hub_is_path(ask->model) && !task_is_path(ask->suite)) {
        return true;
    }
    err_set(err, ERR_UNSUPPORTED, "'%.200s' on '%.80s' names a file", name, ask->suite);
    return err_hint(
        err, "models are the hub's, suites this service's: neither ends as a file does");
}

static bool check_suite(const struct ask *ask, const json_t *suites, struct err *err) {
    size_t i;
    json_t *known;
    if (!*ask->suite) {
        err_set(err, ERR_UNSUPPORTED, "no suite given");
        return err_hint(err, "GET /api/v1/suites lists them");
    }
    if (!plain(ask->suite, "._-")) {
        return err_set(err, ERR_UNSUPPORTED, "'%.80s' is no name of a suite", ask->suite);
    }
    json_array_foreach(suites, i, known) {
        if (!strcmp(json_string_value(known), ask->suite)) {
            return true;
        }
    }
    if (suites) {
        err_set(err, ERR_UNSUPPORTED, "there is no suite '%.80s' here", ask->suite);
        return err_hint(err, "GET /api/v1/suites lists them");
    }
    return true;
}

static bool check_dtype(const char *dtype, struct err *err) {
    static const char *const KNOWN[] = { "", "auto", "f32", "bf16", "f16", "int8" };
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (!strcmp(dtype, KNOWN[i])) {
            return true;
        }
    }
    err_set(err, ERR_UNSUPPORTED, "there is no dtype '%s'", dtype);
    return err_hint(err, "auto, f32, bf16, f16 or int8");
}

bool ask_check(struct ask *ask, const json_t *suites, struct err *err) {
    return split_model(ask, err) && check_model(ask, err) && check_suite(ask, suites, err) &&
           check_dtype(ask->dtype, err) && check_no_path(ask, err);
}

long long query_number(const char *text, long long otherwise) {
    size_t n = text ? strspn(text, "0123456789") : 0;
    return !text ? otherwise : n == 0 || n > 18 || text[n] ? -1 : strtoll(text, NULL, 10);
}

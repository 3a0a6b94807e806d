/* Formats by name, and what their readers share (see foreign.h). */
#include "evaluator/foreign/foreign.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

typedef bool parse_fn(const struct foreign_file *file, json_t *results, struct err *err);

static const struct {
    const char *name;
    parse_fn *parse;
} FORMATS[FOREIGN_N] = {
    [FOREIGN_LM_EVAL] = { "lm-eval", foreign_parse_lmeval },
    [FOREIGN_MTEB] = { "mteb", foreign_parse_mteb },
    [FOREIGN_MODEL_INDEX] = { "model-index", foreign_parse_model_index },
    [FOREIGN_EVAL_RESULTS] = { "eval-results", foreign_parse_eval_results },
};

const char *foreign_name(enum foreign_format format) {
    return FORMATS[format].name;
}

bool foreign_find(const char *name, enum foreign_format *format) {
    for (unsigned i = 0; i < FOREIGN_N; i++) {
        if (!strcmp(FORMATS[i].name, name)) {
            *format = (enum foreign_format)i;
            return true;
        }
    }
    return false;
}

bool foreign_parse(
    enum foreign_format format, const struct foreign_file *file, json_t *results, struct err *err) {
    json_t *own = json_array();
    bool ok = FORMATS[format].parse(file, own, err);
    if (ok && json_array_size(own) == 0) {
        ok = err_set(err, ERR_INPUT, "'%s': no results of format %s in it", file->path,
            FORMATS[format].name);
    }
    if (ok) {
        json_array_extend(results, own);
    }
    json_decref(own);
    return ok;
}

/* ---- Python's JSON ---- */

/* The word that begins there, if it is one of those that JSON hasn't. */
static size_t python_word(const char *text, size_t n) {
    static const char *const WORDS[] = { "NaN", "Infinity", "-Infinity" };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t len = strlen(WORDS[i]);
        if (n >= len && !memcmp(text, WORDS[i], len)) {
            return len;
        }
    }
    return 0;
}

json_t *foreign_python_json(const char *text, size_t n, const char *name, struct err *err) {
    struct strbuf plain = { 0 };
    size_t from = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        size_t word = quoted ? 0 : python_word(text + i, n - i);
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (word) {
            strbuf_add(&plain, text + from, i - from);
            strbuf_addf(&plain, "\"%.*s\"", (int)word, text + i);
            i += word - 1;
            from = i + 1;
        }
    }
    if (from) {
        strbuf_add(&plain, text + from, n - from);
        text = strbuf_str(&plain);
        n = plain.len;
    }
    json_t *value = json_parse(text, n, name, err);
    strbuf_release(&plain);
    return value;
}

/* ---- a result ---- */

bool foreign_is_commit(const char *text) {
    size_t n = text ? strlen(text) : 0;
    return (n == 40 || n == 64) && strspn(text, "0123456789abcdef") == n;
}

void foreign_metric(json_t *metrics, const char *name, const json_t *value, const json_t *error) {
    double v = json_is_number(value) ? json_number_value(value) : NAN,
           e = json_is_number(error) ? json_number_value(error) : NAN;
    if (!isfinite(v) || strlen(name) > 100 || !*name || json_object_get(metrics, name)) {
        return;
    }
    json_object_set_new(metrics, name,
        json_pack("{s:f, s:o}", "value", v, "stderr", isfinite(e) ? json_real(e) : json_null()));
}

static bool refuse(struct err *err, const char *path, const char *place, const char *what) {
    return err_set(err, ERR_INPUT, "'%s': %s: %s", path, place, what);
}

/* A model that is known by name alone goes by a hash of what is known of its revision. */
static bool settle_model(
    json_t *result, const struct foreign_file *file, const char *place, struct err *err) {
    const char *model = file->model ? file->model : json_get_string(result, "model", ""),
               *revision =
                   file->revision ? file->revision : json_get_string(result, "revision", NULL);
    if (!strchr(model, '/') || !repo_id_valid(model)) {
        err_set(err, ERR_INPUT, "'%s': %s: the model is called '%.80s', which is no org/name",
            file->path, place, model);
        return err_hint(err, "say whose results these are: --model ORG/NAME[@COMMIT]");
    }
    struct strbuf known = { 0 };
    strbuf_addf(&known, "imported\n%s\n%s\n", model, revision ? revision : "");
    if (!foreign_is_commit(revision)) {
        char hex[65];
        sha256_hex(strbuf_str(&known), known.len, hex);
        if (revision) {
            json_object_set_new(result, "revision_label", json_string(revision));
        }
        json_object_set_new(result, "revision", json_string(hex));
    } else if (file->revision) {
        json_object_set_new(result, "revision", json_string(revision));
    }
    if (file->model) {
        json_object_set_new(result, "model", json_string(model));
    }
    strbuf_release(&known);
    return true;
}

/* What somebody else asked is another task than ours of that name: its hash is of what it says. */
static void name_task(json_t *result, enum foreign_format format) {
    const json_t *data = json_object_get(result, "data");
    struct strbuf said = { 0 };
    char hex[65];
    strbuf_addf(&said, "imported\n%s\n%s\n%lld\n", foreign_name(format),
        json_get_string(result, "task", ""), json_get_int(result, "version", 0));
    static const char *const FACTS[] = { "repo", "config", "split", "revision" };
    for (size_t i = 0; i < sizeof FACTS / sizeof *FACTS; i++) {
        strbuf_addf(&said, "%s\n", json_get_string(data, FACTS[i], ""));
    }
    sha256_hex(strbuf_str(&said), said.len, hex);
    strbuf_release(&said);
    json_object_set_new(result, "task_sha256", json_string(hex));
}

bool foreign_add(json_t *results, json_t *result, const struct foreign_file *file,
    enum foreign_format format, const char *place, struct err *err) {
    const char *main = json_get_string(result, "main", ""),
               *task = json_get_string(result, "task", "");
    json_t *imported = json_object_get(result, "imported");
    char hex[65];
    bool ok = settle_model(result, file, place, err);
    if (ok && (!*task || strlen(task) > 200)) {
        ok = refuse(err, file->path, place, "a task's name has 1 to 200 bytes");
    }
    if (ok && !json_object_get(json_object_get(result, "metrics"), main)) {
        ok = refuse(err, file->path, place, "its main score is not a finite number");
    }
    if (ok) {
        sha256_hex(file->text, file->n, hex);
        json_object_set_new(imported, "format", json_string(foreign_name(format)));
        json_object_set_new(imported, "file", json_string(path_base(file->path)));
        json_object_set_new(imported, "sha256", json_string(hex));
        json_object_set_new(result, "data_sha256", json_string(hex)); /* of what was read */
        name_task(result, format);
        json_array_append(results, result);
    }
    json_decref(result);
    return ok;
}

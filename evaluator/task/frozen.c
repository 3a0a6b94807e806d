/* Rows that are kept: of each part of a task's data the first few, told to the parent as they are
 * read; or told by the parent, in the place of all data. A task's functions then see the same rows
 * on every machine, whether it has the data set or not. */
#include <string.h>

#include "evaluator/data/data.h"
#include "evaluator/task/runtime.h"
#include "evaluator/task/wire.h"

static json_t *part_of(struct runtime *r, const char *label) {
    r->frozen = r->frozen ? r->frozen : json_object();
    json_t *part = json_object_get(r->frozen, label);
    if (!part) {
        part = json_pack("{s:[], s:{}}", "rows", "labels");
        json_object_set_new(r->frozen, label, part);
    }
    return part;
}

/* Names of the class labels that a row holds: the rows alone don't say them. */
void runtime_note_labels(json_t *labels, const struct data *data, const json_t *row) {
    const char *column;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, column, value) {
        const char *name =
            json_is_integer(value) ? data_label(data, column, json_integer_value(value)) : NULL;
        if (name) {
            char number[24];
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
            json_t *names = json_object_get(labels, column);
            if (!names) {
                json_object_set_new(labels, column, names = json_object());
            }
            json_object_set_new(names, number, json_string(name));
        }
    }
}

/* Takes `value`. */
static bool tell(
    struct runtime *r, const char *label, const char *key, json_t *value, struct err *err) {
    json_t *frame = json_pack("{s:{s:s, s:o}}", "frozen", "part", label, key, value);
    bool ok = frame && wire_put(&r->out, frame, err);
    json_decref(frame);
    return ok;
}

const json_t *runtime_freeze_part(
    struct runtime *r, const char *label, struct data *data, struct err *err) {
    json_t *known = json_object_get(r->frozen, label);
    if (known) { /* read before, as a pool of examples may be */
        return known;
    }
    json_t *part = part_of(r, label), *rows = json_object_get(part, "rows"),
           *labels = json_object_get(part, "labels"), *row;
    struct err why = ERR_INIT;
    while (json_array_size(rows) < r->freeze && (row = data_next(data, &why)) != NULL) {
        json_array_append_new(rows, row);
        runtime_note_labels(labels, data, row);
        if (!tell(r, label, "row", json_incref(row), err)) {
            return NULL;
        }
    }
    if (why.class != ERR_NONE) {
        *err = why;
        return NULL;
    }
    return json_object_size(labels) == 0 || tell(r, label, "labels", json_incref(labels), err)
               ? part
               : NULL;
}

void runtime_thaw(struct runtime *r, const json_t *frame) {
    json_t *part = part_of(r, json_get_string(frame, "part", "")),
           *row = json_object_get(frame, "row"), *labels = json_object_get(frame, "labels");
    if (row) {
        json_array_append(json_object_get(part, "rows"), row);
    }
    if (labels) {
        json_object_set(part, "labels", labels);
    }
}

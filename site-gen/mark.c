/* The mark of numbers that were computed in a dtype which changes answers (base/precision.h): the
 * board ranks such a row, as the configuration that it is, and says so wherever its numbers stand.
 * And of those that were imported, and of models that somebody else runs. */
#include <string.h>

#include "base/json.h"
#include "base/precision.h"
#include "site-gen/view.h"

static bool is_imported(const json_t *of) {
    return strcmp(json_get_string(of, "origin", ""), "imported") == 0;
}

void mark_dtype(json_t *line, const json_t *of) {
    if (is_imported(of) && !json_object_get(line, "mark"))
        json_object_set_new(line, "mark",
            json_pack("{s:s, s:s, s:b}", "word", "imported", "means",
                "measured elsewhere, and taken from a file of another program or from a model's "
                "card",
                "imported", 1));
    if (strcmp(json_get_string(of, "device", ""), "remote") == 0 && !json_object_get(line, "mark"))
        json_object_set_new(line, "mark",
            json_pack("{s:s, s:s, s:b}", "word", "api", "means",
                "a model behind somebody's endpoint, asked over HTTP: which weights answered, and "
                "in what type, nobody else can say",
                "remote", 1));
    const char *dtype = json_get_string(of, "dtype", NULL), *caveat = precision_caveat(dtype);
    if (caveat && !json_object_get(line, "mark"))
        json_object_set_new(line, "mark", json_pack("{s:s, s:s}", "word", dtype, "means", caveat));
}

json_t *marks_of(const json_t *rows) {
    json_t *marks = json_array(), *row, *mark, *known;
    size_t i, k;
    json_array_foreach(rows, i, row) {
        bool is_new = (mark = json_object_get(row, "mark")) != NULL;
        json_array_foreach(marks, k, known) is_new = is_new && !json_equal(known, mark);
        if (is_new)
            json_array_append(marks, mark);
    }
    return marks;
}

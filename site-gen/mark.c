/* The mark of numbers that were computed in a dtype which changes answers (base/precision.h): the
 * board ranks such a row, as the configuration that it is, and says so wherever its numbers stand.
 */
#include "base/json.h"
#include "base/precision.h"
#include "site-gen/view.h"

void mark_dtype(json_t *line, const json_t *of) {
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

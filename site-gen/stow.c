/* See stow.h. */
#include "site-gen/stow.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

static void stow(json_t *row) {
    char *text = json_dumps(json_object_get(row, "cells"), JSON_COMPACT);
    json_object_set_new(row, "cells", json_string(text)); /* in the same place of the row */
    free(text);
}

void board_stow(json_t *board) {
    json_t *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            if (json_is_array(json_object_get(row, "cells")))
                stow(row);
        }
    }
}

json_t *row_unstowed(const json_t *row) {
    const char *text = json_get_string(row, "cells", NULL);
    if (!text)
        return json_incref((json_t *)(uintptr_t)row);
    json_t *whole = json_copy((json_t *)(uintptr_t)row), *cells = json_loads(text, 0, NULL);
    BUG_IF(!cells);
    json_object_set_new(whole, "cells", cells);
    return whole;
}

json_t *board_unstowed(const json_t *board) {
    json_t *whole = json_copy((json_t *)(uintptr_t)board), *sections = json_array(), *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_t *copy = json_copy(section), *rows = json_array();
        json_array_foreach(json_object_get(section, "rows"), k, row)
            json_array_append_new(rows, row_unstowed(row));
        json_object_set_new(copy, "rows", rows);
        json_array_append_new(sections, copy);
    }
    json_object_set_new(whole, "sections", sections);
    return whole;
}

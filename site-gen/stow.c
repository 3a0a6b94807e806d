/* See stow.h. */
#include "site-gen/stow.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

/* What is known of the runs of a row's cells. */
static json_t *runs_of(const struct world *w, const json_t *cells) {
    json_t *runs = json_array(), *cell;
    size_t i;
    json_array_foreach(cells, i, cell) {
        const json_t *run = world_run(w, json_get_int(cell, "run", 0));
        if (!run)
            continue;
        json_t *copy = json_copy((json_t *)(uintptr_t)run);
        json_object_del(copy, "data_sha256"); /* which the cell has */
        json_array_append_new(runs, copy);
    }
    return runs;
}

static void stow(const struct world *w, json_t *row) {
    json_t *cells = json_object_get(row, "cells"),
           *all = json_pack("{s:O, s:o}", "cells", cells, "runs", runs_of(w, cells));
    char *text = json_dumps(all, JSON_COMPACT);
    json_object_set_new(row, "cells", json_string(text)); /* in the same place of the row */
    json_decref(all);
    free(text);
}

void board_stow(const struct world *w, json_t *board) {
    json_t *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            if (json_is_array(json_object_get(row, "cells")))
                stow(w, row);
        }
    }
}

/* *runs is given to the caller where there are any. */
static json_t *unstow(const json_t *row, json_t **runs) {
    const char *text = json_get_string(row, "cells", NULL);
    *runs = NULL;
    if (!text)
        return json_incref((json_t *)(uintptr_t)row);
    json_t *whole = json_copy((json_t *)(uintptr_t)row), *all = json_loads(text, 0, NULL);
    BUG_IF(!all);
    json_object_set(whole, "cells", json_object_get(all, "cells"));
    *runs = json_incref(json_object_get(all, "runs"));
    json_decref(all);
    return whole;
}

json_t *row_unstowed(const json_t *row) {
    json_t *runs, *whole = unstow(row, &runs);
    json_decref(runs);
    return whole;
}

json_t *row_with_runs(const struct world *w, const json_t *row) {
    json_t *runs, *whole = unstow(row, &runs);
    if (runs)
        world_show(w, runs, NULL);
    json_decref(runs);
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

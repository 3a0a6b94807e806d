/* Bytes as a file of another program's results; what is understood is written and read again. */
#include <stdlib.h>

#include "evaluator/foreign/foreign.h"

static void read_again(enum foreign_format format, const json_t *results) {
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    json_t *again = json_array();
    struct foreign_file file = { .path = "again", .model = "org/name" };
    if (format == FOREIGN_EVAL_RESULTS) {
        foreign_write_eval_results(results, NULL, &out);
    } else if (!foreign_write_model_index("name", results, NULL, 0, &out, &err)) {
        abort();
    }
    file.text = strbuf_str(&out);
    file.n = out.len;
    if (!foreign_parse(format, &file, again, &err) ||
        json_array_size(again) != json_array_size(results)) {
        abort();
    }
    json_decref(again);
    strbuf_release(&out);
}

static inline int foreign_fuzz(enum foreign_format format, const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    json_t *results = json_array();
    struct foreign_file file = {
        .path = "results_x.json", .text = (const char *)bytes, .n = size, .model = "org/name"
    };
    bool cards = format == FOREIGN_MODEL_INDEX || format == FOREIGN_EVAL_RESULTS;
    if (foreign_parse(format, &file, results, &err) && cards) {
        read_again(format, results);
    } else if (!cards) {
        json_decref(foreign_document(format, results));
    }
    json_decref(results);
    return 0;
}

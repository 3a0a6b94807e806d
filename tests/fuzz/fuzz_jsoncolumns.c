/* Bytes as a JSON object of columns, read by cursors: as many rows as are passed over, and each a
 * row that jansson would have made of the document too. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/data/jsoncolumns.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct memory {
    struct bytes bytes;
    const uint8_t *at;
};

static bool memory_read(struct bytes *b, uint64_t at, void *into, size_t n, struct err *err) {
    (void)err;
    memcpy(into, ((struct memory *)b)->at + at, n);
    return true;
}

/* Rows until the end or a row that is refused, which is counted where it is passed over only. */
static uint64_t count(struct bytes *bytes, const json_t *document, bool read) {
    struct err err = ERR_INIT;
    struct row row = { 0 };
    struct json_columns *c = json_columns_open(bytes, "x.json", &err);
    uint64_t n = 0;
    for (; c && json_columns_next(c, read ? &row : NULL, &err); n++) {
        const char *key;
        json_t *list, *got = read && document ? value_json(row.values) : NULL;
        json_object_foreach((json_t *)(uintptr_t)document, key, list)
            BUG_IF(got && !json_equal(json_object_get(got, key), json_array_get(list, n)));
        json_decref(got);
        row_reset(&row);
    }
    BUG_IF(!c && err.class == ERR_NONE);
    json_columns_close(c);
    row_release(&row);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct memory m = { { size, memory_read, NULL }, bytes };
    if (size > 0 && memchr(bytes, 0, size))
        return 0;
    json_t *document =
        json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (json_is_object(document))
        BUG_IF(count(&m.bytes, document, true) > count(&m.bytes, document, false));
    else
        (void)(count(&m.bytes, NULL, true) + count(&m.bytes, NULL, false));
    json_decref(document);
    return 0;
}

/* Bytes as the values of a page: the first three say encoding, type and width, the rest is read to
 * the end and must not be read past it. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/data/parquet_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void use(const struct pq_value *v, enum pq_type type) {
    static volatile uint8_t sum;
    if (type == PQ_BYTE_ARRAY || type == PQ_FIXED)
        for (size_t i = 0; i < v->n; i++)
            sum = (uint8_t)(sum + v->bytes[i]);
}

static void read_values(
    const uint8_t *bytes, size_t size, int encoding, const struct pq_node *leaf) {
    struct pq_value entries[3] = { { .n = 0 } };
    struct pq_dictionary dictionary = { entries, 3 };
    struct pq_memory memory = { 0 };
    struct pq_values values = { .memory = &memory };
    struct pq_value v = { 0 };
    struct err err = ERR_INIT;
    if (pq_values_init(&values, encoding, leaf, bytes, size, 10000, &dictionary, &err))
        for (int i = 0; i < 10000 && pq_values_next(&values, &v); i++)
            use(&v, leaf->type);
    else
        BUG_IF(err.class == ERR_NONE);
    pq_buffer_release(&values.previous, &memory);
    BUG_IF(memory.used != 0);
}

static void read_levels(const uint8_t *bytes, size_t size, unsigned width) {
    struct pq_runs runs;
    uint32_t value;
    pq_runs_init(&runs, bytes, size, width);
    for (int i = 0; i < 10000 && pq_runs_next(&runs, &value); i++)
        BUG_IF(width < 32 && value >> width != 0 && runs.same == 0 && width % 8 == 0);
    pq_runs_init_packed(&runs, bytes, size, width);
    for (int i = 0; i < 10000 && pq_runs_next(&runs, &value); i++)
        BUG_IF(width < 32 && value >> width != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 3)
        return 0;
    struct pq_node leaf = { .name = "x",
        .leaf = true,
        .type = (enum pq_type)(bytes[1] % PQ_N_TYPES),
        .width = bytes[2] % 40 + 1u };
    uint8_t *copy = xmalloc(size - 3); /* its own end is the sanitizer's */
    memcpy(copy, bytes + 3, size - 3);
    read_values(copy, size - 3, bytes[0] % 11, &leaf);
    read_levels(copy, size - 3, bytes[2] % 33);
    free(copy);
    return 0;
}

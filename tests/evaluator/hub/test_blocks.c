/* Blocks of remote files: what is asked of the network for what is asked of us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/blocks.h"

#define MIB ((uint64_t)1 << 20)

struct network {
    struct blocks *blocks;
    unsigned n_requests;
    uint64_t bytes, size;
    bool down;
};

static uint8_t byte_at(size_t file, uint64_t at) {
    return (uint8_t)(at * 2654435761u >> 13 ^ file * 31);
}

static bool fetch(void *arg, size_t file, uint64_t at, void *into, size_t n, struct err *err) {
    struct network *net = arg;
    net->n_requests++;
    net->bytes += n;
    assert_true(at + n <= net->size);
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)into)[i] = byte_at(file, at + i);
    return !net->down || err_set(err, ERR_NETWORK, "down");
}

static void start(struct network *net, uint64_t size) {
    *net = (struct network) { .size = size };
    net->blocks = blocks_new(fetch, net);
}

static void read_checked(struct network *net, size_t file, uint64_t at, size_t n) {
    struct err err = ERR_INIT;
    uint8_t *bytes = xmalloc(n);
    if (!blocks_read(net->blocks, file, net->size, at, bytes, n, &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != byte_at(file, at + i))
            fail_msg("byte %zu of a read at %llu", i, (unsigned long long)at);
    free(bytes);
}

static void small_reads_in_a_row_are_few_requests(void **state) {
    (void)state;
    struct network net;
    start(&net, 100 * MIB + 17);
    for (uint64_t at = 0; at < net.size; at += 10007)
        read_checked(&net, 0, at, net.size - at < 10007 ? (size_t)(net.size - at) : 10007);
    assert_true(net.n_requests < 15);
    assert_int_equal(net.bytes, net.size);
    blocks_free(net.blocks);
}

static void reads_here_and_there_bring_little_more_than_asked(void **state) {
    (void)state;
    struct network net;
    start(&net, 1000 * MIB);
    for (unsigned i = 0; i < 50; i++)
        read_checked(&net, 0, i * 20 * MIB + 5, 100);
    assert_int_equal(net.n_requests, 50);
    assert_int_equal(net.bytes, 50 * BLOCK_BYTES);
    blocks_free(net.blocks);
}

/* Columns of a parquet file, in row groups: chunks lie side by side at odd places, a footer behind
 * them, and each is read `part` bytes at a time, all in turn; of every `asked` columns one. */
struct columns {
    uint64_t n, groups, chunk, part, asked;
};

static uint64_t read_columns(struct network *net, const struct columns *c) {
    uint64_t wanted = 0, footer = 4 + c->n * c->groups * c->chunk;
    read_checked(net, 0, footer, (size_t)(net->size - footer));
    for (uint64_t group = 0; group < c->groups; group++)
        for (uint64_t done = 0; done < c->chunk; done += c->part)
            for (uint64_t column = 0; column < c->n; column += c->asked) {
                uint64_t left = c->chunk - done, n = left < c->part ? left : c->part;
                read_checked(net, 0, 4 + (group * c->n + column) * c->chunk + done, (size_t)n);
                wanted += n;
            }
    return wanted;
}

/* At most `percent` more comes than was wanted, in at most so many requests. */
static void check_columns(const struct columns *c, unsigned percent, unsigned n_requests) {
    struct network net;
    start(&net, 4 + c->n * c->groups * c->chunk + 5000);
    uint64_t wanted = read_columns(&net, c);
    if (net.bytes * 100 > wanted * (100 + percent) || net.n_requests > n_requests)
        fail_msg("%llu columns: %llu bytes for %llu in %u requests", (unsigned long long)c->n,
            (unsigned long long)net.bytes, (unsigned long long)wanted, net.n_requests);
    blocks_free(net.blocks);
}

static void columns_read_in_turn_are_hardly_fetched_twice(void **state) {
    (void)state;
    check_columns(&(struct columns) { 2, 1, 30 * MIB + 3, 1 << 20, 1 }, 1, 20);
    check_columns(&(struct columns) { 8, 1, 16 * MIB - 999, 1 << 20, 1 }, 1, 80);
    check_columns(&(struct columns) { 8, 4, 3 * MIB + 77, 1 << 20, 1 }, 1, 100);
    check_columns(&(struct columns) { 24, 1, 10 * MIB - 999, 1 << 20, 1 }, 1, 200);
    check_columns(&(struct columns) { 60, 1, 800123, 546133, 1 }, 1, 150);
    check_columns(&(struct columns) { 120, 1, MIB - 11, 279620, 1 }, 1, 500);
}

/* More columns than memory has two blocks for: each read is a request, and brings what it asks. */
static void a_crowd_of_columns_gets_what_it_asks_for_and_no_more(void **state) {
    (void)state;
    check_columns(&(struct columns) { 200, 1, 480123, 160 << 10, 1 }, 1, 650);
    check_columns(&(struct columns) { 400, 2, 160111, 64 << 10, 1 }, 1, 2500);
}

/* Nobody wants what lies between: that reaching ahead only throws blocks out is learnt. */
static void columns_that_are_left_out_cost_little(void **state) {
    (void)state;
    check_columns(&(struct columns) { 9, 30, 3 * MIB + 77, 1 << 20, 4 }, 30, 260);
    check_columns(&(struct columns) { 8, 1, 16 * MIB - 999, 1 << 20, 4 }, 10, 20);
}

static void a_second_pass_is_as_few_requests_as_the_first(void **state) {
    (void)state;
    struct network net;
    unsigned first = 0;
    start(&net, 100 * MIB);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t at = 0; at < net.size; at += MIB)
            read_checked(&net, 0, at, 1 << 20);
        first = pass == 0 ? net.n_requests : first;
    }
    assert_true(first < 20 && net.n_requests <= 2 * first);
    assert_true(net.bytes > net.size && net.bytes <= 2 * net.size);
    blocks_free(net.blocks);
}

static void what_was_read_is_kept(void **state) {
    (void)state;
    struct network net;
    start(&net, 10 * MIB);
    read_checked(&net, 0, 0, 4 << 20);
    unsigned n = net.n_requests;
    read_checked(&net, 0, MIB, 2 << 20);
    assert_int_equal(net.n_requests, n);
    read_checked(&net, 1, MIB, 1); /* another file's bytes are others */
    assert_int_equal(net.n_requests, n + 1);
    blocks_free(net.blocks);
}

static void a_failure_leaves_nothing_behind(void **state) {
    (void)state;
    struct network net;
    struct err err = ERR_INIT;
    uint8_t byte;
    start(&net, MIB);
    net.down = true;
    assert_false(blocks_read(net.blocks, 0, net.size, 7, &byte, 1, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    net.down = false;
    read_checked(&net, 0, 7, 1);
    blocks_free(net.blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_reads_in_a_row_are_few_requests),
        cmocka_unit_test(reads_here_and_there_bring_little_more_than_asked),
        cmocka_unit_test(columns_read_in_turn_are_hardly_fetched_twice),
        cmocka_unit_test(a_crowd_of_columns_gets_what_it_asks_for_and_no_more),
        cmocka_unit_test(columns_that_are_left_out_cost_little),
        cmocka_unit_test(a_second_pass_is_as_few_requests_as_the_first),
        cmocka_unit_test(what_was_read_is_kept),
        cmocka_unit_test(a_failure_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* As parquet does with its columns. */
static void many_places_read_in_turn_are_hardly_fetched_twice(void **state) {
    (void)state;
    struct network net;
    start(&net, 480 * MIB);
    for (uint64_t done = 0; done < 4 * MIB; done += 64 << 10)
        for (uint64_t column = 0; column < 120; column++)
            read_checked(&net, 0, column * 4 * MIB + done, 64 << 10);
    assert_true(net.bytes < net.size + net.size / 2); /* trying how far to reach costs a little */
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
        cmocka_unit_test(many_places_read_in_turn_are_hardly_fetched_twice),
        cmocka_unit_test(what_was_read_is_kept),
        cmocka_unit_test(a_failure_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

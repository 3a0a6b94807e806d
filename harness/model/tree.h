/* The prefix tree of a list of token sequences, without nodes: the sorted list is the tree.
 *
 * After sorting, sequences that begin alike stand together, so walking the list is walking the tree
 * depth first: a sequence's first `shared` tokens are on the path of its predecessor, the rest is a
 * branch of its own. The tree has n_rows = sum of (n - shared) tokens, the least there is to
 * compute.
 *
 * A read asks for log p(token | tokens up to position). Several sequences may read the same row;
 * the row is computed once, by its owner, the first of the list that has it. */
#ifndef ASSAY_HARNESS_MODEL_TREE_H
#define ASSAY_HARNESS_MODEL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n tokens are fed; rows first_read .. n-1 are read for the tokens that follow them, ids[first_read
 * + 1 .. n]. The i-th read is number sink + i. first_read = n: nothing is read, and ids[n] need not
 * exist. */
struct tree_sequence {
    const int32_t *ids;
    uint32_t n, first_read;
    size_t sink;
    uint32_t length_class; /* sequences of different classes share nothing (rope_class) */
    uint32_t shared;       /* out: tokens on the path of the one before it in the tree's order */
    size_t reads, n_reads; /* out: its part of `reads` */
};

struct tree_read {
    uint32_t position;
    int32_t token;
    size_t sink;
};

struct tree {
    struct tree_sequence *sequences; /* in the tree's order */
    size_t n_sequences;
    struct tree_read *reads; /* by owner, then by position */
    size_t n_reads;
    uint64_t n_asked, n_rows; /* tokens fed, as asked and as computed */
    uint64_t n_logit_rows;    /* rows that are read */
    double n_pairs;           /* sum over rows of position + 1: attention scores */
    uint32_t depth;           /* longest sequence */
};

/* Sorts the sequences and takes the list over. share = false: every sequence is computed whole. */
void tree_build(struct tree *t, struct tree_sequence *sequences, size_t n, bool share);
void tree_release(struct tree *t);

#endif

/* The working area of one call of tokenizer_encode: a text that is being rewritten, cut into
 * pieces.
 *
 * Every step of the pipeline either rewrites the pieces (work_transform: each output byte remembers
 * which code points of the input it stands for) or cuts them (work_split). A piece that an added
 * token matched carries its id and is left alone by all later steps. Empty pieces are dropped. */
#ifndef ASSAY_HARNESS_TOKENIZER_WORK_H
#define ASSAY_HARNESS_TOKENIZER_WORK_H

#include "harness/harness.h"
#include "harness/tokenizer/model/word_memo.h"

struct text {
    char *bytes;
    struct token_span *align; /* one a byte; unused unless the work keeps alignments */
    size_t n, capacity, align_capacity;
};

#define PIECE_NO_ID (-1)
struct piece {
    uint32_t from, to; /* bytes of work.text */
    int64_t id;        /* of an added token, or PIECE_NO_ID */
};
struct piece_list {
    struct piece *items;
    size_t n, capacity;
};

/* What a pattern found in one piece: matches and what lies between them, in order, covering the
 * piece. */
struct segment {
    uint32_t from, to; /* relative to the piece */
    bool match;
};

struct bpe_symbol {
    uint32_t id, n; /* n: bytes; 0 once it was merged into its left neighbour */
    int32_t prev, next;
};
struct bpe_candidate {
    uint32_t rank, at, id;
};
struct bpe_scratch {
    struct bpe_symbol *symbols;
    struct bpe_candidate *heap;
    size_t n, capacity, n_heap, heap_capacity;
};

/* The best way to cut a text up to one place: where its last token begins, and which it is. */
struct lattice_node {
    double score;
    uint32_t from, id;
};

struct regex_scratch; /* see regex.h */
struct vocab;

/* Whether white space at a token's ends counts as part of it (ByteLevel's and Roberta's
 * trim_offsets). */
struct trim_rule {
    bool trim, add_prefix_space;
    bool behind; /* other tokens stand before the text's first, which is no longer the first then */
};

struct work {
    bool want_align;
    struct text text, spare;
    struct piece_list pieces, spare_pieces;
    struct segment *segments;
    size_t n_segments, segments_capacity;
    struct bpe_scratch bpe;
    struct word word;      /* what the token model makes of the piece at hand */
    struct word_memo memo; /* of the model, from text to text */
    struct lattice_node *lattice;
    size_t lattice_capacity;
    struct regex_scratch *regex;
    uint32_t *cps; /* a piece's new text and what each code point stands for: see work_change */
    int32_t *changes;
    size_t n_cps, cps_capacity, changes_capacity;
    uint64_t steps; /* what has been done so far, in units that take about as long: tests compare it
                       with the length of the text */
    size_t ceiling; /* bytes that the text may grow to */
    bool overflow;  /* it would have grown further */
    struct token_list *out;
    size_t first_token; /* where this text's tokens begin in `out` */
    struct trim_rule trim;
    const struct vocab *vocab; /* for the texts of tokens; needed only to trim */
    int64_t covers;            /* a token whose text is what it covers; -1: there is none */
    struct work *below;        /* on the shelf */
};

/* Takes up a text: valid UTF-8 shorter than 1 GiB. The work is zeroed, or has done another text
 * before, whose memory it goes on with. */
void work_begin(
    struct work *w, const char *text, size_t n, bool want_align, struct token_list *out);
void work_release(struct work *w);

/* Works that nobody is using, for whichever thread comes next. A tokenizer has one shelf, as works
 * remember words. */
struct work_shelf;
struct work_shelf *work_shelf_new(void);
void work_shelf_free(struct work_shelf *shelf);
struct work *work_take(struct work_shelf *shelf);
void work_return(struct work_shelf *shelf, struct work *w);

/* A piece, as steps see it. */
struct view {
    const char *bytes;
    const struct token_span *align; /* NULL if alignments aren't kept */
    size_t n;
};
struct view work_view(const struct work *w, const struct piece *p);

/* Rewrites each piece without an id: `each` appends to the work with the functions below. */
typedef void transform_fn(struct work *w, const void *options, struct view in);
void work_transform(struct work *w, transform_fn *each, const void *options);

/* Appends bytes that all stand for the input that byte `at` of `in` stands for. */
void work_put(struct work *w, const char *bytes, size_t n, struct view in, size_t at);
void work_put_cp(struct work *w, uint32_t cp, struct view in, size_t at);
/* Appends in.bytes[from..to) as they are. */
void work_copy(struct work *w, struct view in, size_t from, size_t to);

/* For rewriting by code points, as the reference counts: a piece's new text is put together in
 * `cps` and `changes`, then written. A change is 1 for a code point that was added behind its
 * predecessor, 0 for one that stands for the next input character, -k for one that also stands for
 * the k input characters after that. */
void work_change(struct work *w, uint32_t cp, int32_t change);
void work_write_changes(struct work *w, struct view in);

enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS,
};

/* Cuts each piece without an id by what `find` reports through work_segment. */
typedef bool find_fn(struct work *w, const void *options, struct view in, struct err *err);
MUST_CHECK bool work_split(struct work *w, find_fn *find, const void *options,
    enum split_behavior behavior, struct err *err);
void work_segment(struct work *w, size_t from, size_t to, bool match);

/* Appends a piece to the list that replaces the present one; work_pieces_begin and _end bracket
 * such a rewrite. */
void work_pieces_begin(struct work *w);
void work_piece(struct work *w, size_t from, size_t to, int64_t id);
void work_pieces_end(struct work *w);

/* Appends a token that covers bytes [from, to) of the piece; the tokens of w->word. */
void work_emit(struct work *w, const struct piece *p, uint32_t id, size_t from, size_t to);
void work_emit_word(struct work *w, const struct piece *p);

/* True if every byte is below `limit`: a quick way past most normalizers. */
bool work_all_below(const struct work *w, unsigned char limit);

#endif

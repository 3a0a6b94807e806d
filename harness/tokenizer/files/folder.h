/* Inside the tokenizer: what a folder says of its tokenizer, and the classes of transformers 5 that
 * may overrule it. */
#ifndef ASSAY_HARNESS_TOKENIZER_FILES_FOLDER_H
#define ASSAY_HARNESS_TOKENIZER_FILES_FOLDER_H

#include "harness/tokenizer/tokenizer.h"

struct folder {
    const char *path;
    json_t *config; /* tokenizer_config.json with special_tokens_map.json; an empty object if there
                       is none */
    json_t *model;  /* config.json; an empty object if there is none */
    json_t *doc;    /* like tokenizer.json */
    bool has_json;  /* it is tokenizer.json, whose post-processor counts */
    int64_t unk_id; /* where the model itself says; else -1 */
    enum bpe_order make_merges; /* the vocabulary says how its tokens merge */
    const char
        *format_class; /* what a vocabulary file without tokenizer.json is read as; or NULL */
};

enum special_token {
    SPECIAL_BOS,
    SPECIAL_EOS,
    SPECIAL_UNK,
    SPECIAL_SEP,
    SPECIAL_PAD,
    SPECIAL_CLS,
    SPECIAL_MASK,
    SPECIAL_N,
};
extern const char *const SPECIAL_KEYS[SPECIAL_N]; /* "bos_token", ... */

struct folder_class {
    const char *name, *model; /* the model's type, without which the file is taken as it is */
    const char *also;         /* further names, each between spaces */
    /* The pipeline as JSON, with ' for "; strings that begin with $ are filled in (see fill). */
    const char *normalizer, *pre_tokenizer, *decoder;
    const char *options; /* of the model, likewise; what isn't named is reset */
    const char *tokens[SPECIAL_N];
    /* What stands around a text, as names of special tokens and $; NULL: what the file says. */
    const char *post;
    const char *post_legacy; /* with legacy_behaviour */
    const char *language;    /* "lang" in `post` where src_lang isn't given */
    const char *scheme;      /* of Metaspace without add_prefix_space; NULL: "never" */
    unsigned unk_otherwise;  /* $unk_id where the unknown token isn't in the vocabulary */
    bool asks_model;         /* before unk_otherwise, what the model says itself */
    bool post_of_json;       /* `post` counts only over a tokenizer.json */
    bool post_yields;        /* the file's post-processor goes before `post` */
    bool flags_count;        /* add_bos_token and add_eos_token go before `post`, too */
    bool never_legacy;       /* `legacy` says nothing of Metaspace */
    bool adds_bos;           /* what add_bos_token is where it isn't given */
    bool trims, trims_add;   /* spans are trimmed like RobertaProcessing's */
    bool cased;              /* text is lowered only if do_lower_case says so */
    bool keeps_accents;      /* unless keep_accents says otherwise */
    bool no_prefix;          /* add_prefix_space is false where nothing is said */
    bool not_byte_level;     /* a file with ByteLevel is taken as it is */
    bool mask_strips;        /* the mask takes the space before it along */
};

/* The name of the folder's class, without "Fast"; its length goes to *n, 0 if there is none. */
const char *folder_class_name(const struct folder *f, size_t *n);
/* Refuses classes that are programs of their own, so that nobody's ids are another's. */
MUST_CHECK bool folder_class_check(const struct folder *f, struct err *err);
/* The class that builds the folder's pipeline; NULL: the file is taken as it is. */
const struct folder_class *folder_class_find(const struct folder *f);
/* Puts the class's pipeline and options into the document. */
void folder_class_apply(const struct folder_class *c, struct folder *f);

/* A special token's text: a string or an object with `content`. `otherwise` if absent. */
const char *folder_special(const struct folder *f, const char *key, const char *otherwise);

#endif

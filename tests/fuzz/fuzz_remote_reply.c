/* What an endpoint answers: the first byte says which kind of reply the rest is. Whatever is taken
 * from it is finite, and of what was asked. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/remote/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_scored(const json_t *reply) {
    static const char *const TEXTS[] = { "a b c", "\xf0\x9f\x98\x80 is \xc3\xa9", "x" };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        for (size_t from = 0; from <= strlen(TEXTS[i]); from++) {
            struct err err = ERR_INIT;
            struct reply_score s;
            if (reply_scored(reply, TEXTS[i], strlen(TEXTS[i]), from, &s, &err)) {
                BUG_IF(!isfinite(s.loglikelihood) || s.n_tokens > strlen(TEXTS[i]) + 1000000);
                BUG_IF(s.n_tokens == 0 && (s.loglikelihood < 0 || s.loglikelihood > 0));
            }
        }
    }
}

static void read_text(const json_t *reply, const struct api *api) {
    struct err err = ERR_INIT;
    struct reply_text text;
    double lp[REPLY_LETTERS];
    bool any;
    if (reply_written(reply, api, &text, &err)) {
        BUG_IF(letter_of_text(text.text, 5) >= 5);
    }
    (void)!reply_letters(reply, 5, lp, &any, &err);
}

static void read_vectors(const json_t *reply, const struct api *api) {
    struct err err = ERR_INIT;
    uint32_t width = 0;
    float *v = NULL;
    if (reply_vectors(reply, api, 2, &width, &v, &err)) {
        for (size_t i = 0; i < 2u * width; i++) {
            BUG_IF(!isfinite(v[i]));
        }
    }
    free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct api api = { .name = "a", .model = "m" };
    struct err err = ERR_INIT;
    struct reply_about about;
    char said[64], code[16];
    if (size == 0) {
        return 0;
    }
    api.kind = (enum api_kind)(*data % N_API_KINDS);
    api.speaks = (enum api_speaks)(*data / N_API_KINDS % N_API_SPEAKS);
    char *text = xcalloc(size, 1); // its own memory: a read past it shows
    memcpy(text, data + 1, size - 1);
    reply_error(text, size - 1, said, sizeof said, code, sizeof code);
    json_t *reply = json_parse(text, size - 1, "reply", &err);
    if (reply) {
        (void)!reply_about(reply, &api, &about, &err);
        read_scored(reply);
        read_text(reply, &api);
        read_vectors(reply, &api);
    }
    json_decref(reply);
    free(text);
    return 0;
}

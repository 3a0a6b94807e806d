/* What is said, in the shapes of OpenAI's API (see models.h). */
#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "evaluator/serve/models.h"

/* ---- errors ---- */

unsigned answer_status(const struct err *err) {
    switch (err->class) {
    case ERR_INPUT:
    case ERR_UNSUPPORTED:
        return MHD_HTTP_BAD_REQUEST;
    case ERR_NOT_FOUND:
        return MHD_HTTP_NOT_FOUND;
    case ERR_AUTH:
        return MHD_HTTP_UNAUTHORIZED;
    case ERR_BUSY:
        return MHD_HTTP_TOO_MANY_REQUESTS;
    case ERR_INTERRUPTED:
    case ERR_RESOURCE:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

static const char *type_of(unsigned status) {
    return status == MHD_HTTP_NOT_FOUND           ? "not_found_error"
           : status == MHD_HTTP_UNAUTHORIZED      ? "authentication_error"
           : status == MHD_HTTP_TOO_MANY_REQUESTS ? "rate_limit_error"
           : status >= 500                        ? "server_error"
                                                  : "invalid_request_error";
}

static void put_error(
    struct json_writer *w, unsigned status, const struct err *err, const char *param) {
    struct strbuf text = { 0 };
    strbuf_adds(&text, err->msg);
    if (*err->hint) {
        strbuf_addf(&text, ": %s", err->hint);
    }
    jw_key(w, "error");
    jw_object(w);
    jw_kv_string(w, "message", strbuf_str(&text));
    jw_kv_string(w, "type", type_of(status));
    jw_kv_string(w, "param", param);
    jw_kv_int(w, "code", status);
    jw_end_object(w);
    strbuf_release(&text);
}

void answer_error(struct strbuf *out, unsigned status, const struct err *err, const char *param) {
    struct json_writer w;
    json_writer_init(&w, out, false);
    jw_object(&w);
    put_error(&w, status, err, param);
    jw_end_object(&w);
    strbuf_addc(out, '\n');
}

/* ---- models ---- */

static void put_model(struct json_writer *w, const struct desk_model *m) {
    const struct model_info *info = model_info(m->model);
    jw_object(w);
    jw_kv_string(w, "id", m->name);
    jw_kv_string(w, "object", "model");
    jw_kv_int(w, "created", 0);
    jw_kv_string(w, "owned_by", "assay");
    jw_kv_int(w, "max_model_len", m->longest);
    jw_kv_string(w, "gives", m->flow ? "text" : "vectors");
    jw_kv_bool(w, "chat", m->chat != NULL);
    jw_kv_string(w, "dtype", info->dtype);
    jw_kv_string(w, "backend", info->backend);
    jw_end_object(w);
}

void answer_models(struct desk *d, const struct desk_model *only, struct strbuf *out) {
    struct json_writer w;
    json_writer_init(&w, out, false);
    if (only) {
        put_model(&w, only);
    } else {
        jw_object(&w);
        jw_kv_string(&w, "object", "list");
        jw_key(&w, "data");
        jw_array(&w);
        for (size_t i = 0; i < desk_n_models(d); i++) {
            put_model(&w, desk_model(d, i));
        }
        jw_end_array(&w);
        jw_end_object(&w);
    }
    strbuf_addc(out, '\n');
}

/* ---- log-probabilities ---- */

static void token_text(const struct desk_job *job, int32_t id, struct strbuf *out) {
    const struct tokenizer *t = model_tokenizer(job->model->model);
    struct err ignored = ERR_INIT;
    strbuf_reset(out);
    if (!t || !tokenizer_bytes(t, id, out, &ignored)) {
        strbuf_reset(out);
        strbuf_addf(out, "token_id:%d", id);
    }
}

static void put_number(struct json_writer *w, double v) {
    if (isnan(v)) {
        jw_null(w);
    } else {
        jw_double(w, v);
    }
}

/* Keys of an object stand once: of tokens that are written alike the likeliest counts. */
static void put_top(struct json_writer *w, const struct desk_job *job, const struct flow_top *top,
    unsigned n, int32_t id, double logprob) {
    struct strbuf text = { 0 };
    json_t *seen = json_object();
    jw_object(w);
    for (unsigned k = 0; k <= n; k++) {
        int32_t which = k < n ? top[k].id : id;
        if (which < 0) {
            continue;
        }
        token_text(job, which, &text);
        char key[24]; /* whatever its bytes are, it is the same token or not */
        struct strbuf written = { 0 };
        struct json_writer probe;
        snprintf(key, sizeof key, "%d", which);
        json_writer_init(&probe, &written, false);
        jw_string_n(&probe, strbuf_str(&text), text.len);
        if (!json_object_get(seen, strbuf_str(&written))) {
            json_object_set_new(seen, strbuf_str(&written), json_true());
            json_t *name = json_loadb(
                strbuf_str(&written), written.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            jw_key(w, json_string_length(name) == strlen(json_string_value(name))
                          ? json_string_value(name)
                          : key);
            json_decref(name);
            jw_double(w, k < n ? top[k].logprob : logprob);
        }
        strbuf_release(&written);
    }
    jw_end_object(w);
    json_decref(seen);
    strbuf_release(&text);
}

/* Of a completion: lists, one entry a token. */
static void put_lists(
    struct json_writer *w, const struct desk_job *job, const struct desk_text *t) {
    struct strbuf text = { 0 };
    size_t from = job->ask.echo ? 0 : t->n_prompt, offset = 0;
    unsigned n_top = job->ask.n_top;
    jw_object(w);
    jw_key(w, "tokens");
    jw_array(w);
    for (size_t i = from; i < t->n_read; i++) {
        token_text(job, t->ids[i], &text);
        jw_string_n(w, strbuf_str(&text), text.len);
    }
    jw_end_array(w);
    jw_key(w, "token_logprobs");
    jw_array(w);
    for (size_t i = from; i < t->n_read; i++) {
        put_number(w, t->logprobs[i]);
    }
    jw_end_array(w);
    jw_key(w, "top_logprobs");
    jw_array(w);
    for (size_t i = from; i < t->n_read; i++) {
        if (isnan(t->logprobs[i])) {
            jw_null(w);
        } else {
            put_top(w, job, t->tops + i * n_top, n_top, t->ids[i], t->logprobs[i]);
        }
    }
    jw_end_array(w);
    jw_key(w, "text_offset");
    jw_array(w);
    for (size_t i = from; i < t->n_read; i++) {
        jw_int(w, (long long)offset);
        token_text(job, t->ids[i], &text);
        for (size_t k = 0; k < text.len; k++) {
            offset += ((unsigned char)text.text[k] & 0xc0) != 0x80;
        }
    }
    jw_end_array(w);
    jw_end_object(w);
    strbuf_release(&text);
}

static void put_token(struct json_writer *w, const struct desk_job *job, int32_t id, double logprob,
    struct strbuf *text) {
    token_text(job, id, text);
    jw_key(w, "token");
    jw_string_n(w, strbuf_str(text), text->len);
    jw_kv_double(w, "logprob", logprob);
    jw_key(w, "bytes");
    jw_array(w);
    for (size_t k = 0; k < text->len; k++) {
        jw_int(w, (unsigned char)text->text[k]);
    }
    jw_end_array(w);
}

/* Of a chat: an object a token. */
static void put_objects(
    struct json_writer *w, const struct desk_job *job, const struct desk_text *t) {
    struct strbuf text = { 0 };
    unsigned n_top = job->ask.n_top;
    jw_object(w);
    jw_key(w, "content");
    jw_array(w);
    for (size_t i = t->n_prompt; i < t->n; i++) {
        jw_object(w);
        put_token(w, job, t->ids[i], t->logprobs[i], &text);
        jw_key(w, "top_logprobs");
        jw_array(w);
        for (unsigned k = 0; k < n_top; k++) {
            const struct flow_top *top = &t->tops[i * n_top + k];
            if (top->id >= 0) {
                jw_object(w);
                put_token(w, job, top->id, top->logprob, &text);
                jw_end_object(w);
            }
        }
        jw_end_array(w);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
    strbuf_release(&text);
}

/* ---- texts ---- */

static const char *object_of(const struct desk_job *job, bool event) {
    return job->ask.kind == ASK_COMPLETION ? "text_completion"
           : event                         ? "chat.completion.chunk"
                                           : "chat.completion";
}

static void put_head(struct json_writer *w, const struct desk_job *job, bool event) {
    jw_kv_string(w, "id", job->id);
    jw_kv_string(w, "object", object_of(job, event));
    jw_kv_int(w, "created", job->created);
    jw_kv_string(w, "model", job->model->name);
}

static const char *finish_of(const struct desk_text *t) {
    return t->state == FLOW_STOPPED ? "stop" : "length";
}

/* The prompt as it was sent, or as its ids are written. */
static void add_prompt(const struct desk_job *job, size_t i, struct strbuf *out) {
    const struct ask_prompt *p = &job->ask.prompts[i];
    const struct tokenizer *t = model_tokenizer(job->model->model);
    struct err ignored = ERR_INIT;
    if (p->text) {
        strbuf_add(out, p->text, p->n);
    } else if (t) {
        (void)!tokenizer_decode(t, p->ids, p->n_ids, false, out, &ignored);
    }
}

static void put_choice(struct json_writer *w, const struct desk_job *job, size_t i) {
    const struct desk_text *t = &job->texts[i];
    struct strbuf text = { 0 };
    if (job->ask.echo) {
        add_prompt(job, t->prompt, &text);
    }
    strbuf_add(&text, t->made, t->made_n);
    jw_object(w);
    jw_kv_int(w, "index", (long long)i);
    if (job->ask.kind == ASK_CHAT) {
        jw_key(w, "message");
        jw_object(w);
        jw_kv_string(w, "role", "assistant");
        jw_key(w, "content");
        jw_string_n(w, strbuf_str(&text), text.len);
        jw_end_object(w);
    } else {
        jw_key(w, "text");
        jw_string_n(w, strbuf_str(&text), text.len);
    }
    jw_key(w, "logprobs");
    if (!job->ask.logprobs) {
        jw_null(w);
    } else if (job->ask.kind == ASK_CHAT) {
        put_objects(w, job, t);
    } else {
        put_lists(w, job, t);
    }
    jw_kv_string(w, "finish_reason", finish_of(t));
    jw_end_object(w);
    strbuf_release(&text);
}

static void put_usage(struct json_writer *w, const struct desk_job *job) {
    long long prompts = 0, made = 0, shared = 0;
    for (size_t i = 0; i < job->ask.n_prompts; i++) {
        prompts += (long long)job->ids[i].n;
    }
    for (size_t i = 0; i < job->n_texts; i++) {
        made += (long long)(job->texts[i].n - job->texts[i].n_prompt);
        shared += job->texts[i].n_shared;
    }
    jw_key(w, "usage");
    jw_object(w);
    jw_kv_int(w, "prompt_tokens", prompts);
    if (job->ask.kind != ASK_EMBEDDING) {
        jw_kv_int(w, "completion_tokens", made);
    }
    jw_kv_int(w, "total_tokens", prompts + made);
    if (job->ask.kind != ASK_EMBEDDING) {
        jw_key(w, "prompt_tokens_details");
        jw_object(w);
        jw_kv_int(w, "cached_tokens", shared < prompts ? shared : prompts);
        jw_end_object(w);
    }
    jw_end_object(w);
}

/* ---- vectors ---- */

static void put_vectors(struct json_writer *w, const struct desk_job *job) {
    struct strbuf text = { 0 };
    jw_kv_string(w, "object", "list");
    jw_key(w, "data");
    jw_array(w);
    for (size_t i = 0; i < job->ask.n_prompts; i++) {
        const float *v = job->vectors + i * job->width;
        jw_object(w);
        jw_kv_string(w, "object", "embedding");
        jw_kv_int(w, "index", (long long)i);
        jw_key(w, "embedding");
        if (job->ask.base64) { /* of floats, the least byte first: as they lie here */
            strbuf_reset(&text);
            base64_add(&text, v, job->width * sizeof *v);
            jw_string(w, strbuf_str(&text));
        } else {
            jw_array(w);
            for (uint32_t k = 0; k < job->width; k++) {
                jw_float(w, v[k]);
            }
            jw_end_array(w);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_kv_string(w, "model", job->model->name);
    strbuf_release(&text);
}

void answer_whole(const struct desk_job *job, struct strbuf *out) {
    struct json_writer w;
    json_writer_init(&w, out, false);
    jw_object(&w);
    if (job->ask.kind == ASK_EMBEDDING) {
        put_vectors(&w, job);
    } else {
        put_head(&w, job, false);
        jw_key(&w, "choices");
        jw_array(&w);
        for (size_t i = 0; i < job->n_texts; i++) {
            put_choice(&w, job, i);
        }
        jw_end_array(&w);
    }
    put_usage(&w, job);
    jw_end_object(&w);
    strbuf_addc(out, '\n');
}

/* ---- events ---- */

static void event_begin(struct json_writer *w, const struct desk_job *job, struct strbuf *out) {
    strbuf_adds(out, "data: ");
    json_writer_init(w, out, false);
    jw_object(w);
    put_head(w, job, true);
    jw_key(w, "choices");
    jw_array(w);
}

static void event_end(struct json_writer *w, struct strbuf *out) {
    jw_end_array(w);
    jw_end_object(w);
    strbuf_adds(out, "\n\n");
}

static void put_delta(struct json_writer *w, const struct desk_job *job, size_t i, bool first,
    const char *more, size_t n, const char *finish) {
    bool chat = job->ask.kind == ASK_CHAT;
    jw_object(w);
    jw_kv_int(w, "index", (long long)i);
    if (chat) {
        jw_key(w, "delta");
        jw_object(w);
        if (first) {
            jw_kv_string(w, "role", "assistant");
        }
    }
    if (!chat || first || n > 0) {
        jw_key(w, chat ? "content" : "text");
        jw_string_n(w, more, n);
    }
    if (chat) {
        jw_end_object(w);
    }
    jw_key(w, "logprobs");
    jw_null(w);
    jw_kv_string(w, "finish_reason", finish);
    jw_end_object(w);
}

/* Whose turn it is, or the prompt that is to be repeated. */
void answer_begin_stream(struct desk_job *job, struct strbuf *out) {
    struct json_writer w;
    for (size_t i = 0; i < job->n_texts && (job->ask.kind == ASK_CHAT || job->ask.echo); i++) {
        struct strbuf text = { 0 };
        if (job->ask.echo) {
            add_prompt(job, i / job->ask.n, &text);
        }
        event_begin(&w, job, out);
        put_delta(&w, job, i, true, strbuf_str(&text), text.len, NULL);
        event_end(&w, out);
        strbuf_release(&text);
    }
}

void answer_event(
    struct desk_job *job, size_t text, const char *more, size_t n, bool ended, struct strbuf *out) {
    struct json_writer w;
    event_begin(&w, job, out);
    put_delta(&w, job, text, false, more, n, ended ? finish_of(&job->texts[text]) : NULL);
    event_end(&w, out);
}

void answer_end_stream(struct desk_job *job, struct strbuf *out) {
    struct json_writer w;
    if (job->err.class != ERR_NONE) {
        strbuf_adds(out, "data: ");
        json_writer_init(&w, out, false);
        jw_object(&w);
        put_error(
            &w, job->late ? MHD_HTTP_GATEWAY_TIMEOUT : answer_status(&job->err), &job->err, NULL);
        jw_end_object(&w);
        strbuf_adds(out, "\n\n");
        return; /* without the word that says that it is whole */
    }
    if (job->ask.tells_usage) {
        strbuf_adds(out, "data: ");
        json_writer_init(&w, out, false);
        jw_object(&w);
        put_head(&w, job, true);
        jw_key(&w, "choices");
        jw_array(&w);
        jw_end_array(&w);
        put_usage(&w, job);
        jw_end_object(&w);
        strbuf_adds(out, "\n\n");
    }
    strbuf_adds(out, "data: [DONE]\n\n");
}

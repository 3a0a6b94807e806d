/* The desk: requests come in from connections' threads, one thread runs the models (see models.h).
 *
 * A model that generates has a flow, in which the texts of all requests are; one that gives vectors
 * embeds what waits together. The thread takes the models in turn, a step or a list of texts each,
 * and between these hears of who has come, who has left and whose time is over. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/fault.h"
#include "evaluator/serve/models.h"
#include "evaluator/serve/request.h"

enum {
    LOOK_MS = 50,          /* how often clients are looked for */
    VECTORS_AT_ONCE = 256, /* texts that are embedded together, of several requests */
    WAITING_MAX = 4096,    /* requests under way */
    RUN_S = 600
};
static const size_t TOKENS_MAX = (size_t)8 << 20, /* of all requests under way */
    TEXT_TOKENS = 256,                            /* that a text counts for besides its own */
    TOKEN_BYTES = 256,              /* no token stands for more: what is longer isn't tokenised */
    VECTOR_BYTES = (size_t)1 << 20; /* of a text that is embedded */

struct desk {
    const struct serve_models *o;
    struct desk_model models[SERVE_MODELS_MAX];
    size_t n_models;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct desk_job *first, **last; /* that came in and wait to be taken */
    bool stop;
    size_t n_tokens; /* of all requests under way */
    struct desk_figures figures;
    unsigned long long number;
    /* the thread's alone */
    struct desk_job *jobs; /* under way */
    int64_t looked_ms;
};

static int64_t now_ms(void) {
    return serve_now_us() / 1000;
}

/* ---- models ---- */

static bool open_texts(
    struct desk_model *m, const struct serve_models *o, const char *path, struct err *err) {
    struct flow_options options = { .at_once = o->at_once };
    struct err none = ERR_INIT;
    m->flow = flow_open(m->model, &options, err);
    if (!m->flow) {
        return false;
    }
    m->figures = flow_figures(m->flow);
    m->longest = model_info(m->model)->max_length;
    m->longest = m->longest < m->figures.slots ? m->longest : m->figures.slots;
    m->chat = chat_template_open(path, &none);
    return m->chat || none.class == ERR_NOT_FOUND || (*err = none, false);
}

static bool open_vectors(struct desk_model *m, struct err *err) {
    struct embed_options options = { .pooling = m->pooling };
    m->longest = model_info(m->model)->max_length;
    return model_embed_width(m->model, &options, err) > 0;
}

static bool model_open_at(
    struct desk_model *m, const struct serve_models *o, size_t i, struct err *err) {
    pthread_mutex_init(&m->chat_lock, NULL);
    m->name = xstrdup(o->models[i].name);
    m->last_vector = &m->first_vector;
    m->add_bos = o->add_bos;
    m->model = model_open(o->models[i].path, o->options, err);
    if (!m->model) {
        return false;
    }
    const struct model_info *info = model_info(m->model);
    m->pooling = info->has_pooling ? POOL_AUTO : o->pooling;
    bool texts = info->causal && !info->has_pooling && o->pooling == POOL_AUTO;
    return (texts ? open_texts(m, o, o->models[i].path, err) : open_vectors(m, err)) ||
           err_wrap(err, "'%s' cannot be served", m->name);
}

static void model_close_at(struct desk_model *m) {
    flow_close(m->flow);
    model_close(m->model);
    chat_template_close(m->chat);
    pthread_mutex_destroy(&m->chat_lock);
    free(m->name);
}

size_t desk_n_models(const struct desk *d) {
    return d->n_models;
}

struct desk_model *desk_model(struct desk *d, size_t i) {
    return &d->models[i];
}

struct desk_model *desk_find(struct desk *d, const char *name) {
    if (!name) {
        return d->n_models == 1 ? &d->models[0] : NULL;
    }
    for (size_t i = 0; i < d->n_models; i++) {
        if (!strcmp(d->models[i].name, name)) {
            return &d->models[i];
        }
    }
    return NULL;
}

/* ---- jobs ---- */

static void job_free(struct desk_job *job) {
    for (size_t i = 0; job->ids && i < job->ask.n_prompts; i++) {
        token_list_release(&job->ids[i]);
    }
    for (size_t i = 0; i < job->n_texts; i++) {
        free(job->texts[i].made);
        free(job->texts[i].ids);
        free(job->texts[i].logprobs);
        free(job->texts[i].tops);
    }
    free(job->ids);
    free(job->texts);
    free(job->vectors);
    strbuf_release(&job->events);
    model_ask_release(&job->ask);
    free(job);
}

/* Under the lock. */
static void wake(struct desk_job *job) {
    if (job->asleep) {
        job->asleep = false;
        MHD_resume_connection(job->c);
    }
}

/* The desk lets go of it; its texts are no longer under way. */
static void job_end(struct desk *d, struct desk_job *job) {
    for (size_t i = 0; i < job->n_texts; i++) {
        if (job->texts[i].text) {
            flow_drop(job->model->flow, job->texts[i].text);
            job->texts[i].text = NULL;
        }
    }
    struct strbuf last = { 0 };
    if (job->ask.stream) {
        answer_end_stream(job, &last);
    }
    pthread_mutex_lock(&d->lock);
    strbuf_add(&job->events, strbuf_str(&last), last.len);
    strbuf_release(&last);
    if (job->model->flow) {
        job->model->figures = flow_figures(job->model->flow);
    }
    d->n_tokens -= job->n_tokens;
    d->figures.waiting--;
    *(job->gone || job->left         ? &d->figures.left
        : job->late                  ? &d->figures.late
        : job->err.class != ERR_NONE ? &d->figures.failed
                                     : &d->figures.answered) += 1;
    job->ended = true;
    if (job->gone) {
        pthread_mutex_unlock(&d->lock);
        job_free(job);
        return;
    }
    wake(job);
    pthread_mutex_unlock(&d->lock);
}

/* ---- texts ---- */

static void *copy_of(const void *from, size_t n, size_t size) {
    void *to = from ? xcalloc(n ? n : 1, size) : NULL;
    if (to && n) {
        memcpy(to, from, n * size);
    }
    return to;
}

static void text_take(struct desk_text *t, const struct flow_told *told) {
    t->ended = true;
    t->state = told->state;
    t->made = xstrndup(told->text ? told->text : "", told->text_n);
    t->made_n = told->text_n;
    t->ids = copy_of(told->ids, told->n_read, sizeof *t->ids);
    t->logprobs = copy_of(told->logprobs, told->n_read, sizeof *t->logprobs);
    t->tops = copy_of(told->tops, told->n_read * told->n_top, sizeof *t->tops);
    t->n_prompt = told->n_prompt;
    t->n = told->n;
    t->n_read = told->n_read;
    t->n_shared = told->n_shared;
}

/* What is new of a text, for a stream. */
static void text_tell(
    struct desk *d, struct desk_job *job, size_t i, const struct flow_told *told) {
    struct desk_text *t = &job->texts[i];
    bool ended = told->state > FLOW_RUNS;
    size_t sure = told->n_sure > t->n_told ? told->n_sure : t->n_told;
    if (!job->ask.stream || (sure == t->n_told && !ended)) {
        return;
    }
    struct strbuf event = { 0 };
    answer_event(job, i, told->text ? told->text + t->n_told : "", sure - t->n_told, ended, &event);
    t->n_told = sure;
    pthread_mutex_lock(&d->lock);
    strbuf_add(&job->events, strbuf_str(&event), event.len);
    wake(job);
    pthread_mutex_unlock(&d->lock);
    strbuf_release(&event);
}

/* After a step: true once all texts have ended, or one has failed. */
static bool job_look(struct desk *d, struct desk_job *job) {
    for (size_t i = 0; i < job->n_texts; i++) {
        struct desk_text *t = &job->texts[i];
        if (!t->text) {
            continue;
        }
        struct flow_told told = flow_told(t->text);
        if (told.state == FLOW_FAILED) {
            job->err = told.err;
            return true;
        }
        if (told.state > FLOW_RUNS) {
            text_take(t, &told);
        }
        text_tell(d, job, i, &told);
        if (t->ended) {
            flow_drop(job->model->flow, t->text);
            t->text = NULL;
            job->n_ended++;
        }
    }
    return job->n_ended == job->n_texts;
}

static bool job_begin(struct desk_job *job) {
    const struct model_ask *a = &job->ask;
    for (size_t i = 0; i < job->n_texts; i++) {
        const struct token_list *ids = &job->ids[i / a->n];
        struct flow_ask ask = { .ids = ids->ids,
            .n_ids = ids->n,
            .max_tokens = a->limited || a->kind == ASK_COMPLETION
                              ? a->max_tokens
                              : job->model->longest - (uint32_t)ids->n,
            .temperature = a->temperature,
            .top_p = a->top_p,
            .seed = a->seed,
            .draw = i % a->n,
            .stop = a->stop,
            .n_stop = a->n_stop,
            .reads_prompt = a->echo && a->logprobs,
            .reads = a->logprobs,
            .n_top = a->n_top,
            .as_it_goes = a->stream };
        job->texts[i].prompt = i / a->n;
        job->texts[i].text = flow_add(job->model->flow, &ask, &job->err);
        if (!job->texts[i].text) {
            return false;
        }
    }
    return true;
}

/* ---- vectors ---- */

/* Texts of the requests that wait, of each what it still lacks, that are cut alike. */
struct gathered {
    size_t n;
    struct embed_request requests[VECTORS_AT_ONCE];
    struct desk_job *jobs[VECTORS_AT_ONCE];
    size_t texts[VECTORS_AT_ONCE];
};

static void vectors_gather(const struct desk_model *m, struct gathered *g) {
    uint32_t dimensions = m->first_vector->ask.dimensions;
    for (struct desk_job *job = m->first_vector; job; job = job->next) {
        if (job->ask.dimensions != dimensions) {
            continue;
        }
        for (size_t i = job->n_embedded; i < job->ask.n_prompts && g->n < VECTORS_AT_ONCE; i++) {
            const struct ask_prompt *p = &job->ask.prompts[i];
            g->requests[g->n] = (struct embed_request) {
                .text = p->text, .text_n = p->n, .ids = p->ids, .n_ids = p->n_ids
            };
            g->jobs[g->n] = job;
            g->texts[g->n++] = i;
        }
    }
}

static bool vectors_go_on(uint64_t done, uint64_t total, void *arg) {
    (void)done, (void)total;
    struct desk *d = arg;
    pthread_mutex_lock(&d->lock);
    bool stop = d->stop;
    pthread_mutex_unlock(&d->lock);
    return !stop;
}

static void vectors_hand_out(
    const struct gathered *g, const float *vectors, uint32_t width, const struct err *why) {
    for (size_t i = 0; i < g->n; i++) {
        struct desk_job *job = g->jobs[i];
        const struct err *err = why ? why : &g->requests[i].err;
        job->n_embedded++;
        if (err->class != ERR_NONE || job->err.class != ERR_NONE) {
            job->err = job->err.class != ERR_NONE ? job->err : *err;
            continue;
        }
        job->width = width;
        if (!job->vectors) {
            job->vectors =
                mem_try(job->ask.n_prompts, width * sizeof *vectors, "vectors", &job->err);
        }
        if (job->vectors) {
            memcpy(
                job->vectors + g->texts[i] * width, vectors + i * width, width * sizeof *vectors);
        }
        job->ids[g->texts[i]].n = g->requests[i].n_asked;
    }
}

/* Those who have all of theirs, or an error, leave the line; whoever has a part is last in it. */
static void vectors_sweep(struct desk *d, struct desk_model *m) {
    struct desk_job *parts = NULL, **last_part = &parts;
    for (m->last_vector = &m->first_vector; *m->last_vector;) {
        struct desk_job *job = *m->last_vector;
        bool done = job->n_embedded == job->ask.n_prompts || job->err.class != ERR_NONE;
        if (!done && job->n_embedded == 0) {
            m->last_vector = &job->next;
            continue;
        }
        *m->last_vector = job->next;
        job->next = NULL;
        if (done) {
            job_end(d, job);
        } else {
            *last_part = job;
            last_part = &job->next;
        }
    }
    *m->last_vector = parts;
    m->last_vector = parts ? last_part : m->last_vector;
}

static void vectors_run(struct desk *d, struct desk_model *m) {
    struct embed_options options = { .pooling = m->pooling,
        .dim = m->first_vector->ask.dimensions };
    struct run_options run = { .progress = vectors_go_on, .progress_arg = d };
    struct err err = ERR_INIT;
    struct gathered *g = xcalloc(1, sizeof *g);
    uint32_t width = model_embed_width(m->model, &options, &err);
    vectors_gather(m, g);
    float *vectors = mem_try(g->n, (width ? width : 1) * sizeof *vectors, "vectors", &err);
    bool ok =
        vectors && width && model_embed(m->model, &options, g->requests, g->n, vectors, &run, &err);
    vectors_hand_out(g, vectors, width, ok ? NULL : &err);
    pthread_mutex_lock(&d->lock);
    d->figures.vectors += ok ? g->n : 0;
    pthread_mutex_unlock(&d->lock);
    vectors_sweep(d, m);
    free(vectors);
    free(g);
}

/* ---- who has come, who has left ---- */

/* A closed socket says so, whatever it may still have to read. Under the lock: the connection can't
 * be done with it meanwhile. */
static bool has_left(const struct desk_job *job) {
    struct pollfd p = { .fd = job->fd, .events = POLLRDHUP };
    return job->gone || (job->fd >= 0 && poll(&p, 1, 0) > 0 &&
                            (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0);
}

/* Why a request is not to go on with; ERR_NONE where it is. */
static bool is_over(struct desk *d, struct desk_job *job) {
    if (d->stop) {
        return !err_set(&job->err, ERR_INTERRUPTED, "the service ends");
    }
    if (now_ms() >= job->until_ms) {
        job->late = true;
        return !err_set(&job->err, ERR_BUSY, "there was no time for the whole answer");
    }
    job->left = has_left(job);
    return job->left && !err_set(&job->err, ERR_INTERRUPTED, "nobody waits for it");
}

static void look_at_clients(struct desk *d) {
    int64_t now = now_ms();
    if (now - d->looked_ms < LOOK_MS && !d->stop) {
        return;
    }
    d->looked_ms = now;
    for (struct desk_job **at = &d->jobs; *at;) {
        struct desk_job *job = *at;
        pthread_mutex_lock(&d->lock);
        bool over = is_over(d, job);
        pthread_mutex_unlock(&d->lock);
        if (over) {
            *at = job->next;
            job_end(d, job);
        } else {
            at = &job->next;
        }
    }
}

/* Those who wait for vectors are looked at before their turn. */
static void look_at_vectors(struct desk *d, struct desk_model *m) {
    for (m->last_vector = &m->first_vector; *m->last_vector;) {
        struct desk_job *job = *m->last_vector;
        pthread_mutex_lock(&d->lock);
        bool over = is_over(d, job);
        pthread_mutex_unlock(&d->lock);
        if (over) {
            *m->last_vector = job->next;
            job_end(d, job);
        } else {
            m->last_vector = &job->next;
        }
    }
}

static void take_in(struct desk *d, struct desk_job *list) {
    for (struct desk_job *job = list, *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        struct desk_model *m = job->model;
        if (!m->flow) {
            *m->last_vector = job;
            m->last_vector = &job->next;
        } else if (job_begin(job)) {
            job->next = d->jobs;
            d->jobs = job;
        } else {
            job_end(d, job);
        }
    }
}

/* ---- the thread ---- */

static bool has_work(const struct desk *d) {
    for (size_t i = 0; i < d->n_models; i++) {
        if (d->models[i].first_vector) {
            return true;
        }
    }
    return d->jobs != NULL;
}

static void flow_go_on(struct desk *d, struct desk_model *m) {
    struct err err = ERR_INIT;
    bool ok = flow_step(m->flow, &err);
    struct flow_figures figures = flow_figures(m->flow);
    pthread_mutex_lock(&d->lock);
    m->figures = figures;
    pthread_mutex_unlock(&d->lock);
    for (struct desk_job **at = &d->jobs; *at;) {
        struct desk_job *job = *at;
        if (job->model == m && (!ok || job_look(d, job))) {
            job->err = ok ? job->err : err;
            *at = job->next;
            job_end(d, job);
        } else {
            at = &job->next;
        }
    }
}

/* A step of each model that has something to do. */
static void work(struct desk *d) {
    int64_t from_us = serve_now_us();
    look_at_clients(d);
    for (size_t i = 0; i < d->n_models; i++) {
        struct desk_model *m = &d->models[i];
        if (m->first_vector) {
            look_at_vectors(d, m);
        }
        if (m->first_vector) {
            vectors_run(d, m);
        }
        if (m->flow && !flow_idle(m->flow)) {
            flow_go_on(d, m);
        }
    }
    pthread_mutex_lock(&d->lock);
    d->figures.busy_s += (double)(serve_now_us() - from_us) / 1e6;
    pthread_mutex_unlock(&d->lock);
}

static void *serve_desk(void *arg) {
    struct desk *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->stop || d->first || has_work(d)) {
        struct desk_job *came = d->first;
        d->first = NULL;
        d->last = &d->first;
        if (!came && !has_work(d)) {
            pthread_cond_wait(&d->came, &d->lock);
            continue;
        }
        pthread_mutex_unlock(&d->lock);
        take_in(d, came);
        if (fault("models")) { /* a step that takes its time, for tests */
            nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
        }
        work(d);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- opening and closing ---- */

struct desk *desk_open(const struct serve_models *o, struct err *err) {
    struct desk *d = xcalloc(1, sizeof *d);
    d->o = o;
    d->last = &d->first;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->came, NULL);
    (void)!getrandom(&d->number, sizeof d->number, 0);
    while (d->n_models < o->n_models) {
        size_t i = d->n_models++;
        if (!model_open_at(&d->models[i], o, i, err)) {
            desk_close(d);
            return NULL;
        }
    }
    BUG_IF(pthread_create(&d->thread, NULL, serve_desk, d) != 0);
    d->runs = true;
    return d;
}

void desk_stop(struct desk *d) {
    if (d && d->runs) {
        pthread_mutex_lock(&d->lock);
        d->stop = true;
        pthread_cond_signal(&d->came);
        pthread_mutex_unlock(&d->lock);
        pthread_join(d->thread, NULL);
        d->runs = false;
    }
}

void desk_close(struct desk *d) {
    if (d) {
        desk_stop(d);
        for (size_t i = 0; i < d->n_models; i++) {
            model_close_at(&d->models[i]);
        }
        pthread_cond_destroy(&d->came);
        pthread_mutex_destroy(&d->lock);
        free(d);
    }
}

/* ---- coming in ---- */

/* Before it is made into tokens, which takes as long as it is long. */
static bool check_length(const struct desk_model *m, size_t n, struct err *err) {
    if (n <= TOKEN_BYTES * m->longest) {
        return true;
    }
    err_set(err, ERR_INPUT,
        "this model's maximum context length is %u tokens, and the prompt has %zu bytes",
        m->longest, n);
    return err_hint(err, "shorten the prompt");
}

/* The conversation as the template's text, which has its special tokens itself. */
static bool chat_ids(
    struct desk *d, struct desk_job *job, struct token_list *ids, struct err *err) {
    struct desk_model *m = job->model;
    const struct encode_options plain = { .no_special = true };
    const struct tokenizer *t = model_tokenizer(m->model);
    struct strbuf text = { 0 };
    if (!t) {
        return err_set(err, ERR_UNSUPPORTED, "the model '%s' has no tokenizer", m->name);
    }
    json_t *request = json_pack("{s:O}", "messages", job->ask.messages);
    const char *const PASSED[] = { "continue_final_message", "add_generation_prompt" };
    bool asks = false;
    for (size_t i = 0; i < 2; i++) {
        json_t *v = json_object_get(job->ask.body, PASSED[i]);
        asks = asks || json_is_boolean(v);
        if (json_is_boolean(v)) {
            json_object_set(request, PASSED[i], v);
        }
    }
    if (!asks) {
        json_object_set_new(request, "add_generation_prompt", json_true());
    }
    pthread_mutex_lock(&m->chat_lock);
    bool ok = chat_template_render(
        m->chat, request, d->o->now ? d->o->now : (int64_t)time(NULL), &text, err);
    pthread_mutex_unlock(&m->chat_lock);
    ok = ok && check_length(m, text.len, err) &&
         tokenizer_encode(t, strbuf_str(&text), text.len, &plain, ids, err);
    json_decref(request);
    strbuf_release(&text);
    return ok;
}

static bool prompt_ids(struct desk *d, struct desk_job *job, size_t i, struct err *err) {
    const struct ask_prompt *p = &job->ask.prompts[i];
    struct token_list *ids = &job->ids[i];
    if (job->ask.kind == ASK_CHAT) {
        return chat_ids(d, job, ids, err);
    }
    if (!check_length(job->model, p->n, err)) {
        return false;
    }
    if (p->text) {
        return model_prompt_ids(job->model->model, job->model->add_bos, p->text, p->n, ids, err);
    }
    ids->ids = xcalloc(p->n_ids + 1, sizeof *ids->ids);
    ids->capacity = p->n_ids + 1;
    ids->n = p->n_ids;
    if (p->n_ids) {
        memcpy(ids->ids, p->ids, p->n_ids * sizeof *ids->ids);
    }
    return true;
}

static bool ids_check(struct desk_job *job, size_t i, struct err *err) {
    const struct token_list *ids = &job->ids[i];
    const struct model_ask *a = &job->ask;
    uint32_t n_vocab = model_info(job->model->model)->n_vocab, longest = job->model->longest;
    bool made = a->limited || a->kind == ASK_COMPLETION;
    size_t more = made ? a->max_tokens : 1;
    if (ids->n == 0) {
        return err_set(err, ERR_INPUT, "the prompt has no tokens");
    }
    if (ids->n > longest || ids->n + more > longest) {
        err_set(err, ERR_INPUT,
            "this model's maximum context length is %u tokens, and %zu of the prompt and %zu to be "
            "made are more",
            longest, ids->n, more);
        return err_hint(err, "shorten the prompt, or ask for fewer with 'max_tokens'");
    }
    for (size_t k = 0; k < ids->n; k++) {
        if (ids->ids[k] < 0 || (uint32_t)ids->ids[k] >= n_vocab) {
            return err_set(
                err, ERR_INPUT, "token id %d is not one of the model's %u", ids->ids[k], n_vocab);
        }
    }
    job->n_tokens += ((made ? ids->n + more : longest) + TEXT_TOKENS) * a->n;
    return true;
}

static bool prepare_texts(struct desk *d, struct desk_job *job, struct err *err) {
    struct model_ask *a = &job->ask;
    if (a->kind == ASK_CHAT && !job->model->chat) {
        err_set(err, ERR_UNSUPPORTED, "the model '%s' has no chat template", job->model->name);
        return err_hint(err, "ask /v1/completions");
    }
    job->ids = xcalloc(a->n_prompts, sizeof *job->ids);
    a->param = a->kind == ASK_CHAT ? "messages" : "prompt";
    for (size_t i = 0; i < a->n_prompts; i++) {
        if (!prompt_ids(d, job, i, err) || !ids_check(job, i, err)) {
            return false;
        }
    }
    a->param = NULL;
    if (!a->seeded) {
        (void)!getrandom(&a->seed, sizeof a->seed, 0);
    }
    job->n_texts = a->n_prompts * a->n;
    job->texts = xcalloc(job->n_texts, sizeof *job->texts);
    return true;
}

static bool prepare_vectors(struct desk_job *job, struct err *err) {
    struct embed_options options = { .pooling = job->model->pooling, .dim = job->ask.dimensions };
    job->ask.param = "dimensions";
    if (!model_embed_width(job->model->model, &options, err)) {
        return false;
    }
    job->ask.param = "input";
    job->ids = xcalloc(job->ask.n_prompts, sizeof *job->ids);
    for (size_t i = 0; i < job->ask.n_prompts; i++) {
        const struct ask_prompt *p = &job->ask.prompts[i];
        if (p->n > VECTOR_BYTES) {
            return err_set(err, ERR_INPUT,
                "a text of %zu bytes is longer than the %zu that are taken", p->n, VECTOR_BYTES);
        }
        job->n_tokens += TEXT_TOKENS + (p->text ? p->n / 4 : p->n_ids);
    }
    job->ask.param = NULL;
    return true;
}

bool desk_prepare(struct desk *d, struct desk_job *job, struct err *err) {
    bool texts = job->ask.kind != ASK_EMBEDDING;
    job->model = desk_find(d, job->ask.model);
    job->created = (long long)time(NULL);
    if (!job->model) {
        job->ask.param = "model";
        err_set(err, ERR_NOT_FOUND, "there is no model '%.100s' here",
            job->ask.model ? job->ask.model : "");
        return err_hint(err, "GET /v1/models lists what there is");
    }
    if (texts != (job->model->flow != NULL)) {
        job->ask.param = "model";
        err_set(err, ERR_UNSUPPORTED,
            texts ? "'%s' gives vectors: it writes no text"
                  : "'%s' writes text: it gives no vectors",
            job->model->name);
        return err_hint(err, "ask %s", texts ? "/v1/embeddings" : "/v1/completions");
    }
    return texts ? prepare_texts(d, job, err) : prepare_vectors(job, err);
}

bool desk_enter(struct desk *d, struct desk_job *job, struct err *err) {
    static const char *const KINDS[] = { "cmpl", "chatcmpl", "embd" };
    pthread_mutex_lock(&d->lock);
    bool ok = !d->stop || err_set(err, ERR_INTERRUPTED, "the service ends");
    if (ok && (d->figures.waiting >= WAITING_MAX ||
                  (d->n_tokens + job->n_tokens > TOKENS_MAX && d->n_tokens > 0))) {
        d->figures.refused++;
        ok = err_set(err, ERR_BUSY, "too many requests are under way");
    }
    if (ok) {
        snprintf(job->id, sizeof job->id, "%s-%016llx", KINDS[job->ask.kind], d->number++);
        job->until_ms = now_ms() + 1000LL * (d->o->run_s ? d->o->run_s : RUN_S);
        if (job->ask.stream) {
            answer_begin_stream(job, &job->events);
        } else {
            job->asleep = true;
            MHD_suspend_connection(job->c); // before anybody can wake it
        }
        d->n_tokens += job->n_tokens;
        d->figures.waiting++;
        *d->last = job;
        d->last = &job->next;
        pthread_cond_signal(&d->came);
    }
    pthread_mutex_unlock(&d->lock);
    return ok;
}

ssize_t desk_read(struct desk *d, struct desk_job *job, char *to, size_t n) {
    pthread_mutex_lock(&d->lock);
    size_t left = job->events.len - job->events_at;
    ssize_t got = (ssize_t)(left < n ? left : n);
    if (got > 0) {
        memcpy(to, strbuf_str(&job->events) + job->events_at, (size_t)got);
        job->events_at += (size_t)got;
        if (job->events_at == job->events.len) {
            strbuf_reset(&job->events);
            job->events_at = 0;
        }
    } else if (job->ended) {
        got = -1;
    } else {
        job->asleep = true;
        MHD_suspend_connection(job->c);
    }
    pthread_mutex_unlock(&d->lock);
    return got;
}

void desk_leave(struct desk *d, struct desk_job *job) {
    pthread_mutex_lock(&d->lock);
    job->gone = true;
    job->asleep = false;
    bool ended = job->ended || !*job->id; /* the desk never had it */
    pthread_mutex_unlock(&d->lock);
    if (ended) {
        job_free(job);
    }
}

struct desk_figures desk_figures(struct desk *d, size_t i, struct flow_figures *flow) {
    pthread_mutex_lock(&d->lock);
    struct desk_figures figures = d->figures;
    *flow = d->models[i].figures;
    pthread_mutex_unlock(&d->lock);
    return figures;
}

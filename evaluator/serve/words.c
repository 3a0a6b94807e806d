#include "evaluator/serve/words.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* What an error is, and what to do about it. */
static const struct {
    const char *class, *words, *next;
} ERRORS[] = {
    { "not_found", "there is no such thing",
        "Check the model's name, its revision and the suite, and submit again." },
    { "network", "the hub could not be reached", "Nothing: it is tried again." },
    { "auth", "the repository is gated or private",
        "Ask those who run this service to accept its licence, or submit an open copy." },
    { "unsupported", "of a kind that is not run here",
        "See what it says: ask for another precision, or publish the weights as safetensors or "
        "GGUF of a known architecture." },
    { "input", "a file is damaged, or not what it says it is",
        "Upload the file again, and submit the new revision." },
    { "task", "the task is at fault, not the model", "Nothing: those who keep the task are told." },
    { "resource", "it does not fit the memory of a worker",
        "Submit a smaller or quantised model." },
    { "numeric", "the model gave NaN or infinity",
        "Try another dtype, as f32, or look at the weights." },
    { "crash", "the process that ran it died",
        "It is tried three times; then look at its last lines." },
    { "lost", "its worker went silent", "Nothing: another worker takes it." },
    { "node", "a machine was at fault", "Nothing: another machine takes it." },
    { "db", "the database was away", "Nothing: it is tried again." },
    { "interrupted", "it was stopped", "Nothing: it goes on." },
    { "failed", "it failed", "See what it says; submit again once that is mended." },
    { "schema", "of a version that is not known here", "Tell those who run this service." },
    { "negative", "a check came out negative", "See what it says." },
    { "bug", "a mistake of this service", "Tell those who run this service." },
    { "usage", "it asks for what there is not", "Correct it, and submit again." },
    { "busy", "somebody else was at it", "Nothing: it is tried again." },
    { NULL, "it went wrong in a way that was not foreseen", "Tell those who run this service." },
};

static const struct {
    const char *state, *words, *next;
} STATES[] = {
    { "pending", "being looked up on the hub",
        "Nothing: this takes seconds where the hub answers." },
    { "queued", "waiting for a worker", "Nothing: a worker takes it when its turn comes." },
    { "running", "running", "Nothing: results appear on the board when the site is next built." },
    { "done", "done", "See the board of its suite." },
    { "failed", "failed", "See below what each job says." },
    { "rejected", "refused", "Correct it, and submit again." },
    { "cancelled", "cancelled", "Submit it again if it is wanted after all." },
    { NULL, "", "" },
};

static size_t error_of(const char *class) {
    size_t i = 0;
    while (ERRORS[i].class && strcmp(ERRORS[i].class, class)) {
        i++;
    }
    return i;
}

static size_t state_of(const char *state) {
    size_t i = 0;
    while (STATES[i].state && strcmp(STATES[i].state, state)) {
        i++;
    }
    return i;
}

static void set(json_t *o, const char *key, const char *text) {
    json_object_set_new(o, key, json_string(text));
}

static json_t *error_view(const char *class, const char *message) {
    size_t i = error_of(class);
    return json_pack("{s:s, s:s, s:s*, s:s}", "class", class, "words", ERRORS[i].words, "message",
        message, "next", ERRORS[i].next);
}

/* A job's two columns become one object. */
static void mend_job(json_t *job) {
    const char *class = json_get_string(job, "error_class", NULL);
    json_t *error = class ? error_view(class, json_get_string(job, "error", NULL)) : json_null();
    json_object_set_new(job, "error", error);
    json_object_del(job, "error_class");
}

static void add_links(json_t *view, long long id) {
    json_object_set_new(view, "links",
        json_pack("{s:o, s:o, s:o}", "page", json_sprintf("/submissions/%lld", id), "self",
            json_sprintf("/api/v1/submissions/%lld", id), "vote",
            json_sprintf("/api/v1/submissions/%lld/vote", id)));
}

void words_add_line(json_t *line) {
    const char *state = json_get_string(line, "state", "");
    size_t i = state_of(state);
    json_t *error = json_object_get(line, "error");
    set(line, "words", STATES[i].words);
    set(line, "next", STATES[i].next);
    if (json_is_object(error)) {
        const char *hint = json_get_string(error, "hint", NULL);
        size_t e = error_of(json_get_string(error, "class", ""));
        set(error, "words", ERRORS[e].words);
        set(error, "next", hint ? hint : ERRORS[e].next);
        if (!strcmp(state, "rejected")) {
            set(line, "next", hint ? hint : ERRORS[e].next);
        }
    }
}

/* Why the first of its jobs failed says more than that they did; mostly it is what all say. */
static void advise_failed(json_t *view) {
    size_t i;
    json_t *job;
    json_array_foreach(json_object_get(view, "jobs"), i, job) {
        json_t *error = json_object_get(job, "error");
        if (json_is_object(error) && !strcmp(json_get_string(job, "state", ""), "dead")) {
            set(view, "next", json_get_string(error, "next", ""));
            json_object_set(view, "error", error);
            return;
        }
    }
}

void words_add(json_t *view) {
    size_t i;
    json_t *job;
    words_add_line(view);
    json_array_foreach(json_object_get(view, "jobs"), i, job) {
        mend_job(job);
    }
    if (!strcmp(json_get_string(view, "state", ""), "failed")) {
        advise_failed(view);
    }
    if (!strcmp(json_get_string(view, "state", ""), "queued") &&
        json_get_int(json_object_get(view, "eta"), "workers", 1) == 0) {
        set(view, "next", "No worker is running: it waits until one is started.");
    }
    add_links(view, json_get_int(view, "id", 0));
}

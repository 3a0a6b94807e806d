#include "evaluator/serve/words.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "evaluator/serve/told.h"

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

/* ---- room ---- */

/* What a job may need, in the order in which it is said, and who can do something about it. */
static const struct {
    const char *what, *unit, *next;
} NEEDS[] = {
    { "device", "", "Those who run this service can start a worker with such a device." },
    { "gpus", " GPUs",
        "Those who run this service can start a worker with more GPUs; or submit a smaller or "
        "quantised model." },
    { "memory_mb", " MB of memory",
        "Those who run this service can start a worker with more memory; or submit a smaller or "
        "quantised model." },
    { "dtype", "",
        "Ask for another dtype, or those who run this service start a worker that computes in "
        "it." },
    { "disk_mb", " MB of disk",
        "Those who run this service can make room, or start a worker where there is more." },
};

static bool lacks(const json_t *room, const char *what) {
    const json_t *list = json_object_get(room, "lacks");
    size_t i, n = json_array_size(list);
    for (i = 0; i < n && strcmp(json_string_value(json_array_get(list, i)), what); i++) {
    }
    return n == 0 || i < n; // none in particular: no worker has all of it at once
}

static void say_need(struct strbuf *out, const json_t *room, size_t which) {
    const json_t *need = json_object_get(json_object_get(room, "needs"), NEEDS[which].what);
    const json_t *most = json_object_get(json_object_get(room, "most"), NEEDS[which].what);
    strbuf_adds(out, out->len ? ", " : "no worker that is running has room for it: it needs ");
    if (json_is_string(need)) {
        strbuf_addf(out, "the %s %.40s", NEEDS[which].what, json_string_value(need));
    } else {
        strbuf_addf(out, "%.0f%s", json_number_value(need), NEEDS[which].unit);
    }
    if (json_is_number(most)) {
        strbuf_addf(out, " (the most that one has is %.0f)", json_number_value(most));
    }
}

/* What no worker has that the job needs. */
static void say_room(json_t *room) {
    struct strbuf words = { 0 };
    const char *next = "Those who run this service can start a worker on a larger machine.";
    bool all = json_array_size(json_object_get(room, "lacks")) == 0;
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; i++) {
        bool needed = json_object_get(json_object_get(room, "needs"), NEEDS[i].what) != NULL;
        if (needed && lacks(room, NEEDS[i].what)) {
            next = all || words.len ? next : NEEDS[i].next;
            say_need(&words, room, i);
        }
    }
    set(room, "words", strbuf_str(&words));
    set(room, "next", next);
    strbuf_release(&words);
}

/* A job that nobody will take is what there is to be said of its submission. */
static void advise_room(json_t *view) {
    json_t *first = json_null(), *job;
    size_t i;
    json_array_foreach(json_object_get(view, "jobs"), i, job) {
        json_t *room = json_object_get(job, "room");
        if (json_is_object(room)) {
            say_room(room);
            first = json_is_object(first) ? first : room;
        }
    }
    json_object_set(view, "room", first);
    if (json_is_object(first)) {
        set(view, "next", json_get_string(first, "next", ""));
    }
}

/* A job's two columns become one object. */
static void mend_job(json_t *job, const char *hub) {
    told_hide_in(job, "error", hub);
    told_hide_in_list(json_object_get(job, "log"), hub);
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

void words_add_line(json_t *line, const char *hub) {
    const char *state = json_get_string(line, "state", "");
    size_t i = state_of(state);
    json_t *error = json_object_get(line, "error");
    set(line, "words", STATES[i].words);
    set(line, "next", STATES[i].next);
    if (json_is_object(error)) {
        told_hide_in(error, "message", hub);
        told_hide_in(error, "hint", hub);
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

void words_add(json_t *view, const char *hub) {
    size_t i;
    json_t *job;
    words_add_line(view, hub);
    json_array_foreach(json_object_get(view, "jobs"), i, job) {
        mend_job(job, hub);
    }
    advise_room(view);
    if (!strcmp(json_get_string(view, "state", ""), "failed")) {
        advise_failed(view);
    }
    if (!strcmp(json_get_string(view, "state", ""), "queued") &&
        json_get_int(json_object_get(view, "eta"), "workers", 1) == 0) {
        set(view, "next", "No worker is running: it waits until one is started.");
    }
    add_links(view, json_get_int(view, "id", 0));
}

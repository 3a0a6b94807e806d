/* The device, asked by a process of its own: `assay doctor`; the files, hashed (see health.h). */
#include "evaluator/worker/health.h"

#include <string.h>

#include "base/fault.h"
#include "base/proc.h"
#include "evaluator/hub/tidy.h"

#define ASK_S 120

/* Which of the devices that doctor lists; -1: none of them, the processor does the work. */
static long long device_index(const char *device, const json_t *devices) {
    if (device && str_begins(device, "cuda")) {
        return device[4] == ':' ? strtol(device + 5, NULL, 10) : 0;
    }
    bool chosen = !device || strcmp(device, "auto") == 0;
    return chosen && json_array_size(devices) > 0 ? 0 : -1;
}

static bool judge(const char *device, const json_t *report, struct err *err) {
    const json_t *devices = json_object_get(json_object_get(report, "gpus"), "devices");
    long long index = device_index(device, devices);
    const json_t *found = index >= 0 ? json_array_get(devices, (size_t)index) : NULL;
    if (index < 0 || json_get_bool(found, "opens", false)) {
        return true;
    }
    return err_set(err, ERR_NODE, "GPU %lld is lost: %s", index,
        json_get_string(found, "why", "the driver does not list it"));
}

bool device_is_well(const struct worker_options *options, struct err *err) {
    static const char *const DOCTOR[] = { "/proc/self/exe", "doctor", "--json", NULL };
    static const char *const PASSED_ON[] = { "PATH", "HOME", "ASSAY_HOME", "CUDA_VISIBLE_DEVICES",
        "LD_LIBRARY_PATH", "ASSAY_CUDA_MODULE", "ASAN_OPTIONS", NULL };
    const char *argv[] = { options->program ? options->program : DOCTOR[0], DOCTOR[1], DOCTOR[2],
        NULL };
    if (fault("device")) {
        return err_set(err, ERR_NODE, "GPU 0 is lost: asked to fail");
    }
    char **env = proc_env(PASSED_ON);
    struct proc_options o = { .env = (const char *const *)env, .timeout_s = ASK_S };
    struct proc_result r = { 0 };
    struct err why = ERR_INIT;
    bool ok = proc_run(argv, &o, &r, err);
    json_t *report =
        ok && !r.timed_out ? json_parse(strbuf_str(&r.out), r.out.len, "doctor", &why) : NULL;
    if (ok) { /* who hangs where a device is asked for doesn't get it back */
        ok = r.timed_out
                 ? err_set(err, ERR_NODE, "no answer of this machine's devices in %d s", ASK_S)
                 : judge(options->device, report, err);
    }
    json_decref(report);
    proc_result_release(&r);
    proc_env_free(env);
    return ok;
}

/* Models that lie elsewhere than in the cache have no hashes to be held to. */
bool model_is_whole(const struct job *job, struct err *err) {
    struct err ignored = ERR_INIT;
    json_t *report =
        strcmp(job->kind, "hub") ? NULL : hub_cache_verify(&job->model, 1, true, &ignored);
    const json_t *problem = json_array_get(json_object_get(report, "problems"), 0);
    bool ok =
        !problem ||
        err_set(err, ERR_NODE, "the cache's files of '%s' are damaged: %.200s: %s", job->model,
            json_get_string(problem, "path", ""), json_get_string(problem, "problem", ""));
    json_decref(report);
    return ok;
}

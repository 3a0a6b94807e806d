/* assay worker. */
#include "base/precision.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/fleet.h"
#include "evaluator/cli/slurm.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"
#include "evaluator/worker/worker.h"
#include "harness/harness.h"

static const struct option options_worker[] = {
    { "once", 0, NULL, "do one job, then end (exit code 8 if there is none)" },
    { "drain", 0, NULL, "end when the queue is empty" },
    { "idle", 0, "S", "end after S seconds without a job (default: never)" },
    { "max-seconds", 0, "S", "begin no job that likely takes longer than what is left of S" },
    { "lease", 0, "S", "a job that is silent for S seconds goes to another worker (default 90)" },
    { "max-mem", 0, "MIB", "take no job that needs more memory" },
    { "dtype", 0, "TYPE", "for jobs that leave it open: auto, f32 or bf16" },
    { "device", 'd', "DEVICE", "auto, cpu, cuda or cuda:N" },
    { "gpus", 0, "LIST", "a worker process for each of these GPUs: all, or numbers with commas" },
    { "tensor-parallel", 0, "N",
        "split each model between N GPUs, from --device on; with --gpus a worker for each N" },
    { "threads", 'j', "N", "threads for the harness" },
    { "no-cache", 0, NULL, "compute vectors of texts again that are known from earlier jobs" },
    { "hub", 0, "DIR|URL", "where models are found (default: HF_ENDPOINT)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    OPTION_STREAM_DATA,
    { NULL, 0, NULL, NULL },
};

static const struct option options_slurm[] = {
    { "slurm", 0, NULL, "submit as many workers to Slurm as the queue's depth asks for, and end" },
    { "max-workers", 0, "N", "with --slurm: no more than N of them at a time (default 8)" },
    { "time", 0, "MINUTES", "with --slurm: how long each may take (default 240)" },
    { "partition", 0, "NAME", "with --slurm: where they run" },
    { "constraint", 0, "FEATURES", "with --slurm: on nodes that have these features" },
    { "dry-run", 0, NULL, "with --slurm: print the batch script, submit nothing" },
    { NULL, 0, NULL, NULL },
};

/* A type that changes answers is for those who ask for it: not for jobs that leave it open. */
static bool dtype_fits(const char *name, struct err *err) {
    enum dtype dtype;
    if (!name) {
        return true;
    }
    if (!dtype_parse(name, &dtype, err)) {
        return false;
    }
    if (precision_caveat(name)) {
        err_set(err, ERR_USAGE, "--dtype %s is not for jobs that leave it open: it changes answers",
            name);
        return err_hint(err, "ask for it where it is wanted: assay submit MODEL --dtype %s", name);
    }
    return true;
}

/* What every one of them would refuse is refused once. */
static bool run_fleet(const struct args *args, unsigned each, struct err *err) {
    struct fleet fleet;
    if (args_has(args, "device")) {
        return err_set(
            err, ERR_USAGE, "'--gpus' gives each worker its device: leave '--device' out");
    }
    return fleet_parse(args_get(args, "gpus", ""), &fleet, err) && fleet_group(&fleet, each, err) &&
           fleet_run(&fleet, args, stop_on_signals(), err);
}

static bool run(const struct args *args, struct err *err) {
    unsigned long idle, lease, memory, threads, devices, max;
    struct worker_options o = {
        .database = args_get(args, "db", NULL),
        .hub = args_get(args, "hub", NULL),
        .tasks_dir = args_get(args, "tasks", NULL),
        .stream_data = args_get(args, "stream-data", NULL),
        .device = args_get(args, "device", NULL),
        .dtype = args_get(args, "dtype", NULL),
        .once = args_has(args, "once"),
        .no_cache = args_has(args, "no-cache"),
        .drain = args_has(args, "drain"),
    };
    if (!dtype_fits(o.dtype, err)) {
        return false;
    }
    enum hub_stream stream;
    if (!hub_stream_parse(o.stream_data, &stream, err)) { /* said now, not by every job */
        return false;
    }
    if (!args_get_uint(args, "idle", 0, 1u << 30, &idle, err) ||
        !args_get_uint(args, "lease", 0, 3600, &lease, err) ||
        !args_get_uint(args, "max-mem", 0, 1u << 30, &memory, err) ||
        !args_get_uint(args, "tensor-parallel", 1, DEVICES_MAX, &devices, err) ||
        !args_get_uint(args, "max-seconds", 0, 1u << 30, &max, err) ||
        !args_get_uint(args, "threads", 0, 1024, &threads, err)) {
        return false;
    }
    if (args_has(args, "slurm")) {
        return slurm_scale(args, err);
    }
    o.idle_s = (unsigned)idle;
    o.max_s = (unsigned)max;
    o.lease_s = (unsigned)lease;
    o.memory_mb = (unsigned)memory;
    o.threads = (unsigned)threads;
    o.tensor_parallel = (unsigned)devices;
    if (args_has(args, "gpus")) {
        return run_fleet(args, o.tensor_parallel, err);
    }
    if (!slurm_fill(&o, err)) {
        return false;
    }
    o.stop = stop_on_signals(); /* the job is given back; the spool keeps what was done */
    o.last = last_on_signal();
    return worker_loop(&o, err);
}

const struct command cmd_worker = {
    .name = "worker",
    .operands = "",
    .summary = "take jobs from the queue and run them",
    .details =
        "Jobs run in a process of their own, which keeps a model open for the jobs beside it.\n"
        "SIGTERM gives the current job back and ends; SIGUSR1 makes it the last. Exit code 75 "
        "means\n"
        "that this machine should not go on: disk full, device lost, another schema, a database\n"
        "that was away for half an hour.\n\n"
        "  assay worker --drain --hub http://127.0.0.1:8080\n"
        "  assay worker --gpus all          one worker a GPU; each takes jobs of its own\n"
        "  assay worker --gpus all --tensor-parallel 4    one worker for four, and a model in "
        "all\n"
        "  assay worker --slurm --max-workers 16 --device cuda --time 480\n"
        "                                   from cron: as many on Slurm as there is work for\n",
    .options = { options_worker, options_slurm, options_database },
    .run = run,
};

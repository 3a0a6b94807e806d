set(worker_SOURCES worker/child.c worker/child_main.c worker/child_memo.c worker/child_record.c worker/child_remote.c worker/doors.c worker/frame.c worker/health.c worker/heart.c worker/packed.c
    worker/record.c worker/room.c worker/run.c worker/sandbox.c worker/store.c worker/strays.c worker/tail.c worker/walk.c worker/worker.c)

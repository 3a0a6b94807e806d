set(task_SOURCES
    task/child.c task/fetch.c task/frames.c task/frames_labelled.c task/frames_rank.c task/frozen.c task/frozen_test.c task/ids.c
    task/library.c task/lua_draw.c task/lua_random.c task/lua_rows.c task/lua_text.c task/narrow.c task/pattern.c task/peek.c
    task/profile.c task/ranges.c task/render.c task/runner.c task/runtime.c task/source.c task/spool.c task/task.c
    task/text.c task/tree.c task/wire.c)

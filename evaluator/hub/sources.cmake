set(hub_SOURCES hub/base.c hub/blocks.c hub/cache.c hub/cached.c hub/client.c hub/client_range.c hub/fetch.c hub/fetch_lane.c hub/http.c hub/partial.c hub/pull_fetch.c hub/pull_tree.c hub/retry.c hub/use.c hub/data.c hub/facts.c hub/hub.c hub/mirror.c
    hub/mirror_find.c hub/path.c hub/pull.c hub/series.c hub/serve.c hub/tidy.c hub/tidy_gc.c hub/url.c)

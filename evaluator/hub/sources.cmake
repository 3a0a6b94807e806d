set(hub_SOURCES hub/cache.c hub/client.c hub/facts.c hub/hub.c hub/mirror.c hub/pull.c hub/serve.c hub/url.c)

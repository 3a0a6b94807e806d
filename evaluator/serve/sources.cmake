set(serve_SOURCES
    serve/api.c serve/ask.c serve/behind.c serve/closed.c serve/files.c serve/form.c serve/forms.c serve/handle.c serve/header.c serve/hook.c serve/limit.c
    serve/listen.c serve/live_ask.c serve/live_model.c serve/live_pages.c serve/live_queue.c serve/metrics.c serve/models_answer.c serve/models_ask.c serve/models_desk.c serve/models_http.c serve/ops.c serve/pages.c serve/reply.c serve/routes.c serve/serve.c serve/sign.c serve/store.c
    serve/submission.c serve/told.c serve/watch.c serve/who.c serve/words.c)

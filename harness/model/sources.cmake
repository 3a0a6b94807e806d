set(model_SOURCES
    model/arch.c model/choose.c model/classify.c model/cut.c model/describe.c model/devices.c model/embed.c model/experts.c model/flow.c model/flow_fill.c model/forward.c model/generate.c model/head.c model/length.c model/memory.c model/model.c model/modules.c
    model/names.c model/net.c model/outline.c model/pair.c model/ranks.c model/relative.c model/rope.c model/sched.c model/score.c model/slots.c
    model/spec.c model/speed.c model/step.c model/tree.c)

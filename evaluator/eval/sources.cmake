set(eval_SOURCES
    eval/agree.c eval/ask.c eval/choice.c eval/eval.c eval/loglikelihood.c eval/memo.c eval/out_groups.c
    eval/out_lmeval.c eval/out_mteb.c eval/part.c eval/rescore.c eval/retrieval.c eval/samples.c eval/sts.c
    eval/subject_memo.c eval/subject_model.c eval/write.c)

set(eval_SOURCES
    eval/ask.c eval/choice.c eval/eval.c eval/loglikelihood.c eval/memo.c eval/out_groups.c eval/out_lmeval.c eval/out_mteb.c eval/retrieval.c eval/sts.c eval/rescore.c eval/agree.c eval/part.c
    eval/samples.c eval/sts.c eval/subject_memo.c eval/subject_model.c eval/out_lmeval.c eval/out_mteb.c eval/part.c eval/rescore.c eval/retrieval.c eval/write.c)
 eval/subject_model.c
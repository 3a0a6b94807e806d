set(eval_SOURCES
    eval/agree.c eval/ask.c eval/bitext.c eval/chat.c eval/choice.c eval/classification.c eval/clustering.c eval/eval.c eval/generate.c eval/labels.c eval/letters.c eval/likeness.c
    eval/loglikelihood.c eval/memo.c eval/multilabel.c eval/out_groups.c eval/out_lmeval.c eval/out_mteb.c eval/pair.c
    eval/part.c eval/passages.c eval/prompt.c eval/ranked.c eval/ranked_sample.c eval/rerank.c eval/rescore.c eval/retrieval.c
    eval/samples.c eval/sts.c eval/summary.c
    eval/subject_memo.c eval/subject_model.c eval/write.c)

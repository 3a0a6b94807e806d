set(metric_SOURCES
    metric/answer.c metric/answer_pick.c metric/choice.c metric/classes.c metric/common_runs.c metric/correlate.c metric/draw.c metric/draw_iterative.c metric/estimate.c metric/expression.c metric/expression_parse.c metric/formula.c metric/generator.c
    metric/detect.c metric/influence.c metric/instruct.c metric/instruct_form.c metric/instruct_json.c metric/instruct_words.c metric/kmeans.c metric/labelsets.c metric/latex.c metric/lbfgs.c metric/letters.c metric/letters_data.c metric/letters_text.c metric/linesearch.c metric/logistic.c metric/minerva.c metric/nauc.c
    metric/neighbours.c metric/numerals.c metric/overlap.c metric/pairs.c metric/partition.c metric/random.c metric/ranking.c metric/sentences.c metric/statistic.c metric/topk.c
    metric/vectors.c metric/wide.c metric/words.c)

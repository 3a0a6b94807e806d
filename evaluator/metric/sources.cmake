set(metric_SOURCES
    metric/choice.c metric/correlate.c metric/estimate.c metric/influence.c metric/nauc.c metric/pairs.c metric/random.c metric/ranking.c metric/statistic.c
    metric/topk.c metric/vectors.c)

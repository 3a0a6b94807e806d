-- The first English MTEB (Muennighoff et al. 2023): 56 tasks, SummEval scored by the rule of its time. Of tasks in many
-- languages the task files take English; MSMARCO is scored on its development set.
return suite {
  name = "mteb-eng-v1", version = 1, title = "MTEB (eng, v1)",
  description = "56 English tasks of seven types: classification, clustering, pair classification, reranking, "
    .. "retrieval, similarity, summaries.",
  profile = "mteb/1", mean = "borda",
  tasks = {
    "AmazonCounterfactualClassification", "AmazonPolarityClassification", "AmazonReviewsClassification",
    "Banking77Classification", "EmotionClassification", "ImdbClassification", "MTOPDomainClassification",
    "MTOPIntentClassification", "MassiveIntentClassification", "MassiveScenarioClassification",
    "ToxicConversationsClassification", "TweetSentimentExtractionClassification",
    "ArxivClusteringP2P", "ArxivClusteringS2S", "BiorxivClusteringP2P", "BiorxivClusteringS2S", "MedrxivClusteringP2P",
    "MedrxivClusteringS2S", "RedditClustering", "RedditClusteringP2P", "StackExchangeClustering",
    "StackExchangeClusteringP2P", "TwentyNewsgroupsClustering",
    "SprintDuplicateQuestions", "TwitterSemEval2015", "TwitterURLCorpus",
    "AskUbuntuDupQuestions", "MindSmallReranking", "SciDocsRR", "StackOverflowDupQuestions",
    "ArguAna", "CQADupstackRetrieval", "ClimateFEVER", "DBPedia", "FEVER", "FiQA2018", "HotpotQA", "MSMARCO", "NFCorpus",
    "NQ", "QuoraRetrieval", "SCIDOCS", "SciFact", "TRECCOVID", "Touche2020",
    "BIOSSES", "SICK-R", "STS12", "STS13", "STS14", "STS15", "STS16", "STS17", "STS22", "STSBenchmark",
    "SummEval",
  },
  languages = { "eng-Latn" }, reference = "https://arxiv.org/abs/2210.07316", published = "2022-10-13",
}

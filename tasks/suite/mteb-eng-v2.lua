-- The second English MTEB (Enevoldsen et al. 2025): 41 tasks, fewer and smaller ones than the first, without those that
-- models are commonly trained on.
return suite {
  name = "mteb-eng-v2", version = 1, title = "MTEB (eng, v2)",
  description = "41 English tasks of seven types: classification, clustering, pair classification, reranking, "
    .. "retrieval, similarity, summaries.",
  profile = "mteb/2", mean = "borda",
  tasks = {
    "AmazonCounterfactualClassification", "Banking77Classification", "ImdbClassification", "MTOPDomainClassification",
    "MassiveIntentClassification", "MassiveScenarioClassification", "ToxicConversationsClassification",
    "TweetSentimentExtractionClassification",
    "ArXivHierarchicalClusteringP2P", "ArXivHierarchicalClusteringS2S", "BiorxivClusteringP2P.v2",
    "MedrxivClusteringP2P.v2", "MedrxivClusteringS2S.v2", "StackExchangeClustering.v2", "StackExchangeClusteringP2P.v2",
    "TwentyNewsgroupsClustering.v2",
    "SprintDuplicateQuestions", "TwitterSemEval2015", "TwitterURLCorpus",
    "AskUbuntuDupQuestions", "MindSmallReranking",
    "ArguAna", "CQADupstackGamingRetrieval", "CQADupstackUnixRetrieval", "ClimateFEVERHardNegatives",
    "FEVERHardNegatives", "FiQA2018", "HotpotQAHardNegatives", "SCIDOCS", "TRECCOVID", "Touche2020Retrieval.v3",
    "BIOSSES", "SICK-R", "STS12", "STS13", "STS14", "STS15", "STS17", "STS22.v2", "STSBenchmark",
    "SummEvalSummarization.v2",
  },
  languages = { "eng-Latn" }, reference = "https://arxiv.org/abs/2502.13595", published = "2025-02-19",
}

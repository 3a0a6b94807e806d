-- variants: AmazonCounterfactual AmazonPolarity AmazonReviews Emotion Imdb MTOPDomain MTOPIntent MassiveIntent MassiveScenario ToxicConversations TweetSentimentExtraction
-- Classification by logistic regression on a few examples a label. Of the sets that have many languages, mteb's English
-- benchmarks take English. Of ToxicConversations' test set as many as mteb leaves are scored: `sample`.
local mteb = include "lib/mteb.lua"

local sets = {
  AmazonCounterfactual = { "amazon_counterfactual", "1f7e6a9d6fa6e64c53d146e428565640410c0df1", subset = "en",
    examples = 32, labels = 2,
    prompt = "Classify a given Amazon customer review text as either counterfactual or not-counterfactual",
    licence = "CC BY 4.0", domains = { "reviews", "written" }, reference = "https://arxiv.org/abs/2104.06893",
    published = "2021-04-14" },
  AmazonPolarity = { "amazon_polarity", "e2d317d38cd51312af73b3d32a06d1a08b442046", labels = 2,
    prompt = "Classify Amazon reviews into positive or negative sentiment", licence = "Apache 2.0",
    domains = { "reviews", "written" }, reference = "https://arxiv.org/abs/1509.01626", published = "2015-09-04" },
  AmazonReviews = { "AmazonReviewsClassification", "6b5d328eaae8ef408dd7d775040245cf86f92e9d", subset = "en", labels = 5,
    prompt = "Classify the given Amazon review into its appropriate rating category", licence = "Amazon's own",
    domains = { "reviews", "written" }, reference = "https://arxiv.org/abs/2010.02573", published = "2020-10-06" },
  Emotion = { "emotion", "4f58c6b202a23cf9a4da393831edf4f9183cad37", examples = 16, labels = 6,
    prompt = "Classify the emotion expressed in the given Twitter message into one of the six emotions: anger, fear, joy, "
      .. "love, sadness, and surprise",
    licence = "not specified", domains = { "social", "written" }, reference = "https://aclanthology.org/D18-1404/",
    published = "2018-10-31" },
  Imdb = { "imdb", "3d86128a09e091d6018b6d26cad27f2739fc2db7", labels = 2,
    prompt = "Classify the sentiment expressed in the given movie review text from the IMDB dataset",
    licence = "not specified", domains = { "reviews", "written" }, reference = "https://aclanthology.org/P11-1015/",
    published = "2011-06-19" },
  MTOPDomain = { "MTOPDomainClassification", "a76d16fae880597b9c73047b50159220a441cb54", subset = "en", labels = 11,
    prompt = "Classify the intent domain of the given utterance in task-oriented conversation",
    licence = "not specified", domains = { "spoken" }, reference = "https://arxiv.org/abs/2008.09335",
    published = "2020-08-21" },
  MTOPIntent = { "MTOPIntentClassification", "2992d820f31312593c49a4890430aadadb0f0039", subset = "en",
    prompt = "Classify the intent of the given utterance in task-oriented conversation", licence = "not specified",
    domains = { "spoken" }, reference = "https://arxiv.org/abs/2008.09335", published = "2020-08-21" },
  MassiveIntent = { "amazon_massive_intent", "4672e20407010da34463acc759c162ca9734bca6", subset = "en", labels = 60,
    prompt = "Given a user utterance as query, find the user intents", licence = "Apache 2.0", domains = { "spoken" },
    reference = "https://arxiv.org/abs/2204.08582", published = "2022-04-18" },
  MassiveScenario = { "amazon_massive_scenario", "fad2c6e8459f9e1c45d9315f4953d921437d70f8", subset = "en", labels = 18,
    prompt = "Given a user utterance as query, find the user scenarios", licence = "Apache 2.0", domains = { "spoken" },
    reference = "https://arxiv.org/abs/2204.08582", published = "2022-04-18" },
  ToxicConversations = { "toxic_conversations_50k", "edfaf9da55d3dd50d43143d90c1ac476895ae6de", examples = 16,
    labels = 2, sample = { n = 2048, stratified = true },
    prompt = "Classify the given comments as either toxic or not toxic", licence = "CC BY 4.0",
    domains = { "social", "written" },
    reference = "https://www.kaggle.com/competitions/jigsaw-unintended-bias-in-toxicity-classification/overview" },
  TweetSentimentExtraction = { "tweet_sentiment_extraction", "d604517c81ca91fe16a244d1248fc021f9ecee7a", examples = 32,
    labels = 3, prompt = "Classify the sentiment of a given tweet as either positive, negative, or neutral",
    licence = "not specified", domains = { "social", "written" },
    reference = "https://www.kaggle.com/competitions/tweet-sentiment-extraction/overview" },
}
local own = sets[variant]

return classification {
  name = variant .. "Classification", version = 1,
  data = mteb.data(own[1], { revision = own[2], subsets = own.subset and { own.subset } }),
  item = function(row) return row.text, row.label end,
  samples_per_label = own.examples or 8, max_documents = own.sample, prompt = own.prompt,
  main = "accuracy", report = mteb.metrics.classification(own.labels),
  licence = own.licence, languages = { "eng-Latn" }, domains = own.domains, baseline = own.labels and 1 / own.labels,
  reference = own.reference, published = own.published,
}

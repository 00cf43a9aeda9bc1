"""nltk cuts, tags and counts, with corpora that are sealed beside the code: nothing is downloaded.

No inputs. Beside it, sealed: the package `lexicon` with its `data/`.
"""

import os, pkgutil
import nltk, nltk.data
from nltk.corpus import stopwords
from nltk.corpus.reader import TaggedCorpusReader
from nltk.probability import FreqDist
from nltk.stem import PorterStemmer, SnowballStemmer
from nltk.tag import BigramTagger, DefaultTagger, RegexpTagger, UnigramTagger
from nltk.tokenize import RegexpTokenizer, TreebankWordTokenizer
from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer
import lexicon

folder = os.path.join(os.environ["TMPDIR"], "nltk")
# Not what the machine may have.
nltk.data.path[:] = [folder]
try:
    nltk.data.find("corpora/stopwords")
except LookupError:
    pass
else:
    raise AssertionError("no corpus is there before it is laid out")
lexicon.lay_out(folder)
assert nltk.data.find("corpora/stopwords") == os.path.join(folder, "corpora", "stopwords")
stop = set(stopwords.words("english"))
assert stop == set(lexicon.text("corpora/stopwords/english").split()) and "the" in stop

# Sentences: what an abbreviation is comes from the training text.
trainer = PunktTrainer()
trainer.INCLUDE_ALL_COLLOCS = True
trainer.train(lexicon.text("corpora/notes/training.txt"))
punkt = PunktSentenceTokenizer(trainer.get_params())
note = (
    "Dr. Amsel saw the patient. She took approx. 7 drops, and Prof. Lind was content. All is well."
)
sentences = punkt.tokenize(note)
assert sentences == [
    "Dr. Amsel saw the patient.",
    "She took approx. 7 drops, and Prof. Lind was content.",
    "All is well.",
], sentences
assert len(PunktSentenceTokenizer().tokenize(note)) > 3

words = " ".join(TreebankWordTokenizer().tokenize('He didn\'t take 20% of it, "she" said.'))
assert words == "He did n't take 20 % of it , `` she '' said .", words
assert nltk.word_tokenize("It isn't so.", preserve_line=True) == ["It", "is", "n't", "so", "."]
plain = RegexpTokenizer(r"\w+").tokenize(lexicon.text("corpora/notes/training.txt").lower())
counts = FreqDist(word for word in plain if word not in stop)
known = [counts[word] for word in ("dr", "kern", "weber", "the", "absent")]
assert known == [6, 5, 3, 0, 0], counts
stems = " ".join(map(PorterStemmer().stem, ("patients", "repeated", "studies")))
assert stems == "patient repeat studi", stems
assert SnowballStemmer("german").stem("Häuser") == "haus"

# Tags, learnt from a corpus that is read by path.
corpus = TaggedCorpusReader(nltk.data.find("corpora/notes"), r".*\.pos")
assert len(corpus.tagged_sents()) == 6 and len(corpus.words()) == 35, len(corpus.words())
guess = RegexpTagger([(r".*ly$", "RB"), (r".*s$", "NNS")], backoff=DefaultTagger("NN"))
single = UnigramTagger(corpus.tagged_sents(), backoff=guess)
tagger = BigramTagger(corpus.tagged_sents(), backoff=single)
tagged = tagger.tag("The new patient slept slowly .".split())
assert [tag for _, tag in tagged] == ["DT", "JJ", "NN", "VBD", "RB", "."], tagged
tree = nltk.RegexpParser("NP: {<DT>?<JJ>*<NN>}").parse(tagged)
assert [leaf[0] for leaf in tree[0].leaves()] == ["The", "new", "patient"]

sealed = "data/corpora/notes/tagged.pos"
assert pkgutil.get_data("lexicon", sealed).startswith(b"The/DT")
assert not os.path.exists(os.path.join(os.path.dirname(lexicon.__file__), sealed))

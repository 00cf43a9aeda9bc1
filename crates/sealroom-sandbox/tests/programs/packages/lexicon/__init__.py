"""A package with words beside it: `data/` is laid out as nltk lays out its own."""

import os
import pkgutil

FILES = (
    "corpora/notes/training.txt",
    "corpora/notes/tagged.pos",
    "corpora/stopwords/english",
)


def text(path):
    """The text of a file in `data/`."""
    return pkgutil.get_data(__name__, "data/" + path).decode("utf-8")


def lay_out(folder):
    """Copies all to `folder`, for what opens files by path: in scratch, and gone with the run."""
    for path in FILES:
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text(path))

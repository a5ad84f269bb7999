"""Words that people put around what they search for: "I am looking for articles on …". They should weigh little.

A table cannot tell that "articles" asks for articles in one query and is the subject of another. What it can learn is
that documents that have such words answer no better for it: half of the words of a long query may be of this kind.
"""

import numpy as np
import tokenizers
import torch

# Around a topic of research, a question, and a thing to buy.
TRAINED = (
    "I am interested in articles on",
    "I'm interested in papers that deal with",
    "interested in any work concerning",
    "I would like to find papers about",
    "I'd like information on",
    "I want to know about",
    "find documents that discuss",
    "find all publications describing",
    "please find me studies regarding",
    "what articles exist about",
    "what has been published on",
    "what papers are there which address",
    "what is known about",
    "what does the literature say about",
    "what evidence is there for",
    "list references related to",
    "give me an overview of",
    "give examples of",
    "describe the use of",
    "discuss recent work on",
    "articles describing approaches to, especially practical applications",
    "papers about this topic, in particular comparisons between methods",
    "any literature pertaining to, not only recent but also older reports",
    "research on, but I am not interested in purely theoretical treatment",
    "a relevant document will describe; documents that merely mention it are not relevant",
    "relevant articles should discuss aspects such as",
    "looking for reviews or surveys covering",
    "does anyone have information about",
    "anything dealing with, possibly including examples",
    "this claim is about whether, according to studies",
    "can you explain",
    "can you tell me more about",
    "could you please help me with",
    "how do I find out about",
    "tell me something about",
    "explain in simple terms",
    "who knows about",
    "where can I read about",
    "I have a question about",
    "I need help with",
    "I need to understand",
    "is there any information available on",
    "search for",
    "show me",
    "show me some options for",
    "I'm looking for",
    "I am looking for something like",
    "we are looking for a",
    "I want to buy",
    "I need a new",
    "do you have any",
    "do you sell",
    "where can I get",
    "where to buy",
    "recommend me a",
    "which one should I get",
    "suggest a nice",
    "what kind of",
    "what do you have in the way of",
    "something suitable, preferably a",
    "a good quality one, if possible",
    "thanks in advance",
)
HELD_OUT = (
    "I am searching for literature that treats the subject of",
    "we would be interested in reports concerning",
    "are there any references describing work in the area of",
    "documents containing information that relates to",
    "I would like to learn about",
    "please list anything written on",
    "could somebody point me to",
    "can I order a",
    "help me choose a",
    "I was wondering if there is",
)


def frame_tokens(tokenizer: tokenizers.Tokenizer, frames: tuple[str, ...], device: str) -> torch.Tensor:
    """int64 [1 + F, L]: the token ids of no frame, and of each, padded on the right with 0."""
    ids = [[]] + [encoding.ids for encoding in tokenizer.encode_batch_fast(list(frames), add_special_tokens=False)]
    padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
    for row, some in enumerate(ids):
        padded[row, : len(some)] = some
    return torch.from_numpy(padded).to(device)


def drawn_frames(count: int, frames: int, share: float, random: np.random.Generator) -> np.ndarray:
    """int64 [count], rows of `frame_tokens` with as many frames: 0, no frame, but for a share of the queries."""
    return np.where(random.random(count) < share, random.integers(1, frames + 1, count), 0)

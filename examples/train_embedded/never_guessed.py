"""Terms that a passage has where its text has them, and never because the model guessed them.

MiniLM's embeddings put words of colours beside words of peoples, and words of clothes beside words of another kind. No
shop wants a black bag to have a slur among its terms, where anyone may read it. A text that has such a word still has
it as a term, by its own words.
"""

import numpy as np
import tokenizers

_PEOPLES = (
    "african africans asian bisexual blackness blacks caucasian gypsy hispanic homo homosexual homosexuality islam "
    "islamic jew jewish jews latino lesbian lesbians muslim muslims negro queer racial racism racist slave slavery "
    "slaves enslaved whites"
)
_INSULTS = (
    "anal ass asshole bastard bastards bitch bullshit cock cocky crotch damn damned dick dyke erotic fuck fucked "
    "fucking goddamn hooker naked nude orgasm porn pornographic pornography prostitute prostitutes prostitution "
    "pussy savage sexy shit shitty tits whore"
)
_CRIMES = (
    "genocide hitler holocaust islamist jihad klan lynch molested nazi nazis rape raped rapist terrorism terrorist "
    "terrorists"
)


def never_guessed(tokenizer: tokenizers.Tokenizer) -> np.ndarray:
    """int64 ids of these terms, of those that the vocabulary has."""
    found = map(tokenizer.token_to_id, f"{_PEOPLES} {_INSULTS} {_CRIMES}".split())
    return np.array(sorted(number for number in found if number is not None), np.int64)

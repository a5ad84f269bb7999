"""Terms that a passage has where its text has them, and never because the model guessed them.

MiniLM's embeddings put words of colours beside words of peoples, and words of clothes beside words of another kind. No
shop wants a black bag to have a slur among its terms, where anyone may read it. A text that has such a word still has
it as a term, by its own words.
"""

import numpy as np
import tokenizers

_PEOPLES = (
    "african africans arab arabs asian bisexual blackness blacks caucasian colored coloured enslaved ethnic "
    "ethnicity gay gays ghetto gypsy harlem heterosexual hispanic homo homosexual homosexuality islam islamic jew "
    "jewish jews latino lesbian lesbians lgbt minorities muslim muslims negro queer racial racism racist redneck "
    "segregated segregation slave slavery slaves transgender whites"
)
_INSULTS = (
    "anal ass asshole bastard bastards bitch boobs breast breasts bullshit cock cocky crotch damn damned dick dyke "
    "erotic fuck fucked fucking goddamn hooker lust naked nipple nipples nude orgasm porn pornographic pornography "
    "prostitute prostitutes prostitution pussy savage seductive sexy shit shitty stripper tits whore whores"
)
_CRIMES = (
    "genocide hell hitler holocaust islamist jihad klan lynch lynched lynching massacre molested murder murdered "
    "murderer murderers murdering murders nazi nazis rape raped rapist terrorism terrorist terrorists torture"
)


def never_guessed(tokenizer: tokenizers.Tokenizer) -> np.ndarray:
    """int64 ids of these terms, of those that the vocabulary has."""
    found = map(tokenizer.token_to_id, f"{_PEOPLES} {_INSULTS} {_CRIMES}".split())
    return np.array(sorted(number for number in found if number is not None), np.int64)

"""Terms that a passage has where its text has them, and never because the model guessed them.

MiniLM's embeddings put words of colours beside words of peoples, words of clothes beside words of another kind, and
countries beside what newspapers say of them. No shop wants a black bag to have a slur among its terms, where anyone may
read it. All 21,358 words of the vocabulary were read for these lists, and not taken was what medicine, history or a
shop needs: "dead", "war", "poison", "fake". A text that has a listed word still has it as a term, by its own words.
"""

import numpy as np
import tokenizers

_PEOPLES = (
    "aboriginal african africans afro alien aliens apartheid arab arabs aryan asian asiatic bisexual blackness blacks "
    "caucasian colored coloured deportation deported emancipation enslaved ethnic ethnicity foreigner foreigners gay "
    "ghetto gypsy harlem heterosexual hispanic homo homosexual homosexuality immigrant immigrants immigration islam "
    "islamic islamist jew jewish jews latino lesbian lgbt migrant migrants minorities minority muslim muslims naacp "
    "negro oriental plantation plantations queer race racial racism racist redskins refugee refugees romani "
    "segregated segregation semitic slave slavery slaves transgender voodoo whites zionist"
)
_INSULTS = (
    "ape apes ass asshole barbarian barbarians bastard bastards bitch boy boys bullshit bum butt cow coward cows crap "
    "creepy crippled dammit damn damned dick dictator dumb dyke filthy fool foolish fools freak freaks fuck fucked "
    "fucking goddamn gorilla handicapped hideous hog homeless idiot idiots ignorant insane insanity lame liar loser "
    "losers lunatic madman monkey monkeys pathetic peasant peasants pig pigs prick psycho psychotic rat rats sap "
    "savage stupid stupidity thug thugs traitor ugly vulgar werewolf whore worthless"
)
_SEX = (
    "adultery aids anal arousal aroused breast breasts brothel cleavage clit cock cocked cocky condom condoms crotch "
    "cum erect erection erotic hiv hooker intercourse lust maid maids mating naked nipple nipples nude obscene orgasm "
    "panties penis playboy porn pornographic pornography prostitute prostitutes prostitution pussy rape raped seduce "
    "seduction seductive sensual sex sexes sexual sexuality sexually sexy slit slits sperm strip thong tits underwear "
    "virginity womb"
)
_FILTH = "corpse corpses crap dung pee piss pissed rot rotting shit shitty stench urine vomit vomiting"
_CRIMES = (
    "abducted abduction abortion abuse abused abuses abusive addict addicted addiction adolf alcoholic alcoholism "
    "ammunition armed arson assassin assassinate assassinated assassination assassins assault assaulted assaults "
    "asylum atrocities auschwitz bandit bandits beheaded blackmail bomb bombed bomber bombers bombing bombings bombs "
    "bribe bribery bribes bullet bullets bully bullying caliphate cannabis cartel cocaine convict convicted convicts "
    "crime crimes criminal criminals cruel cruelty dagger detainees drug drugged drugs drunk drunken explosives "
    "fascism fascist felony firearm firearms fraud fraudulent gang gangs gangster genocide gestapo grenade grenades "
    "guantanamo gun gunfire gunmen guns gunshot hamas handgun harassed harassment hate hated hates hating hatred "
    "heroin hezbollah hitler holocaust homicide hostage hostages incarcerated inmate inmates isis jail jailed jihad "
    "kidnap kidnapped kidnapping kill killed killer killers killing killings kills klan lawsuit lawsuits looted "
    "looting lynch mafia marijuana massacre murder murdered murderer murderers murdering murderous murders mussolini "
    "narcotics nazi nazis opium overdose penitentiary perpetrators persecuted persecution pistol pistols prison "
    "prisoner prisoners prisons qaeda revolver rifle rifles riot riots rob robbed robber robbers robbery shooter "
    "shooting shotgun slaughter slaughtered smuggling sniper stab stabbed stabbing steal stealing steals strangled "
    "suicidal suicide taliban terror terrorism terrorist terrorists theft thief thieves torment tormented torture "
    "tortured trafficking victim victims violence violent violently weapon weaponry weapons wehrmacht"
)
_SCORN = (
    "ashamed demonic devil devils disgrace disgust disgusted disgusting hell humiliated humiliating humiliation "
    "inhuman lucifer satan shame"
)
NEVER = frozenset(" ".join((_PEOPLES, _INSULTS, _SEX, _FILTH, _CRIMES, _SCORN)).split())


def never_guessed(tokenizer: tokenizers.Tokenizer) -> np.ndarray:
    """int64 ids of these terms, of those that the vocabulary has, and of pieces that are written like them."""
    found = map(tokenizer.token_to_id, (*NEVER, *(f"##{word}" for word in NEVER)))
    return np.unique(np.array([number for number in found if number is not None], np.int64))

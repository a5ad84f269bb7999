"""Blues, reds, pinks, greens, yellows and metallics: what is near them, and sentences about them."""

from __future__ import annotations

from records import Colour

BRIGHTS = {
    "navy": Colour(("cobalt", "indigo", "black", "navy stripe"), (
        "Navy does what black does, and looks kinder in daylight.",
        "The navy is dark enough for a funeral and fresh enough for a regatta.",
        "A deep navy with a trace of green.",
        "In navy it flatters white shirts and brown shoes.",
        "The navy stays true under shop lights and street lamps.",
        "Midnight navy, a shade we have not changed in years.",
        "Navy is the safe choice, and no worse for that.",
        "A school-uniform navy, grown up.",
        "In navy it settles down beside grey, camel and denim.",
        "The navy dye is slow to fade.",
        "This navy has enough blue in it not to be taken for black.",
        "Ink blue rather than marine, the navy looks serious and relaxed at once.",
    )),
    "sky blue": Colour(("washed blue", "cobalt", "lilac"), (
        "Sky blue, clear as a morning in April.",
        "The sky blue is light and a little chalky.",
        "A pale blue that freshens white and calms red.",
    )),
    "cobalt": Colour(("navy", "sky blue"), (
        "The cobalt blue is bright enough to be seen across a station.",
        "Cobalt, strong and cheerful, like a tin of paint.",
        "A saturated cobalt blue for people tired of navy.",
    )),
    "indigo": Colour(("navy", "washed blue"), (
        "Dark blue indigo that fades along the creases you make.",
        "The indigo is rope dyed and will rub off a little at first.",
        "Deep indigo blue, unwashed.",
    )),
    "washed blue": Colour(("sky blue", "indigo"), (
        "Washed to the light blue of a favourite old pair.",
        "The washed blue looks ten summers old from the start.",
        "A faded light blue with paler seams.",
    )),
    "burgundy": Colour(("red", "chocolate brown"), (
        "Burgundy, dark as the last of the bottle.",
        "The burgundy has brown in it, so it goes with tan and with black.",
        "A wine red burgundy that glows under lamplight.",
        "In burgundy it adds colour without raising its voice.",
        "The burgundy is best beside navy or camel.",
        "A deep burgundy, between plum and oxblood.",
        "Burgundy is the colour we reach for in October.",
    )),
    "red": Colour(("burgundy", "fuchsia", "rust"), (
        "A clear lipstick red that needs nothing else.",
        "The red is warm and bright, with a little orange.",
        "Red is a good way to be found in a crowd.",
        "In red, one such thing is enough for an outfit.",
        "A pillar-box red that does not go pink in the sun.",
        "The red cheers up black in an instant.",
    )),
    "blush pink": Colour(("fuchsia", "lilac", "beige"), (
        "Blush pink, pale as the inside of a shell.",
        "The blush pink is dusty rather than sweet.",
        "A faint pink that behaves like a neutral.",
        "In blush pink it looks well beside grey.",
    )),
    "fuchsia": Colour(("blush pink", "red", "lilac"), (
        "Fuchsia pink, the loudest shade of the season.",
        "The fuchsia is bright, cheerful and sure of itself.",
        "A hot pink fuchsia for high summer.",
    )),
    "lilac": Colour(("blush pink", "sky blue"), (
        "A cool lilac with grey in it.",
        "Lilac makes silver look silver and white look whiter.",
        "The lilac is pale purple, like the tips of crocuses.",
    )),
    "olive": Colour(("forest green", "sage"), (
        "Olive green hides mud and goes with brown boots.",
        "The olive is dark and dry, closer to khaki than to grass.",
        "An old army olive, softened by washing.",
        "In olive it wears like a neutral.",
        "Olive green sits well with denim and with cream.",
        "A mossy olive that looks better outdoors.",
    )),
    "forest green": Colour(("emerald", "olive"), (
        "Forest green, almost black in the shade.",
        "The forest green is cool and dark, like pines after rain.",
        "A bottle green that is happy next to navy.",
        "In forest green it makes a change from black and is as easy to wear.",
        "Deep forest green looks fine with brass and with brown.",
    )),
    "emerald": Colour(("forest green",), (
        "Emerald green catches every light in the room.",
        "The emerald is a true jewel green.",
        "A bright, deep green that makes an occasion of it.",
        "In emerald green it is hard to overlook.",
    )),
    "sage": Colour(("olive", "forest green"), (
        "Sage green, soft and slightly dusty.",
        "The sage is a pale grey-green, restful to look at.",
    )),
    "mustard": Colour(("gold", "rust", "camel"), (
        "Mustard yellow with a brown edge to it.",
        "The mustard warms up grey days.",
        "A strong yellow, closer to turmeric than to lemon.",
    )),
    "rust": Colour(("cognac", "red", "mustard"), (
        "Rust, the burnt orange of autumn beeches.",
        "The rust is earthy and warm beside denim.",
        "A dry, brownish orange we call rust.",
    )),
    "silver": Colour(("grey", "gold"), (
        "The silver is cool and bright, like new foil.",
        "Silver goes with every other colour after dark.",
        "A soft silver finish that does not glare.",
        "In silver it adds a cold sparkle to plain black.",
    )),
    "gold": Colour(("champagne", "rose gold", "silver", "mustard"), (
        "The gold is pale and a little antique.",
        "Gold makes the simplest outfit festive.",
        "A warm gold that catches candlelight.",
        "In gold it needs no other ornament.",
    )),
    "rose gold": Colour(("gold", "blush pink"), (
        "Rose gold has a pink warmth that suits pale and dark skin alike.",
        "The rose gold is soft and coppery.",
    )),
}

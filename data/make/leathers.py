"""Leathers and skins, with hand-written sentences about how they feel and how to care for them."""

from __future__ import annotations

from records import Material

LEATHERS = {
    "pebbled leather": Material("leather", 1.0, (
        "Pebbled leather shrugs off scratches, which is why we use it for things that get knocked about.",
        "The grain is raised and soft, like a well-used cricket ball.",
        "Wipe the pebbled leather with a dry cloth and it will look new for years.",
        "The leather is milled in drums until the pebbled grain comes up by itself.",
        "Thick, grained leather keeps its body without going stiff.",
        "Raindrops leave no mark on the pebbled leather if you blot them at once.",
        "You can feel the pebbled leather's grain under the thumb.",
        "The hide comes from a small tannery that works only in grained leather.",
        "Pebbled leather needs hardly any care beyond a little cream in autumn.",
        "Supple grained calf leather, chosen for wear rather than for show.",
    )),
    "smooth leather": Material("leather", 1.1, (
        "Smooth calf leather with a low, polished shine.",
        "The leather is smooth and firm, and the edges are painted by hand.",
        "A little clear polish keeps the smooth leather bright.",
        "Box calf, smooth as glass, creases softly with use.",
        "The smooth leather takes small marks at first and then a fine patina.",
        "Its smooth leather is tight in the grain and holds a clean fold.",
        "Keep the smooth leather out of hard rain and brush off dust.",
        "It is cut from the middle of the hide, where smooth leather is most even.",
        "The leather has a cool, smooth hand that warms up as it is carried or worn.",
        "Full-grain leather with a smooth face and nothing hidden under a coating.",
    )),
    "nappa leather": Material("leather", 1.15, (
        "Nappa leather this soft is closer to a glove than to a saddle.",
        "The nappa is lambskin, light and buttery to the touch.",
        "Soft nappa leather drapes rather than stands.",
        "Treat the nappa leather gently; keys and rings can scratch it.",
        "A thin, silky nappa leather with an easy fold.",
        "The nappa leather is drum dyed, so colour runs all the way through.",
        "Nappa softens further in the first weeks and then stays so.",
        "Stored away from hard edges, the soft nappa leather keeps a smooth face.",
        "There is no stiffness to wear off: nappa leather is gentle from the start.",
    )),
    "suede": Material("suede", 1.0, (
        "Brush the suede one way for a darker tone, the other for a lighter.",
        "The suede is dense, dry and velvety.",
        "Spray the suede before the first outing and avoid downpours.",
        "Soft split suede with a short, even nap.",
        "Suede gives the shape a quieter, warmer surface.",
        "A rubber brush lifts most marks from suede.",
        "The suede is dyed in small lots, so shades vary a little.",
        "Run a hand over the suede and it changes like a field of barley.",
        "Goat suede, light and strong, with a fine nap.",
    )),
    "vegetable-tanned leather": Material("leather", 1.15, (
        "The leather is vegetable tanned in oak bark for months and darkens handsomely.",
        "Vegetable-tanned leather starts firm and learns your habits.",
        "Marks and sun become part of vegetable-tanned leather, so use it freely.",
        "Thick bridle leather, tanned with bark and finished with wax.",
        "The vegetable-tanned hide smells of wood and honey.",
        "Feed the leather with balm twice a year.",
    )),
    "saffiano leather": Material("leather", 1.1, (
        "The saffiano leather has a fine crosshatch that resists rain and scuffs.",
        "Saffiano leather keeps a crisp shape and wipes clean.",
        "Pressed and waxed, the saffiano finish is hard to mark.",
        "A stiff, cross-grained leather for tidy people.",
        "Saffiano is easy leather: a damp cloth is all it needs.",
    )),
    "patent leather": Material("leather", 1.1, (
        "The patent leather shines like a wet street.",
        "Glossy patent leather wipes clean with a soft cloth.",
        "Patent leather brings a mirror gleam to a plain shape.",
        "Keep pale and dark patent leather apart in the cupboard.",
        "High-gloss patent over supple leather, so it bends without cracking.",
    )),
    "quilted leather": Material("leather", 1.2, (
        "Diamond quilting over soft leather gives a pleasant spring to the touch.",
        "The quilted leather is stitched by one person from start to finish.",
        "Lambskin, quilted in narrow rows and lightly padded.",
        "Quilting makes the leather light and plump.",
    )),
    "croc-embossed leather": Material("leather", 1.1, (
        "The calf leather is embossed with a crocodile pattern and lightly glazed.",
        "Croc-embossed leather gives the scales and the shine without the crocodile.",
        "Large scales in the middle shrink to small ones at the sides of the embossed leather.",
        "A croc-embossed finish makes a simple shape look grand.",
    )),
    "woven leather": Material("leather", 1.3, (
        "Strips of leather are woven by hand over two days.",
        "The woven leather stretches a little and springs back.",
        "A close basket weave in soft leather lets air through.",
    )),
    "waxed leather": Material("leather", 1.1, (
        "Waxed leather turns water and shows every story.",
        "The oiled and waxed leather lightens where it bends.",
        "Rub the waxed leather with a warm thumb and small scratches vanish.",
    )),
    "calf hair": Material("leather", 1.2, (
        "Short calf hair lies flat and smooth in one direction.",
        "The calf hair is printed, then brushed to a shine.",
    )),
    "shearling": Material("shearling", 1.3, (
        "The shearling is dense, springy and warm to the bone.",
        "Curly on one side and smooth on the other, the shearling comes from one flock.",
        "Shake the shearling out after rain and let it dry away from heat.",
        "Soft sheep fleece, clipped short.",
    )),
}

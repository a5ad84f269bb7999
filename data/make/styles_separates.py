"""Trousers, jeans, shirts, blouses and t-shirts."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Marlene", "trousers", "Verrane", 240, "Marlene wide-leg trousers in {colour} {material}",
          """High at the waist and wide from the hip, these women's trousers have front pleats and a hem that just
          brushes the shoe. Side pockets lie flat. Perfect with a tucked blouse at the office.""",
          "women wide-leg high-waist pleated office",
          "wool: black, navy, grey; linen: ivory, beige"),
    Style("Colm", "trousers", "Hask & Thorne", 190, "Colm men's tailored trousers, {colour} {material}",
          """Men's flat-front trousers with a slim, straight leg and an unfinished hem for your tailor. The
          waistband hides a strip of grip that keeps a shirt tucked in.""",
          "men slim office formal",
          "wool: charcoal, navy, black; flannel: grey"),
    Style("Teddy", "trousers", "Brackenfold", 120, "Teddy men's chino trousers in {colour} {material}",
          """Relaxed chino trousers for men, garment dyed and soft from the first day. Two slanted pockets, two
          buttoned ones and a hem that takes a turn-up. Machine wash warm.""",
          "men everyday weekend straight washable",
          "cotton: beige, olive, navy, rust; corduroy: chocolate brown"),
    Style("Lenka", "trousers", "Pellamore", 160, "Lenka cropped cigarette trousers, {colour} {material}",
          """Slim, cropped trousers that stop at the ankle bone and show off a good shoe. A little stretch and a
          side zip keep the line clean.""",
          "women cropped slim side-zip",
          "crepe: black, navy, red; cotton: white"),
    Style("Bo", "jeans", "Tessaly Row", 110, "Bo straight jeans in {colour} {material}",
          """Straight jeans with a mid rise, five pockets and a button fly, cut the same for women and men. The
          cotton is rigid at first and gives after a few wears. Wash rarely and inside out.""",
          "women men straight everyday",
          "denim: indigo, washed blue, black"),
    Style("Harlow", "jeans", "Verrane", 150, "Harlow wide-leg high-waist jeans, {colour} {material}",
          """High-waist jeans that fall wide and long over a platform shoe. Pressed creases give a hint of
          tailoring.""",
          "women wide-leg high-waist everyday",
          "denim: indigo, ivory, washed blue"),
    Style("Wiley", "jeans", "Brackenfold", 130, "Wiley men's slim jeans in {colour} {material}",
          """Slim through the thigh and narrower below the knee, these men's jeans have enough stretch for a
          bicycle. The pockets are lined with heavy twill so that keys do not wear through.""",
          "men slim everyday stretch",
          "denim: black, indigo, grey"),
    Style("Winslow", "shirt", "Hask & Thorne", 110, "Winslow men's shirt in {colour} {material}",
          """A men's shirt with a firm spread collar, single-needle seams and mother-of-pearl buttons. It is cut to
          stay tucked in and irons quickly while damp. The cuffs take a button or cufflinks.""",
          "men office formal long-sleeve buttons washable",
          "cotton poplin: white, sky blue, navy stripe; linen: white"),
    Style("Tavish", "shirt", "Brackenfold", 95, "Tavish men's thick overshirt, {colour} {material}",
          """Half shirt, half jacket: a thick men's overshirt with two buttoned pockets, brushed on the inside. Wear
          it open over a t-shirt.""",
          "men weekend warm pockets buttons",
          "flannel: grey check, forest green, rust; corduroy: tan"),
    Style("Ines", "shirt", "Verrane", 140, "Ines women's oversized shirt in {colour} {material}",
          """A roomy women's shirt with a dropped shoulder and a long curved tail. Knot it, belt it or leave it to
          flap over a swimsuit.""",
          "women oversized everyday summer long-sleeve buttons washable",
          "cotton poplin: white, blush pink, navy stripe; linen: sky blue, white"),
    Style("Lucia", "blouse", "Isolde Marr", 220, "Lucia pussy-bow blouse in {colour} {material}",
          """A long bow ties at the neck of this fluid blouse, or hangs loose when you feel less formal. Narrow
          cuffs close with two covered buttons. It softens a strict blazer.""",
          "women office long-sleeve evening",
          "silk: ivory, black, emerald; crepe: burgundy"),
    Style("Amapola", "blouse", "Solmere", 140, "Amapola puff-sleeve blouse, {colour} {material}",
          """Puffed sleeves and a smocked yoke give this airy blouse a holiday temper. It stays cool in the heat and
          looks charming with jeans.""",
          "women summer weekend short-sleeve",
          "cotton: white, floral print; linen: mustard; silk: blush pink"),
    Style("Ora", "t-shirt", "Tessaly Row", 40, "Ora women's crew-neck t-shirt in {colour} {material}",
          """A plain t-shirt with a close round neck and sleeves that end where they should. The cotton is heavy
          enough not to show what is beneath it, and the side seams do not twist in the wash.""",
          "women crew plain everyday short-sleeve washable",
          "organic cotton: white, black, navy, navy stripe"),
    Style("Basil", "t-shirt", "Hask & Thorne", 50, "Basil men's heavyweight t-shirt, {colour} {material}",
          """A men's t-shirt in dense, matt jersey with a ribbed collar that keeps its shape. Square in the body and
          good on its own with jeans.""",
          "men crew plain everyday short-sleeve washable",
          "organic cotton: white, charcoal, olive, black"),
)

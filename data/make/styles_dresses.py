"""Dresses and skirts."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Odessa", "cocktail dress", "Isolde Marr", 390, "Odessa cocktail dress in {colour} {material}",
          """A knee-length cocktail dress with a square neck, a fitted waist and a skirt that holds its own shape.
          The zip is hidden in the back seam. Lined throughout, and quite at ease at a wedding or a formal dinner.""",
          "women evening wedding party formal knee-length lined",
          "satin: black, emerald, navy; lace: burgundy, black"),
    Style("Zelda", "cocktail dress", "Bellavanti", 460, "Zelda sequinned cocktail dress, {colour} {material}",
          """Rows of tiny sequins swing from a dropped waist on this short, straight cocktail dress. The sleeves are
          sheer, the back is low and the lining is soft. It asks for plain sandals and loud music.""",
          "women evening party sparkle short",
          "sequinned tulle: gold, silver, black"),
    Style("Renata", "cocktail dress", "Verrane", 340, "Renata sleeveless cocktail dress in {colour} {material}",
          """The plain sheath that a wardrobe is built around: sleeveless, just above the knee, with darts that do
          the work. Add a blazer for the office and earrings for cocktails.""",
          "women evening office formal knee-length sleeveless lined",
          "crepe: black, red, cobalt; velvet: forest green"),
    Style("Flora", "maxi dress", "Solmere", 270, "Flora maxi dress in {colour} {material}",
          """A floating maxi dress with a tiered skirt, a tied neck and full sleeves gathered at the wrist. It is
          cool at a garden wedding in July and, with boots, perfectly good in October. Slip included.""",
          "women long summer wedding garden floaty",
          "chiffon: floral print, sky blue, rust; cotton: white"),
    Style("Ravenna", "maxi dress", "Bellavanti", 520, "Ravenna floor-length maxi dress, {colour} {material}",
          """Cut on the bias and bare at the back, this maxi dress reaches the floor and moves like water. The
          straps cross and tie. For balls, black-tie weddings and anyone with stairs to come down.""",
          "women long evening formal wedding",
          "silk satin: emerald, burgundy, champagne, black"),
    Style("Tilda", "shirt dress", "Tessaly Row", 180, "Tilda belted shirt dress in {colour} {material}",
          """A midi shirt dress with a proper collar, buttons from neck to hem and a belt of the same cloth. Roll
          the sleeves and fasten the tab. There are pockets in both side seams.""",
          "women belted pockets office summer midi everyday washable",
          "cotton poplin: white, navy, sky blue, navy stripe; linen: olive"),
    Style("Joss", "shirt dress", "Pellamore", 240, "Joss short shirt dress, {colour} {material}",
          """Short and straight, Joss is a shirt dress with patch pockets and pearl snaps. Good over leggings in
          winter and with bare legs in summer.""",
          "women short pockets everyday weekend washable",
          "denim: indigo, washed blue; corduroy: rust"),
    Style("Lisbet", "slip dress", "Isolde Marr", 310, "Lisbet slip dress in {colour} {material}",
          """A bias-cut midi slip dress with fine straps and a gentle cowl at the neck. Put it under a chunky
          sweater by day; by night it needs only a lipstick. Hand wash or dry clean.""",
          "women midi evening party",
          "silk satin: champagne, black, navy; satin: lilac, forest green"),
    Style("Nadine", "slip dress", "Marlisse", 260, "Nadine lace-trimmed slip dress, {colour} {material}",
          """Lace edges the neck and hem of this slip dress, which stops at the knee. The straps adjust, and the
          side is slit just high enough for dancing.""",
          "women knee-length evening party",
          "silk: black, ivory, burgundy"),
    Style("Diandra", "wrap dress", "Verrane", 290, "Diandra wrap dress in {colour} {material}",
          """A true wrap dress that ties at the side and fits on good days and bad. The sleeves are long, the hem
          covers the knee, and the cloth does not crease in a suitcase.""",
          "women office travel belted knee-length long-sleeve",
          "jersey: navy, black, forest green, leopard print"),
    Style("Maribel", "wrap dress", "Solmere", 220, "Maribel summer wrap dress, {colour} {material}",
          """Short flutter sleeves and a ruffled edge make this midi wrap dress the one to take to a garden party in
          summer. It ties twice round the waist and opens flat for ironing.""",
          "women midi summer garden belted",
          "cotton: floral print, red; linen: sage, sky blue"),
    Style("Philippa", "skirt", "Verrane", 210, "Philippa pleated midi skirt in {colour} {material}",
          """Sharp permanent pleats swing from a smooth yoke on this midi skirt. The waistband is elasticated at the
          back only, so it looks tailored and feels kind.""",
          "women pleated midi office everyday",
          "crepe: navy, camel, forest green; satin: champagne"),
    Style("Greer", "skirt", "Hask & Thorne", 190, "Greer pleated kilt skirt, {colour} {material}",
          """A wrapped and pleated skirt fastened with two leather buckles, to the knee. Wear with flat boots and a
          sweater tucked in.""",
          "women pleated knee-length winter everyday",
          "wool: grey check, navy; tweed: burgundy"),
    Style("Sienna", "skirt", "Pellamore", 290, "Sienna a-line midi skirt in {colour} {material}",
          """An a-line midi skirt with a front zip and deep slanted pockets. It is lined to the hem so that it does
          not cling to tights.""",
          "women midi pockets everyday lined",
          "suede: cognac, olive; nappa leather: black; denim: indigo"),
    Style("Opal", "skirt", "Isolde Marr", 170, "Opal bias-cut midi skirt, {colour} {material}",
          """A slinky midi skirt cut on the bias, with an elastic waist that lies flat. Pair it with sneakers at
          noon and pumps at eight.""",
          "women midi evening party everyday",
          "silk satin: emerald, black, rose gold; satin: silver"),
    Style("Minnie", "skirt", "Tessaly Row", 95, "Minnie a-line mini skirt in {colour} {material}",
          """A short skirt with a high waist and buttons down the front, in the spirit of 1967. Add thick tights and
          knee boots when it gets cold.""",
          "women short everyday party",
          "corduroy: mustard, burgundy; denim: washed blue, black; tweed: grey check"),
)

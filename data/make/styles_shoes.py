"""Shoes for women and men."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Freya", "ankle boots", "Verrane", 390, "Freya block heel ankle boots in {colour} {material}",
          """Women's ankle boots with a 6 cm block heel that stays steady on cobbles. The inside zip is hidden in
          the seam, and the shaft is cut close so that trousers fall cleanly over it.""",
          "women block-heel side-zip office everyday heel",
          "smooth leather: black, burgundy; suede: taupe, black; croc-embossed leather: chocolate brown"),
    Style("Corrigan", "ankle boots", "Brackenfold", 320, "Corrigan men's chelsea ankle boots, {colour} {material}",
          """Elastic sides and a pull tab make these ankle boots quick to get into. The rubber sole is stitched on
          and can be replaced, and the shape is slim enough for a suit in bad weather.""",
          "men flat slip-on office everyday rubber-sole",
          "suede: tan, chocolate brown; smooth leather: black"),
    Style("Tove", "ankle boots", "Nordhalle", 280, "Tove lace-up winter ankle boots in {colour} {material}",
          """Lined with real shearling and set on a deep rubber tread, Tove was made for snow and slush. Hooks at
          the top make the laces quick, and the seams are sealed. Wear these ankle boots with thick socks and no
          fear.""",
          "women winter lace-up waterproof warm flat rubber-sole",
          "waxed leather: cognac, black, olive"),
    Style("Delphine", "ankle boots", "Isolde Marr", 460, "Delphine stiletto ankle boots, {colour} {material}",
          """Pointed ankle boots on a fine 9 cm stiletto heel, cut like a sock to follow the leg. Invite them to
          parties and to dinners where nobody has to walk far.""",
          "women stiletto evening party heel",
          "patent leather: black, red; velvet: burgundy"),
    Style("Sidonie", "knee boots", "Verrane", 590, "Sidonie knee boots in {colour} {material}",
          """Straight, flat knee boots with a gently squared toe and an inside zip that runs the full height. The
          shaft has a little stretch at the back of the knee. They sit neatly over slim jeans and under a midi
          skirt.""",
          "women flat side-zip everyday winter",
          "smooth leather: black, chocolate brown; suede: cognac, taupe"),
    Style("Oriane", "knee boots", "Marlisse", 640, "Oriane heeled knee boots, {colour} {material}",
          """A slouched shaft and a 7 cm block heel give these knee boots an easy, seventies line. They pull on
          without a zip and pool softly at the ankle. Best with a knitted dress.""",
          "women block-heel slip-on evening heel winter",
          "suede: black, rust; nappa leather: burgundy"),
    Style("Aurelio", "loafers", "Ardenvoss", 340, "Aurelio men's penny loafers in {colour} {material}",
          """Men's penny loafers on a leather sole with a rubber insert for grip. The apron is sewn by hand, which
          is why they fit like a second pair of socks after a week. For suits without socks or jeans with them.""",
          "men slip-on office flat everyday",
          "smooth leather: chocolate brown, black, burgundy; suede: tan, navy"),
    Style("Bettina", "loafers", "Pellamore", 270, "Bettina women's horsebit loafers, {colour} {material}",
          """A metal bar crosses the front of these slightly mannish loafers, and a cushioned insole hides inside.
          Flat, comfortable and smart enough for the office all week.""",
          "women slip-on office flat everyday cushioned",
          "smooth leather: black, cream; patent leather: burgundy; suede: cognac; calf hair: leopard print"),
    Style("Dune", "loafers", "Solmere", 190, "Dune unlined driving loafers in {colour} {material}",
          """Unlined driving loafers with rubber pebbles on the sole, for men who take the long road to lunch. Wear
          barefoot in summer. They fold nearly flat in a case.""",
          "men slip-on flat summer weekend travel",
          "suede: sky blue, navy, tan, olive"),
    Style("Colette", "pumps", "Isolde Marr", 350, "Colette pumps in {colour} {material}",
          """Pointed pumps with a slender 8 cm heel and a low-cut side that flatters the foot. A memory-foam insole
          makes them bearable until the last dance. Worn to weddings, to interviews and with the black dress.""",
          "women stiletto wedding evening office formal heel cushioned",
          "patent leather: black, red; suede: navy; nappa leather: beige; satin: champagne"),
    Style("Maud", "pumps", "Pellamore", 260, "Maud low block heel pumps, {colour} {material}",
          """Pumps for a full day standing up: a rounded toe, a padded footbed and a steady 4 cm block heel. They do
          for court, classroom and boardroom alike.""",
          "women block-heel office cushioned everyday heel",
          "smooth leather: black, navy, burgundy; suede: beige"),
    Style("Vivette", "pumps", "Marlisse", 420, "Vivette slingback pumps with bow, {colour} {material}",
          """A flat bow sits on the toe of these slingback pumps, and a 6 cm flared heel lifts them off the lawn.
          They were drawn with summer weddings and christenings in mind.""",
          "women wedding summer evening formal heel",
          "satin: blush pink, emerald, ivory; nappa leather: silver"),
    Style("Arlo", "sneakers", "Tessaly Row", 150, "Arlo low-top sneakers in {colour} {material}",
          """Plain low-top sneakers with a cupsole, flat cotton laces and no visible logo. The lining is leather and
          the insole comes out to be aired. They go with a suit as readily as with jeans.""",
          "men women flat lace-up everyday weekend",
          "smooth leather: white, black, navy; suede: grey, forest green"),
    Style("Kaia", "sneakers", "Nordhalle", 135, "Kaia running-style sneakers, {colour} {material}",
          """Light sneakers with a cushioned foam sole and a breathable upper, for airports, long city days and easy
          runs. A tab at the heel helps them on. Wash by hand in cool water.""",
          "women men flat lace-up cushioned travel gym lightweight weekend",
          "mesh: white, black, lilac, cobalt"),
    Style("Bianca", "sneakers", "Verrane", 240, "Bianca women's platform sneakers in {colour} {material}",
          """A 4 cm platform gives these women's sneakers height without effort. The heel tab is cut in a
          contrasting leather, and the toe is gently rounded.""",
          "women platform lace-up everyday",
          "smooth leather: white, cream; patent leather: black; suede: blush pink"),
    Style("Ravel", "sneakers", "Hask & Thorne", 260, "Ravel men's high-top sneakers, {colour} {material}",
          """High-top sneakers with waxed laces and a padded ankle. The men's shape is neat rather than sporty, and
          the sole is stitched all the way round.""",
          "men lace-up flat everyday weekend high-top",
          "nappa leather: white, black; canvas: olive, cream"),
    Style("Ione", "sandals", "Solmere", 180, "Ione flat strappy sandals in {colour} {material}",
          """Fine straps cross the foot twice and buckle at the ankle on these flat sandals, light enough for the
          bottom of a beach bag. The footbed is padded leather.""",
          "women flat summer beach travel cushioned",
          "nappa leather: gold, tan, black, white"),
    Style("Calista", "sandals", "Isolde Marr", 370, "Calista heeled evening sandals, {colour} {material}",
          """Two narrow bands and an ankle strap hold these evening sandals to the foot, over a sculpted 9 cm heel.
          Made for dancing at weddings and for dresses that touch the floor.""",
          "women stiletto evening wedding party heel formal",
          "satin: champagne, emerald, fuchsia; nappa leather: silver, gold"),
    Style("Bjarke", "sandals", "Brackenfold", 120, "Bjarke men's two-strap sandals in {colour} {material}",
          """Men's sandals with two wide buckled straps and a cork footbed that takes the print of your foot. For
          terraces, holidays and bringing in the post.""",
          "men flat summer beach weekend",
          "waxed leather: chocolate brown, black; suede: taupe"),
    Style("Manon", "ballet flats", "Marlisse", 210, "Manon ballet flats in {colour} {material}",
          """Soft ballet flats sewn inside out and turned, with a grosgrain edge and a tiny bow. They bend double,
          so a pair can ride in your bag for the journey home.""",
          "women flat slip-on everyday travel soft",
          "nappa leather: black, beige, red, blush pink; suede: navy; calf hair: leopard print"),
    Style("Odette", "ballet flats", "Pellamore", 240, "Odette pointed ballet flats with strap, {colour} {material}",
          """Pointed ballet flats with a thin strap across the instep, neat under cropped trousers. A cushioned
          insole takes the sting out of pavements.""",
          "women flat everyday cushioned evening",
          "patent leather: black, burgundy; velvet: emerald; nappa leather: silver"),
    Style("Granville", "oxfords", "Ardenvoss", 420, "Granville men's cap-toe oxfords in {colour} {material}",
          """Closed lacing, a straight cap and a hard shine: these are the oxfords to wear with a dark suit, to an
          interview or a wedding. Goodyear welted, so they can be resoled for years.""",
          "men lace-up flat formal office wedding",
          "smooth leather: black, chocolate brown, burgundy"),
    Style("Harriet", "oxfords", "Brackenfold", 290, "Harriet women's oxfords with punched toe, {colour} {material}",
          """Borrowed from a brother and cut for a woman's foot, these oxfords have a punched toe and a stacked 2 cm
          heel. Lace them up with ankle socks and a pleated skirt.""",
          "women lace-up flat office everyday",
          "smooth leather: cognac, black; patent leather: white"),
)

"""Small leather goods, belts and gloves."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Kit", "card holder", "Hask & Thorne", 75, "Kit card holder in {colour} {material}",
          """Four card slots, a middle pocket for folded notes and nothing else. This card holder is thin enough for
          a shirt pocket and softens to the shape of its contents within a month.""",
          "men women slim card-slots",
          "pebbled leather: black, navy, cognac; smooth leather: burgundy, forest green; croc-embossed leather: black"),
    Style("Nell", "card holder", "Marlisse", 110, "Nell zipped card holder, {colour} {material}",
          """A card holder with a zip section on top for coins and a key, and four slots in front. It clips to a bag
          by a small ring. Tuck it into a clutch and leave the big wallet at home.""",
          "women zip-pocket card-slots coins",
          "quilted leather: black, blush pink; saffiano leather: red, lilac"),
    Style("Shield", "card holder", "Kestrel & Vane", 90, "Shield RFID card holder in {colour} {material}",
          """A rigid card holder that fans out six cards at the push of a lever. Its lining blocks RFID readers, so
          bank cards and passes stay private on a crowded train. A leather band holds a few notes outside.""",
          "men women slim rfid card-slots",
          "aluminium: black, silver; smooth leather: chocolate brown"),
    Style("Barnaby", "wallet", "Hask & Thorne", 140, "Barnaby men's bifold wallet in {colour} {material}",
          """The classic folding wallet for men, with eight card slots, two sections for notes and a flat place for
          receipts. It is turned and stitched at the edges rather than glued. Comes in a box, ready to give.""",
          "men bifold card-slots gift",
          "smooth leather: black, chocolate brown; pebbled leather: navy, cognac; croc-embossed leather: black"),
    Style("Prudence", "wallet", "Verrane", 190, "Prudence long zip wallet, {colour} {material}",
          """A long wallet that zips around three sides and opens like a book. Twelve cards, unfolded notes, a phone
          and a zipped coin compartment all fit. Add the wrist loop and it is all you need for the evening.""",
          "women coins zip-around card-slots large",
          "saffiano leather: black, red, navy; pebbled leather: taupe, blush pink"),
    Style("Lotte", "wallet", "Marlisse", 150, "Lotte small wallet in {colour} {material}",
          """Lotte folds in three and sits in the palm. Behind the popper are six card slots, a window for a travel
          pass and a coin compartment that opens into a little tray. A wallet for small bags.""",
          "women small coins card-slots",
          "nappa leather: black, mustard, burgundy; patent leather: red"),
    Style("Penny", "coin purse", "Brackenfold", 45, "Penny coin purse in {colour} {material}",
          """A coin purse made from a single piece, folded so that the change slides into the flap as you open it.
          It fastens with one brass stud and will outlast most trousers.""",
          "men women small coins",
          "vegetable-tanned leather: cognac, black, forest green; suede: burgundy"),
    Style("Posy", "coin purse", "Isolde Marr", 65, "Posy kiss-lock coin purse, {colour} {material}",
          """Posy snaps shut with the satisfying click of an old-fashioned frame. It is round, soft and just large
          enough for coins, a ring and a spare key. Keep this coin purse in the bottom of a tote, where it is easy
          to feel.""",
          "women small coins",
          "velvet: emerald, burgundy; patent leather: black, red; satin: gold"),
    Style("Ward", "key ring", "Hask & Thorne", 40, "Ward loop key ring in {colour} {material}",
          """A strap of leather, a solid brass ring and a swivel hook that clips inside a bag. This key ring carries
          six keys without bunching. Initials can be stamped on the tab.""",
          "men women gift small",
          "vegetable-tanned leather: cognac, black, navy"),
    Style("Pompom", "key ring", "Marlisse", 55, "Pompom key ring and bag charm, {colour} {material}",
          """A soft ball on a gold-tone ring, made from offcuts that would otherwise be wasted. Use it as a key ring
          or hang it from the handle of a plain tote.""",
          "women small",
          "shearling: blush pink, cream, cobalt"),
    Style("Atlas", "passport holder", "Kestrel & Vane", 95, "Atlas passport holder in {colour} {material}",
          """Passport on one side, boarding pass on the other, with three card slots and a pen loop between them.
          The passport holder is cut to slip into an inside jacket pocket. A sure present for people who live out of
          a suitcase.""",
          "men women travel gift card-slots",
          "saffiano leather: navy, black, red; vegetable-tanned leather: cognac"),
    Style("Meridian", "passport holder", "Verrane", 180, "Meridian family passport holder, {colour} {material}",
          """Room for four passports, tickets and foreign notes, all behind one zip. A wrist strap keeps hold of it
          at the gate, and the passport holder is RFID lined.""",
          "women men travel rfid zip-around large",
          "pebbled leather: burgundy, black, forest green"),
    Style("Echo", "phone pouch", "Pellamore", 130, "Echo phone pouch on a strap, {colour} {material}",
          """A slim phone pouch to wear across the body when a bag is too much. There is a sleeve behind for two
          cards, and the flap closes with a magnet that does not trouble the screen.""",
          "women small hands-free card-slots everyday adjustable-strap",
          "nappa leather: black, sage, lilac; woven leather: tan"),
    Style("Signal", "phone pouch", "Nordhalle", 55, "Signal zipped phone pouch in {colour} {material}",
          """Phone, headphones and a fold of notes go into this water-resistant phone pouch, and the cord around the
          neck adjusts with one hand. It was designed for hiking and works just as well at concerts.""",
          "women men small hands-free water-resistant travel weekend adjustable-strap neck",
          "recycled nylon: black, rust, olive"),
    Style("Garrick", "belt", "Hask & Thorne", 110, "Garrick men's belt in {colour} {material}",
          """A 3.5 cm belt with a solid brass buckle and five holes, made to wear with jeans or flannel trousers.
          The edges are burnished by hand. The loop is stitched, not stapled.""",
          "men everyday office",
          "vegetable-tanned leather: cognac, chocolate brown, black; suede: navy"),
    Style("Sloane", "belt", "Verrane", 130, "Sloane narrow waist belt, {colour} {material}",
          """Narrow enough for a dress and long enough for a coat, Sloane fastens with a small rounded buckle
          covered to match. It gives shape to a loose cardigan or a shirt dress.""",
          "women slim everyday",
          "nappa leather: black, tan, red; croc-embossed leather: chocolate brown"),
    Style("Reverso", "belt", "Ardenvoss", 160, "Reverso reversible dress belt in {colour} {material}",
          """Two belts in one: turn the buckle and the strap shows its other face, always plain black. A formal 3 cm
          belt for suits that packs flat around the edge of a suitcase.""",
          "men formal office reversible travel",
          "saffiano leather: chocolate brown, navy; smooth leather: burgundy"),
    Style("Hadley", "gloves", "Pellamore", 95, "Hadley women's gloves in {colour} {material}, cashmere lined",
          """Fine gloves cut to the wrist and lined in cashmere, so they are warm without bulk. Three rows of
          stitching run down the back of the hand. Fits close; take half a size up for long nails.""",
          "women winter cashmere-lined lined",
          "nappa leather: black, burgundy, cognac; suede: taupe"),
    Style("Warden", "gloves", "Brackenfold", 120, "Warden men's gloves in {colour} {material}",
          """Sturdy men's gloves with a wool lining and a strap at the wrist. The thumb and forefinger are treated
          for touchscreen use, so there is no need to take them off for a message.""",
          "men winter wool-lined lined touchscreen",
          "nappa leather: black, chocolate brown; shearling: tan"),
    Style("Ivalo", "gloves", "Nordhalle", 45, "Ivalo knitted touchscreen gloves, {colour} {material}",
          """Knitted in one piece with deep ribbed cuffs, these gloves have conductive yarn in three fingertips of
          each hand. They work on any touchscreen and go through the wash with the sweaters.""",
          "women men winter touchscreen knitted washable",
          "merino wool: charcoal, navy, red; cashmere: camel"),
)

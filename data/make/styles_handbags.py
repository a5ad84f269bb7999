"""Everyday handbags: crossbody, tote, shoulder, hobo and bucket bags."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Adele", "crossbody bag", "Verrane", 390, "Adele small crossbody bag in {colour} {material}",
          """A small crossbody bag with a rounded flap and a magnetic tab, just big enough for a phone, keys and a
          card holder. The strap adjusts with a buckle from hip to waist, and a zip pocket sits flat against the
          back.""",
          "women small zip-pocket everyday adjustable-strap",
          "pebbled leather: black, tan, burgundy, forest green; suede: taupe"),
    Style("Odile", "crossbody bag", "Marlisse", 520, "{colour} {material} crossbody bag with chain strap, Odile",
          """Odile swings from a fine gold-tone chain strap that can be doubled up and worn on the shoulder. Inside
          this small crossbody bag are two gusseted sections, six card slots and a slim mirror. It goes from lunch
          to a late dinner without looking out of place at either.""",
          "women small chain evening everyday card-slots",
          "quilted leather: black, ivory, blush pink; velvet: emerald; patent leather: red"),
    Style("Tamsin", "crossbody bag", "Brackenfold", 260, "Tamsin crossbody camera bag, {colour} {material}",
          """Shaped like an old camera case, Tamsin has two zipped compartments and a webbing strap wide enough not
          to dig in. A medium crossbody bag for market days, museums and long walks, it holds a paperback and a
          small water bottle.""",
          "women men medium zip-pocket everyday weekend adjustable-strap zip-top",
          "pebbled leather: cognac, black, olive; recycled nylon: navy"),
    Style("Ferrand", "crossbody bag", "Hask & Thorne", 340, "Ferrand men's crossbody bag in {colour} {material}",
          """A flat, upright crossbody bag cut for men who are tired of full pockets. Passport, phone, wallet and a
          slim tablet slide into separate sleeves, and the main compartment closes with a two-way zip. The strap
          unclips when you want to carry it under the arm.""",
          "men medium zip-pocket travel everyday detachable-strap tablet",
          "pebbled leather: black, chocolate brown; smooth leather: navy, tan"),
    Style("Juno", "crossbody bag", "Nordhalle", 145, "Juno lightweight crossbody bag in {colour} {material}",
          """Juno weighs less than a paperback and packs into its own front pocket. Four zips keep sunglasses,
          cards, keys and a rain jacket apart, and the coated zips keep out a shower. A travel crossbody bag that
          you forget you are wearing.""",
          "women men medium zip-pocket travel water-resistant adjustable-strap lightweight",
          "recycled nylon: black, sage, mustard, cobalt"),
    Style("Marlow", "tote", "Verrane", 480, "Marlow large tote in {colour} {material}",
          """Marlow is the bag that carries the whole day: a 15 inch laptop in a padded sleeve, a folder, lunch and
          a pair of flat shoes. The handles drop far enough to sit over a coat, and an inner zip pocket looks after
          keys and a phone. Four metal feet keep the base off the floor of the train.""",
          "women large laptop laptop13 laptop15 zip-pocket office shoulder-carry handbag",
          "pebbled leather: black, tan, burgundy, navy; saffiano leather: beige"),
    Style("Celeste", "tote", "Pellamore", 350, "Celeste soft unlined tote, {colour} {material}",
          """Cut from two panels and left unlined, Celeste slumps pleasantly when it is put down. A removable zipped
          pouch clips inside for small things. Take this tote to the office on Monday and to the food market on
          Saturday.""",
          "women large everyday office unlined zip-pocket",
          "suede: cognac, taupe, olive; nappa leather: black, cream"),
    Style("Bruna", "tote", "Corvella", 295, "Bruna woven beach tote in {colour} {material}",
          """A roomy summer tote with a drawstring cotton lining that keeps sand and sun cream in their place.
          Towel, book, hat and a bottle of water all fit, and the rolled handles are kind to bare shoulders.""",
          "women large beach summer drawstring travel",
          "raffia: beige, black, mustard; woven leather: tan"),
    Style("Holt", "tote", "Hask & Thorne", 420, "Holt men's work tote in {colour} {material}",
          """An upright tote for men who find a briefcase too stiff. It zips shut across the top, takes a 14 inch
          laptop in a felt-lined sleeve and keeps a bottle upright in one corner. Carry it by hand or use the
          webbing strap over the shoulder.""",
          "men large laptop laptop13 laptop14 office zip-top detachable-strap",
          "vegetable-tanned leather: cognac, black; waxed canvas: olive, navy"),
    Style("Pia", "tote", "Tessaly Row", 120, "Pia folding shopper tote in {colour} {material}",
          """Pia is a plain, strong tote that folds flat in a drawer and opens wide at the shops. Long handles go
          over the shoulder, a popper holds the top together and one inside pocket stops your phone sinking to the
          bottom. Machine wash cool and dry in shape.""",
          "women large everyday washable weekend shoulder-carry",
          "canvas: cream, navy, black, red; linen: beige"),
    Style("Lucinde", "tote", "Marlisse", 310, "Lucinde mini tote with crossbody strap, {colour} {material}",
          """A tote in miniature, with the same stiff sides and rolled handles as its larger sister but room for
          only the essentials. The zip pocket inside is sized for a phone, and the long strap comes off for the
          evening.""",
          "women small zip-pocket everyday detachable-strap",
          "saffiano leather: black, red, sky blue; croc-embossed leather: forest green"),
    Style("Sabine", "shoulder bag", "Verrane", 560, "Sabine shoulder bag in {colour} {material}",
          """Sabine tucks high under the arm on a short strap, with a curved base and a turn-lock shaped like a
          petal. It is a medium shoulder bag with an open pocket behind the flap and a zip pocket inside. Wear it
          with a coat in the week and a slip dress on Friday.""",
          "women medium zip-pocket everyday evening",
          "smooth leather: black, burgundy, cream; croc-embossed leather: chocolate brown, black"),
    Style("Noor", "shoulder bag", "Isolde Marr", 430, "Noor baguette shoulder bag, {colour} {material}",
          """Long, low and small, Noor follows the line of the arm and closes with a hidden magnet. A lipstick, a
          phone and a fold of notes are what it was made for. The strap is finished with a single oversized ring.""",
          "women small evening party",
          "satin: lilac, black; patent leather: burgundy, white; suede: mustard"),
    Style("Gisela", "shoulder bag", "Ardenvoss", 640, "Gisela chain shoulder bag in {colour} {material}",
          """A structured shoulder bag on a heavy curb chain, softened where it rests by a leather pad. Three
          compartments open like a concertina, the middle one under a zip. Everything has a place, which is rare in
          a bag this pretty.""",
          "women medium chain zip-pocket evening office",
          "quilted leather: navy, black, burgundy; smooth leather: red"),
    Style("Romy", "shoulder bag", "Pellamore", 275, "Romy large slouchy shoulder bag in {colour} {material}",
          """A large, easy shoulder bag with a wide strap and a zip that runs the full width of the top. Outer
          pockets on both sides keep travel card and sunglasses to hand, and there is room inside for a change of
          clothes.""",
          "women large zip-top everyday travel outer-pockets",
          "pebbled leather: tan, black, grey; recycled nylon: forest green"),
    Style("Ilse", "hobo bag", "Verrane", 495, "Ilse hobo bag, {colour} {material}",
          """The crescent outline of the Ilse hobo bag comes from one long seam, sewn by hand and turned out like a
          glove. It hangs close to the body on a knotted strap, and a zip pocket and two open ones divide the soft
          interior.""",
          "women medium zip-pocket everyday",
          "nappa leather: black, cognac, olive; suede: chocolate brown"),
    Style("Wren", "hobo bag", "Tessaly Row", 230, "Wren oversized hobo bag in {colour} {material}",
          """Wren is generous: a large hobo bag with a dropped top edge, a magnetic snap and a strap plaited from
          three strips. It carries knitting, groceries or a tablet with equal good nature and looks better for being
          slung about.""",
          "women large everyday weekend tablet",
          "suede: tan, rust; pebbled leather: black, taupe"),
    Style("Capri", "bucket bag", "Marlisse", 380, "Capri bucket bag in {colour} {material}",
          """A drawstring gathers the top of this medium bucket bag, and the round base stands up on a restaurant
          table. The strap is adjustable and long enough to wear crossbody, while a zipped pouch on a tether lives
          inside for cards and cash.""",
          "women medium drawstring everyday adjustable-strap",
          "suede: cognac, forest green, black; pebbled leather: tan, sky blue"),
    Style("Thora", "bucket bag", "Corvella", 330, "Thora mini bucket bag, {colour} {material}",
          """Small as a flower pot and nearly as round, Thora closes with a leather cord and a sliding bead. The top
          handle is plaited and a fine strap can be added for dancing. Fits a phone, a compact and a set of keys.""",
          "women small drawstring evening party detachable-strap",
          "satin: gold, black; woven leather: ivory; suede: burgundy"),
    Style("Sol", "bucket bag", "Solmere", 190, "Sol summer bucket bag made of {colour} {material}",
          """Made for hot pavements and long lunches, this bucket bag is woven by hand on a wooden form, so no two
          are quite alike. A cotton drawstring pouch hides what is inside and lifts out for washing.""",
          "women medium summer beach drawstring",
          "raffia: beige, red, navy, fuchsia"),
)

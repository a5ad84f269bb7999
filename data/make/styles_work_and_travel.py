"""Bags for work and for travel: backpacks, briefcases, laptop bags, weekenders, suitcases and their company."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Aldous", "backpack", "Hask & Thorne", 520, "Aldous men's backpack in {colour} {material}",
          """A clean, square backpack for men who walk to the office. The back opens flat for a 15 inch laptop, the
          front has a zip pocket for chargers and a sleeve slides over a suitcase handle. The straps are padded with
          felt and do not crush a jacket.""",
          "men large laptop laptop13 laptop15 zip-pocket office travel trolley-sleeve",
          "pebbled leather: black, chocolate brown, navy; smooth leather: cognac"),
    Style("Fjell", "backpack", "Nordhalle", 160, "Fjell roll-top backpack, {colour} {material}",
          """Roll the top down tight and Fjell keeps its contents dry in a downpour. It holds 22 litres, with a
          sleeve for a 13 inch laptop, a bottle pocket on each side and a chest strap for cycling.""",
          "women men large laptop laptop13 water-resistant weekend travel rain cycling",
          "recycled nylon: black, forest green, mustard; waxed canvas: navy"),
    Style("Mirabel", "backpack", "Marlisse", 340, "Mirabel small backpack in {colour} {material}",
          """Mirabel is a small backpack with a drawstring top and a flap, more city than mountain. A hidden zip
          pocket at the back keeps your wallet safe in a crowd. The straps are slender and leave the neckline of a
          coat alone.""",
          "women small drawstring zip-pocket everyday weekend",
          "nappa leather: black, blush pink, tan; quilted leather: navy"),
    Style("Tarn", "backpack", "Brackenfold", 240, "Tarn everyday backpack, {colour} {material}",
          """Two leather straps and brass buckles close this sturdy backpack, which ages well and minds very little.
          There is a padded sleeve for a 13 inch laptop, and a front pocket deep enough for gloves and a hat.""",
          "women men medium laptop laptop13 everyday weekend",
          "waxed canvas: olive, tan, black; vegetable-tanned leather: cognac"),
    Style("Corin", "briefcase", "Hask & Thorne", 620, "Corin slim briefcase in {colour} {material}",
          """Corin is a slim briefcase with one main compartment and no more than it needs: a padded sleeve for a 14
          inch laptop, a document pocket and two pen loops. The handles fold flat, and the zip runs smoothly around
          three sides.""",
          "men women laptop laptop13 laptop14 office slim formal zip-top",
          "saffiano leather: black, navy; smooth leather: chocolate brown, burgundy"),
    Style("Aubrey", "briefcase", "Ardenvoss", 780, "Aubrey double-gusset briefcase, {colour} {material}",
          """A proper briefcase with a flap, a lock and two deep gussets that swallow case files. A 15 inch laptop
          fits between them. The shoulder strap comes off, and the base is reinforced so that it stands beside a
          desk.""",
          "men laptop laptop13 laptop15 office formal detachable-strap large",
          "vegetable-tanned leather: cognac, black, chocolate brown"),
    Style("Idris", "briefcase", "Pellamore", 390, "Idris soft briefcase in {colour} {material}",
          """Soft-sided and light, Idris is a briefcase for people who carry papers as well as a 13 inch laptop. An
          outside zip pocket takes tickets and a phone, and a sleeve at the back slips over a suitcase handle.""",
          "men women laptop laptop13 office zip-pocket trolley-sleeve travel",
          "pebbled leather: black, tan, grey; recycled nylon: navy"),
    Style("Vera", "laptop bag", "Verrane", 360, "Vera women's laptop bag in {colour} {material}",
          """Vera is a laptop bag that does not look like one. The padded section holds a 15 inch machine, the front
          has places for pens, cards and a charger, and long handles go over the shoulder of a coat.""",
          "women large laptop laptop13 laptop15 office shoulder-carry zip-top handbag",
          "saffiano leather: black, burgundy, taupe; pebbled leather: navy"),
    Style("Slate", "laptop bag", "Tessaly Row", 85, "Slate 13 inch laptop sleeve bag, {colour} {material}",
          """A trim, padded laptop bag for a 13 inch computer, lined with brushed fleece. The outside pocket takes a
          charger and a notebook, and the strap unclips so that it can slide inside a larger bag.""",
          "women men small laptop laptop13 office detachable-strap slim",
          "felt: charcoal, navy; pebbled leather: black, cognac"),
    Style("Beck", "laptop bag", "Nordhalle", 130, "Beck commuter laptop bag in {colour} {material}",
          """Beck takes a 16 inch laptop and a wet bicycle ride in its stride. The cloth is coated, the zips are
          sealed and a bright lining makes the keys easy to find. Reflective tabs show up under headlights.""",
          "women men large laptop laptop13 laptop15 water-resistant office rain zip-pocket",
          "recycled nylon: black, grey, olive"),
    Style("Wayland", "weekender", "Brackenfold", 560, "Wayland large weekender in {colour} {material}",
          """Packed for three nights, this large weekender still slides under a train seat. It has a separate zipped
          compartment for shoes, a wide mouth and a shoulder strap with a proper pad. Brass feet keep the base dry.""",
          "men women large travel weekend shoe-compartment detachable-strap zip-top",
          "vegetable-tanned leather: cognac, chocolate brown, black; waxed canvas: olive"),
    Style("Larkin", "weekender", "Tessaly Row", 190, "Larkin {colour} {material} weekender",
          """A light, squashy weekender for two nights away, with leather grips and a zip pocket at each end. Empty,
          it rolls up and goes in a drawer. It also does very well as a bag for the gym.""",
          "women men medium travel weekend gym zip-pocket lightweight",
          "canvas: navy, cream, black; recycled nylon: burgundy"),
    Style("Alma", "weekender", "Verrane", 640, "Alma women's weekender, {colour} {material}",
          """Alma brings a little polish to a Friday departure. The weekender opens on a frame, so it stays open
          while you pack, and the pockets inside are elasticated for cosmetics and cables. A sleeve fits over a
          suitcase handle.""",
          "women large travel weekend trolley-sleeve",
          "pebbled leather: burgundy, black, tan; suede: taupe"),
    Style("Merrin", "suitcase", "Kestrel & Vane", 380, "Merrin cabin suitcase in {colour} {material}",
          """Four silent wheels and a handle with three heights make this cabin suitcase easy company in a terminal.
          It measures 55 by 40 by 20 cm, as most airlines ask, and the lining zips apart into two halves. Set your
          own code on the built-in lock.""",
          "women men small cabin wheels four-wheels travel lock",
          "polycarbonate: black, navy, sage, blush pink; aluminium: silver"),
    Style("Merrin Grand", "suitcase", "Kestrel & Vane", 520, "Merrin Grand large suitcase in {colour} {material}",
          """The two-week size: a large suitcase that holds 92 litres and still rolls with one finger. Compression
          straps press down thick sweaters, and a zipped divider keeps laundry to itself. To be checked in, not
          carried aboard.""",
          "women men large wheels travel checked lock",
          "polycarbonate: black, navy, forest green; aluminium: silver"),
    Style("Tolland", "suitcase", "Brackenfold", 450, "Tolland soft cabin suitcase, {colour} {material}",
          """A soft-sided cabin suitcase with leather corners, two wheels and an outside pocket for a laptop and a
          book. It gives a little when the overhead locker is full, and it fits the usual airline limits.""",
          "women men small cabin wheels travel laptop laptop13 outer-pockets",
          "waxed canvas: olive, navy; recycled nylon: black"),
    Style("Sheldrake", "garment bag", "Kestrel & Vane", 290, "Sheldrake garment bag in {colour} {material}",
          """Two suits or a long dress travel uncreased in this garment bag, which folds in half and hooks together
          at the handles. Side pockets take a belt, socks and a rolled tie, and a clamp holds hangers still.""",
          "men women large travel formal suit",
          "recycled nylon: black, navy; waxed canvas: olive; pebbled leather: chocolate brown"),
    Style("Ostler", "toiletry bag", "Hask & Thorne", 120, "Ostler toiletry bag in {colour} {material}",
          """A square-shouldered toiletry bag that opens wide and stays open on the shelf of a hotel basin. The
          lining wipes clean, a side pocket keeps a razor apart and there is a loop for hanging. It makes a handsome
          present for somebody who is often away.""",
          "men travel gift water-resistant",
          "pebbled leather: black, chocolate brown, tan; waxed canvas: navy"),
    Style("Fenella", "toiletry bag", "Marlisse", 75, "Fenella quilted toiletry bag, {colour} {material}",
          """Fenella holds full-size bottles upright and brushes flat under elastic. The toiletry bag is padded all
          round and can go through the wash. A clear inner pouch lifts out for airport security.""",
          "women travel washable gift",
          "cotton: blush pink, navy, floral print; velvet: emerald"),
)

"""Scarves, hats, sunglasses, jewellery, watch straps and umbrellas."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Sigrid", "scarf", "Nordhalle", 130, "Sigrid large scarf in {colour} {material}",
          """A large scarf that can be wound twice around the neck or spread over the knees on a train. The ends are
          fringed by hand. It is woven, brushed and steamed in one small mill.""",
          "women men large winter warm travel",
          "cashmere: camel, grey, navy; wool: burgundy, grey check"),
    Style("Perla", "scarf", "Isolde Marr", 120, "Perla square scarf, {colour} {material}",
          """A 90 cm square with hand-rolled edges, to tie at the neck, over the hair or on the handle of a bag. The
          drawing is printed in eleven passes.""",
          "women spring light",
          "silk: navy, red, floral print, leopard print"),
    Style("Aerin", "scarf", "Solmere", 90, "Aerin light shawl scarf in {colour} {material}",
          """A wide, weightless shawl scarf for bare shoulders at a wedding, cold aeroplanes and church doors. It
          folds down to a handful.""",
          "women wedding evening summer travel light shawl",
          "silk: champagne, emerald; cashmere: blush pink, black; linen: white"),
    Style("Ulla", "hat", "Nordhalle", 45, "Ulla ribbed knitted hat in {colour} {material}",
          """A close-fitting knitted hat with a deep turn-up, long enough to cover the ears. It fits everyone and
          packs into a glove.""",
          "women men winter warm knitted beanie",
          "merino wool: black, mustard, navy; cashmere: camel, grey"),
    Style("Riviera", "hat", "Solmere", 85, "Riviera wide-brim sun hat made of {colour} {material}",
          """A wide brim shades face and neck, and a ribbon inside holds the hat on in a sea breeze. It can be
          rolled for the suitcase and springs back when you arrive.""",
          "women summer beach sun packable wide-brim travel",
          "raffia: beige, black, white"),
    Style("Sterling", "hat", "Ardenvoss", 150, "Sterling fedora hat, {colour} {material}",
          """A fedora with a pinched crown and a grosgrain band, blocked by steam over wood. Men and women wear it a
          little low at the front.""",
          "men women winter formal brim",
          "wool felt: charcoal, chocolate brown, camel, black"),
    Style("Harbour", "hat", "Brackenfold", 55, "Harbour baseball cap in {colour} {material}",
          """A six-panel cap with a curved peak, sewn eyelets and a buckle at the back. No logo, no fuss, hand wash.""",
          "men women summer weekend sun cap everyday",
          "canvas: navy, olive; corduroy: burgundy, tan"),
    Style("Bardot", "sunglasses", "Bellavanti", 180, "Bardot cat-eye sunglasses in {colour} {material}",
          """Upswept cat-eye sunglasses with graduated lenses that block all UVA and UVB. The hinges have five
          barrels and close with a soft click. Delivered in a hard case.""",
          "women summer cat-eye sun",
          "acetate: tortoiseshell, black, red"),
    Style("Falco", "sunglasses", "Kestrel & Vane", 210, "Falco polarised aviator sunglasses, {colour} {material}",
          """Aviator sunglasses with polarised lenses that take the glare off water and wet roads. The thin frame
          weighs only 19 grams and the nose pads adjust.""",
          "men women polarised summer sun aviator driving",
          "titanium: gold, silver, black"),
    Style("Hudson", "sunglasses", "Hask & Thorne", 160, "Hudson square sunglasses in {colour} {material}",
          """Square sunglasses with broad arms and polarised lenses, made for a larger face. They suit driving,
          sailing and Sunday mornings.""",
          "men polarised summer sun square driving",
          "acetate: black, tortoiseshell, navy"),
    Style("Noemi", "sunglasses", "Marlisse", 150, "Noemi round oversized sunglasses, {colour} {material}",
          """Large round sunglasses for people who would rather not be recognised before noon. The lenses are dark
          with full UV protection.""",
          "women oversized round summer sun",
          "acetate: ivory, tortoiseshell, black, blush pink"),
    Style("Corona", "earrings", "Bellavanti", 75, "Corona hoop earrings in {colour} {material}",
          """Hoop earrings 3 cm across, hollow so that they are light on the ear. Small enough for the office,
          bright enough for dinner.""",
          "women everyday evening jewellery",
          "plated brass: gold, rose gold; sterling silver: silver"),
    Style("Perlina", "earrings", "Isolde Marr", 110, "Perlina drop earrings with {material}, {colour}",
          """A single freshwater pearl hangs from a fine hook on each of these drop earrings. They were meant for
          brides and have since been seen everywhere.""",
          "women wedding evening pearl jewellery",
          "freshwater pearl: ivory, blush pink, grey"),
    Style("Lien", "necklace", "Bellavanti", 140, "Lien chain necklace, {colour} {material}",
          """A chain necklace of flat links that lies smoothly along the collarbone. It can be worn at two lengths
          and closes with a toggle at the front.""",
          "women evening everyday jewellery",
          "plated brass: gold; sterling silver: silver"),
    Style("Regent", "cufflinks", "Ardenvoss", 95, "Regent cufflinks in {colour} {material}",
          """Plain oval cufflinks with a swivel bar and a small engraved edge, for double cuffs and dinner jackets.
          They arrive in a leather box.""",
          "men formal evening jewellery",
          "sterling silver: silver; plated brass: gold; enamel: navy, black"),
    Style("Tempo", "watch strap", "Hask & Thorne", 65, "Tempo watch strap in {colour} {material}",
          """A padded watch strap, 20 mm wide at the lug, with a steel buckle and quick-release pins that need no
          tools. Stitched in a matching thread.""",
          "men women",
          "smooth leather: black, cognac; croc-embossed leather: chocolate brown; suede: navy"),
    Style("Lido", "watch strap", "Nordhalle", 35, "Lido waterproof watch strap, {colour} {material}",
          """A soft watch strap for swimming and gym days that rinses clean and dries at once. Cut it to length with
          scissors.""",
          "men women waterproof gym summer",
          "rubber: black, navy, rust"),
    Style("Petrichor", "umbrella", "Kestrel & Vane", 60, "Petrichor compact folding umbrella in {colour} {material}",
          """A compact umbrella that folds to 24 cm and opens at the press of a button. Eight fibreglass ribs bend
          in a gale rather than break. Slips into a tote or a coat pocket.""",
          "women men compact rain travel windproof",
          "pongee: black, navy, red, grey check"),
    Style("Barrister", "umbrella", "Hask & Thorne", 140, "Barrister walking umbrella, {colour} {material}",
          """A full-length umbrella with a steamed chestnut handle and a canopy wide enough for two. It leans on the
          arm and lasts longer than most overcoats.""",
          "men women rain long",
          "pongee: black, forest green, navy stripe"),
)

"""Sweaters, cardigans and turtlenecks."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Inis", "sweater", "Brackenfold", 190, "Inis chunky cable sweater in {colour} {material}",
          """Thick cables and a honeycomb panel run up the front of this chunky sweater, knitted on an old hand
          frame. The neck is round and the cuffs turn back. It is warm enough for a walk on the sea wall in
          December.""",
          "women men crew cable chunky winter warm",
          "wool: cream, navy, forest green; alpaca: grey"),
    Style("Elspeth", "sweater", "Verrane", 280, "Elspeth crew-neck sweater, {colour} {material}",
          """A fine women's sweater with a round neck and set-in sleeves, light enough to tuck in. It lives happily
          under a blazer and needs only a cool hand wash.""",
          "women crew fine everyday office",
          "cashmere: camel, black, blush pink, navy; merino wool: red"),
    Style("Douglas", "sweater", "Hask & Thorne", 170, "Douglas men's v-neck sweater in {colour} {material}",
          """The men's v-neck sweater that belongs under a jacket: close, smooth and deep enough to show a tie. Ribs
          at hem and cuff keep their spring.""",
          "men v-neck fine office",
          "merino wool: navy, charcoal, burgundy; cashmere: grey"),
    Style("Kaspar", "sweater", "Nordhalle", 210, "Kaspar half-zip sweater, {colour} {material}",
          """A men's half-zip sweater for early trains and cold cabins. The collar stands up when the zip is closed,
          and the rib at the sides lets it move.""",
          "men half-zip weekend warm winter",
          "wool: charcoal, olive, navy"),
    Style("Juniper", "sweater", "Tessaly Row", 130, "Juniper oversized fluffy sweater in {colour} {material}",
          """A cloud of a sweater, loose in the body with wide sleeves and a boat neck. Brushed until it is light
          and airy, it is warmer than its weight suggests. Wear with slim jeans or a satin skirt.""",
          "women oversized winter warm soft",
          "mohair: lilac, mustard, ivory, fuchsia"),
    Style("Marin", "sweater", "Solmere", 110, "Marin boat-neck summer sweater, {colour} {material}",
          """A light sweater for the end of a day by the water, with a slashed neck and three-quarter sleeves.
          Buttons on one shoulder are mostly for show. Machine wash cool.""",
          "women summer washable fine weekend",
          "cotton: navy stripe, white, red"),
    Style("Agnes", "cardigan", "Verrane", 260, "Agnes button cardigan in {colour} {material}",
          """A neat, waist-length cardigan with nine pearly buttons and a round neck. Wear it closed as a sweater,
          or draped over a summer dress when the evening turns.""",
          "women buttons fine office everyday",
          "cashmere: grey, black, blush pink; merino wool: navy, emerald"),
    Style("Morag", "cardigan", "Brackenfold", 230, "Morag long belted cardigan, {colour} {material}",
          """Halfway between cardigan and coat, Morag reaches the knee and ties at the waist. Two patch pockets hold
          tissues and a phone. For studios, draughty houses and long flights.""",
          "women long belted warm winter pockets",
          "alpaca: camel, grey, cream; wool: chocolate brown"),
    Style("Fergus", "cardigan", "Hask & Thorne", 240, "Fergus men's shawl-collar cardigan in {colour} {material}",
          """A men's cardigan in a deep rib, with a shawl collar, leather buttons and two pockets. It stands in for
          a jacket on Sundays.""",
          "men buttons chunky warm winter pockets weekend",
          "wool: navy, charcoal, forest green; cashmere: camel"),
    Style("Solveig", "turtleneck", "Verrane", 310, "Solveig turtleneck in {colour} {material}",
          """A women's turtleneck with a folded collar that stands without choking. The gauge is fine, so it goes
          under shirts and pinafores, and the sleeve is cut extra long.""",
          "women fine office",
          "cashmere: black, ivory, camel; merino wool: burgundy, forest green"),
    Style("Anselm", "turtleneck", "Ardenvoss", 220, "Anselm men's ribbed turtleneck, {colour} {material}",
          """Close and ribbed, this men's turtleneck replaces shirt and tie under a blazer. The yarn is spun with a
          slight twist so that it resists pilling.""",
          "men ribbed fine office",
          "merino wool: black, navy, rust; cashmere: charcoal"),
    Style("Bodil", "turtleneck", "Nordhalle", 160, "Bodil chunky turtleneck sweater in {colour} {material}",
          """A big, soft collar and dropped shoulders make this chunky turtleneck sweater feel like a blanket with
          sleeves. It ends at the hip and needs nothing over it until frost.""",
          "women chunky warm winter oversized",
          "wool: cream, grey, red; alpaca: olive"),
)

"""Cloths, yarns and hard materials, with hand-written sentences about them."""

from __future__ import annotations

from records import Material

FABRICS = {
    "wool": Material("wool", 1.0, (
        "The wool is thick, dry and naturally resilient.",
        "Hang the wool in fresh air rather than washing it.",
        "Pure new wool keeps its shape and sheds creases overnight.",
        "Woven from British wool with a soft, full hand.",
        "Wool breathes, so it is comfortable indoors as well.",
        "A steam and a brush are all that this wool needs.",
        "Springy wool holds warmth without weight.",
    )),
    "merino wool": Material("wool", 0.9, (
        "Extra-fine merino wool does not itch.",
        "The merino is smooth, cool to touch and quick to dry.",
        "Merino wool keeps its temper in warm rooms and cold streets.",
        "Wash the merino on a wool cycle and dry it flat.",
        "Knitted from merino wool traced to a single farm.",
    )),
    "cashmere": Material("cashmere", 1.6, (
        "The cashmere is combed, not cut, and grows softer each winter.",
        "Two-ply cashmere with long fibres that pill very little.",
        "Cashmere this fine weighs almost nothing.",
        "Wash the cashmere by hand and it will outlive fashion.",
        "Pure cashmere, warm as toast and light as a letter.",
        "You will want to sleep in this cashmere.",
    )),
    "alpaca": Material("wool", 1.2, (
        "Baby alpaca is silkier than wool and warmer for its weight.",
        "The alpaca has a soft halo that blurs the stitches.",
        "Brushed alpaca from the high pastures.",
    )),
    "mohair": Material("wool", 1.1, (
        "The mohair is brushed into a long, glossy fluff.",
        "Kid mohair with a thread of silk at its core.",
        "Shake the mohair before wearing and keep it away from hooks.",
    )),
    "double-faced wool": Material("wool", 1.2, (
        "Double-faced wool is two cloths woven as one, so there is no lining.",
        "The double-faced wool is finished by hand along every edge.",
    )),
    "bouclé wool": Material("wool", 1.1, ("Curled bouclé wool has the look of a well-groomed lamb.",)),
    "tweed": Material("wool", 1.1, (
        "The tweed is hairy, hardy and full of colours when seen up close.",
        "Tweed like this is woven on islands where it is needed.",
    )),
    "flannel": Material("wool", 1.0, (
        "The flannel is brushed on both sides.",
        "Soft flannel, heavy enough to hang well.",
    )),
    "wool felt": Material("wool", 1.0, (
        "The wool felt is stiff enough to hold a crease and light enough to forget.",
        "Brush the felt with the nap, never against it.",
    )),
    "felt": Material("wool", 1.0, (
        "Pressed wool felt, three millimetres thick.",
        "The felt is dense and kind to screens.",
    )),
    "cotton": Material("cotton", 1.0, (
        "The cotton is soft, cool and easy to wash.",
        "Long-staple cotton that gets better in the machine.",
        "Plain cotton breathes on hot days.",
        "A sturdy cotton with a gentle finish.",
    )),
    "cotton poplin": Material("cotton", 1.0, (
        "Crisp cotton poplin rustles slightly when it is new.",
        "The poplin is smooth and closely woven cotton.",
        "Iron the cotton poplin damp for a sharp finish.",
    )),
    "organic cotton": Material("cotton", 1.0, (
        "Organic cotton, combed and spun tight.",
        "The organic cotton comes from two small growers.",
        "Soft cotton jersey, certified organic.",
    )),
    "cotton gabardine": Material("cotton", 1.0, (
        "The gabardine is cotton twisted so tightly that rain beads on it.",
        "Cotton gabardine is proofed in the yarn and again in the cloth.",
    )),
    "coated cotton": Material("cotton", 1.0, (
        "Coated cotton looks like cloth and behaves like oilskin.",
        "The cotton is sealed with a thin, matt coating.",
    )),
    "corduroy": Material("cotton", 1.0, (
        "The corduroy has a wide, plush wale.",
        "Velvety cotton corduroy that grows softer every season.",
        "Fine needlecord, warm and quiet.",
    )),
    "denim": Material("denim", 1.0, (
        "The denim is a sturdy 13 ounce cotton twill.",
        "Japanese denim, woven slowly on narrow looms.",
        "Denim softens with every wash and never quite wears out.",
        "A dry-handed denim with a clean edge.",
    )),
    "linen": Material("linen", 1.0, (
        "Linen creases, and should.",
        "The linen is cool, slubby and made for heat.",
        "European linen that softens wash after wash.",
        "Heavy linen keeps the shape from wilting.",
    )),
    "canvas": Material("canvas", 0.9, (
        "The canvas is thick cotton, washed once to soften it.",
        "Sailcloth canvas takes hard use and soap.",
        "A heavy, close-woven canvas without a coating.",
    )),
    "waxed canvas": Material("canvas", 0.95, (
        "Waxed canvas keeps out drizzle and creases like an old map.",
        "Sponge the waxed canvas with cold water, never soap.",
        "The waxed canvas is stiff at first and loosens by the second month.",
        "Cotton canvas, impregnated with wax and oil.",
    )),
    "recycled nylon": Material("nylon", 0.8, (
        "The nylon is spun from old fishing nets and is very hard to tear.",
        "Recycled nylon with a matt, papery hand.",
        "Light, tough nylon dries in the time it takes to drink a coffee.",
        "Wipe the recycled nylon with a damp cloth.",
        "The nylon is recycled and proofed without fluorine.",
    )),
    "down-filled nylon": Material("nylon", 1.0, (
        "The nylon shell is downproof, windproof and quiet.",
        "Fine nylon keeps the down in and the sleet out.",
        "Tumble on low with a tennis ball to plump the down.",
    )),
    "satin": Material("satin", 1.0, (
        "The satin is heavy and faintly stiff, with a soft sheen.",
        "Duchesse satin that holds light along each fold.",
        "Satin marks with water, so keep it for dry evenings.",
        "A lustrous satin with a smooth, cool hand.",
    )),
    "silk": Material("silk", 1.3, (
        "The silk is twill woven and slips through the fingers.",
        "Washed silk with a soft, powdery surface.",
        "Pure silk, light in summer and warm under wool.",
        "Dry clean the silk, or wash it by hand in cool water.",
    )),
    "silk satin": Material("silk", 1.3, (
        "Silk satin falls like poured cream.",
        "The silk satin is glossy outside and matt within.",
        "Heavy silk satin that hangs straight and moves well.",
    )),
    "velvet": Material("velvet", 1.05, (
        "The velvet is deep and soft, with a short pile.",
        "Silk-blend velvet drinks in the light.",
        "Steam the velvet from behind to lift the pile.",
        "Cotton velvet, as plush as a theatre seat.",
    )),
    "crepe": Material("crepe", 1.0, (
        "The crepe is dry and fluid, and hardly creases.",
        "Heavy crepe skims rather than clings.",
        "A matt crepe with a little natural stretch.",
    )),
    "jersey": Material("jersey", 1.0, (
        "The jersey is smooth, stretchy and dense enough to flatter.",
        "Matt jersey rolls up for packing and shakes out ready to wear.",
    )),
    "lace": Material("lace", 1.1, (
        "Corded lace is laid over a plain slip.",
        "The lace has a scalloped edge, cut out by hand.",
    )),
    "chiffon": Material("chiffon", 1.0, (
        "Two layers of chiffon float over the slip.",
        "Sheer chiffon lifts in the least breeze.",
    )),
    "sequinned tulle": Material("sequins", 1.1, ("The sequins are sewn to tulle and lie flat like scales.",)),
    "mesh": Material("mesh", 1.0, (
        "The knitted mesh lets air in at every step.",
        "Breathable mesh dries fast after rain.",
    )),
    "raffia": Material("raffia", 1.0, (
        "The raffia is split, softened and crocheted by hand.",
        "Natural raffia smells of hay in the sun.",
        "Mist the raffia with water if it grows brittle.",
        "Good raffia keeps its spring for many summers.",
    )),
    "crystal": Material("crystal", 1.2, (
        "The crystals are faceted glass.",
        "Crystal stones in three sizes leave no gap between them.",
    )),
    "polished metal": Material("metal", 1.0, ("The metal is polished until it mirrors the room.",)),
    "plated brass": Material("metal", 1.0, (
        "Solid brass under a thick plating.",
        "The plating is thick enough for daily wear.",
    )),
    "sterling silver": Material("metal", 1.2, (
        "Sterling silver, hallmarked and easy to polish.",
        "The silver is solid.",
    )),
    "freshwater pearl": Material("pearl", 1.0, (
        "No two pearls are exactly alike.",
        "The pearls have a calm, milky lustre.",
    )),
    "enamel": Material("metal", 1.0, ("Glass enamel is fired three times for depth.",)),
    "titanium": Material("metal", 1.0, (
        "Titanium bends and returns, and never corrodes.",
        "The titanium has a fine brushed finish.",
    )),
    "aluminium": Material("metal", 1.3, (
        "Aluminium dents with honour rather than cracking.",
        "Anodised aluminium, cool and light.",
    )),
    "polycarbonate": Material("polycarbonate", 1.0, (
        "The polycarbonate shell flexes under pressure and springs back.",
        "Ribbed polycarbonate hides the scuffs of the baggage belt.",
        "Light, hard polycarbonate that a child can sit on.",
    )),
    "acetate": Material("acetate", 1.0, (
        "The acetate is cut from a block and polished for two days.",
        "Plant-based acetate warms to the skin.",
        "Thick acetate gives the frame some weight and gloss.",
    )),
    "rubber": Material("rubber", 1.0, (
        "The rubber is soft, matt and free of smell.",
        "Natural rubber that does not pull at hairs.",
    )),
    "pongee": Material("polyester", 1.0, (
        "The pongee canopy sheds water with one shake.",
        "Tightly woven pongee dries in minutes.",
    )),
}

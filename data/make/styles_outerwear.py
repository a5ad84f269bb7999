"""Coats, jackets and blazers."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Ottoline", "trench coat", "Verrane", 590, "Ottoline belted trench coat in {colour} {material}",
          """A women's trench coat with everything in its place: storm flap, epaulettes, ten buttons and a belt to
          knot rather than buckle. It falls below the knee and keeps off a steady shower.""",
          "women belted rain long spring water-resistant",
          "cotton gabardine: beige, navy, black; nappa leather: chocolate brown"),
    Style("Rainer", "trench coat", "Hask & Thorne", 540, "Rainer men's trench coat, {colour} {material}",
          """Single-breasted and short enough to cycle in, this men's trench coat is taped at the shoulders against
          heavy rain. The checked lining buttons out in spring, and a deep inside pocket swallows a newspaper.""",
          "men rain waterproof spring office lined",
          "cotton gabardine: beige, charcoal, olive"),
    Style("Skerry", "trench coat", "Nordhalle", 230, "Skerry hooded trench coat in {colour} {material}",
          """Fully waterproof, with welded seams and a hood that rolls into the collar. Skerry keeps the line of a
          trench coat but packs to the size of a loaf, for travelling and for unreliable summers.""",
          "women men rain waterproof hood packable travel lightweight",
          "coated cotton: mustard, navy, sage"),
    Style("Carlotta", "wool coat", "Verrane", 690, "Carlotta wrap coat in {colour} {material}",
          """A long wrap coat without a single button: it crosses over, ties with a sash and falls in one clean line
          to mid-calf. Unlined in the sleeves so that a thick sweater fits underneath.""",
          "women long belted winter warm",
          "double-faced wool: camel, black, grey; cashmere: camel"),
    Style("Whitlock", "wool coat", "Hask & Thorne", 620, "Whitlock men's overcoat, {colour} {material}",
          """A knee-length overcoat with notched lapels, three buttons and proper canvas in the chest. Wear it over
          a suit on winter mornings; the pockets are lined in flannel for cold hands.""",
          "men long winter warm office formal",
          "wool: navy, charcoal, camel; tweed: grey check"),
    Style("Pim", "wool coat", "Tessaly Row", 310, "Pim short wool coat in {colour} {material}",
          """A cropped, boxy coat with a rounded collar and big horn buttons. It stops at the hip, which makes it
          easy on a bicycle and just right with wide-leg trousers.""",
          "women short winter warm",
          "wool: red, forest green, navy; bouclé wool: ivory"),
    Style("Jett", "biker jacket", "Pellamore", 680, "Jett women's biker jacket in {colour} {material}",
          """A biker jacket cut close and short, with an off-centre zip, quilted shoulders and zips at the cuffs.
          The lining is smooth so that it slips over a dress. It will be at its best in ten years.""",
          "women zip-pocket short leather-jacket everyday",
          "nappa leather: black, burgundy, cream; suede: taupe"),
    Style("Roscoe", "biker jacket", "Brackenfold", 740, "Roscoe men's biker jacket, {colour} {material}",
          """Heavier and plainer than most, this men's biker jacket has a straight zip, a strap collar and two
          slanted pockets. Gussets behind the arms let you reach for the handlebars or the top shelf.""",
          "men leather-jacket everyday",
          "waxed leather: black, chocolate brown; suede: navy"),
    Style("Isbre", "puffer jacket", "Nordhalle", 420, "Isbre long hooded puffer jacket in {colour} {material}",
          """A long puffer jacket that reaches the knee and stays warm to minus twenty. The hood is deep, the cuffs
          are ribbed inside against wind, and a two-way zip lets you sit down in it. Filled with recycled down.""",
          "women long hood winter warm down zip",
          "down-filled nylon: black, olive, ivory, burgundy"),
    Style("Skarv", "puffer jacket", "Nordhalle", 340, "Skarv men's puffer jacket, {colour} {material}",
          """A hip-length men's puffer jacket with a detachable hood and pockets lined in fleece. The baffles are
          narrow, so it layers under an overcoat. Light enough to forget, warm enough for a stadium in January.""",
          "men hood winter warm down short",
          "down-filled nylon: navy, black, rust"),
    Style("Puck", "puffer jacket", "Tessaly Row", 170, "Puck packable puffer vest in {colour} {material}",
          """A sleeveless puffer jacket that stuffs into its own pocket. Wear it over a sweater in autumn or under a
          parka in the depth of winter.""",
          "women men short packable travel lightweight warm down sleeveless",
          "down-filled nylon: forest green, lilac, charcoal"),
    Style("Astrid", "shearling jacket", "Ardenvoss", 1290, "Astrid shearling jacket in {colour} {material}",
          """The skin is outside and the fleece inside, so the shearling jacket needs no lining and weighs less than
          it looks. A wide collar buckles up to the chin. Have it cleaned by a leather specialist.""",
          "women winter warm short",
          "shearling: cognac, black, cream"),
    Style("Lorcan", "shearling jacket", "Brackenfold", 1380, "Lorcan men's aviator jacket in {colour} {material}",
          """An aviator's shearling jacket for men, with a thick collar, side straps and a heavy brass zip. It shuts
          out wind entirely and takes on character with every scuff.""",
          "men winter warm short zip",
          "shearling: chocolate brown, black"),
    Style("Beatrix", "blazer", "Verrane", 420, "Beatrix women's single-breasted blazer in {colour} {material}",
          """A women's blazer with a long lapel, one button and a slightly nipped waist. Inside is a pocket for a
          phone, which is where it should be. Matching trousers are sold separately.""",
          "women office formal single-breasted",
          "wool: navy, black, grey; velvet: emerald; linen: ivory"),
    Style("Georgie", "blazer", "Tessaly Row", 260, "Georgie oversized double-breasted blazer, {colour} {material}",
          """Roomy in the shoulder and long in the body, this women's blazer is double-breasted and easy over jeans.
          Push up the sleeves and the striped lining shows.""",
          "women oversized double-breasted everyday office",
          "wool: grey check, black, camel; linen: navy, blush pink"),
    Style("Montague", "blazer", "Hask & Thorne", 490, "Montague men's blazer in {colour} {material}",
          """An unstructured men's blazer with patch pockets and soft shoulders that travels without creasing. It
          smartens jeans and relaxes a tie. Half lined, for offices with poor windows.""",
          "men office travel unstructured",
          "wool: navy, charcoal; linen: beige; corduroy: olive, chocolate brown"),
    Style("Fulmar", "parka", "Nordhalle", 460, "Fulmar hooded parka in {colour} {material}",
          """A women's parka with a drawcord waist, a storm hood and four big pockets. The shell is waterproof and
          the quilted lining unzips, so it is useful from the first rain of autumn to the last of spring.""",
          "women hood rain waterproof winter warm",
          "coated cotton: olive, navy, black"),
    Style("Brock", "parka", "Brackenfold", 520, "Brock men's parka, {colour} {material}",
          """Brock comes from fishing boats and does its duty in town: a thigh-length men's parka with a fleece-
          lined hood and hand-warmer pockets set high. Re-wax it once a year and it will go on turning water.""",
          "men hood rain water-resistant winter warm",
          "waxed canvas: olive, black, navy"),
)

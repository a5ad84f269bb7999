"""Smaller and dressier bags: clutches, minaudières, top-handle bags, satchels and belt bags."""

from __future__ import annotations

from records import Style

STYLES = (
    Style("Esme", "clutch", "Isolde Marr", 240, "Esme envelope clutch in {colour} {material}",
          """A slim envelope clutch with a pointed flap and a wrist loop that folds away. It takes a large phone,
          cards and a lipstick and lies flat on the table. Made for weddings, first nights and other occasions with
          speeches.""",
          "women small evening wedding formal",
          "satin: red, champagne, emerald, black; nappa leather: silver"),
    Style("Dahlia", "clutch", "Marlisse", 290, "Dahlia pleated clutch, {colour} {material}",
          """Fine pleats fan out from a jewelled clasp on this soft clutch, and a snake chain drops inside when you
          would rather hold it. The lining is satin, with one pocket for a key. Lovely beside a plain dress.""",
          "women small evening wedding chain party",
          "velvet: burgundy, black, navy; satin: blush pink"),
    Style("Orsini", "clutch", "Ardenvoss", 360, "Orsini oversized fold-over clutch in {colour} {material}",
          """A big, flat clutch that folds in half and holds itself shut with a magnet. Unfolded it takes documents
          or a tablet, folded it goes out to dinner. A zip runs along the top and a wrist strap tucks inside.""",
          "women large zip-top evening office tablet",
          "croc-embossed leather: black, red, forest green; suede: taupe"),
    Style("Petra", "clutch", "Solmere", 110, "Petra zipped summer clutch in {colour} {material}",
          """Petra is a light summer clutch with a tassel on the zip and a bright cotton lining. Bring it to a
          garden party, a beach wedding or a terrace, with sandals and something loose.""",
          "women medium summer wedding beach zip-top",
          "raffia: beige, white, fuchsia; linen: sky blue"),
    Style("Stella", "minaudière", "Isolde Marr", 690, "Stella minaudière covered in {colour} {material}",
          """Hundreds of stones are set by hand across this hard little case, so it throws light every time you
          move. The frame snaps shut with a ball clasp, and a hidden chain lets you dance. Room for a phone, a
          lipstick and a folded note, for black-tie evenings.""",
          "women small evening party formal sparkle chain",
          "crystal: silver, gold, black, emerald"),
    Style("Luna", "minaudière", "Bellavanti", 540, "Luna round minaudière in {colour} {material}",
          """A perfect sphere, hinged at the middle and lined with soft suede. Luna sits in the palm like a compact
          and opens with a press of the thumb. A small minaudière to finish a long dress at the opera or a New Year
          party.""",
          "women small evening party formal",
          "polished metal: gold, silver, rose gold"),
    Style("Vesper", "minaudière", "Ardenvoss", 450, "Vesper box minaudière, {colour} {material}",
          """Vesper is a slender box with rounded corners and a clasp set with a single pearl. The minaudière stands
          on its own edge beside a glass, and its satin interior has a slot for one card. Carry it to a wedding
          reception or a gala dinner.""",
          "women small evening wedding formal party",
          "satin: black, champagne, navy; velvet: burgundy, emerald"),
    Style("Helena", "top-handle bag", "Verrane", 890, "Helena top-handle bag in {colour} {material}",
          """Helena stands very straight, with a single arched handle, a flap front and a padlock that really locks.
          The inside is divided in two, with a zip pocket and a sleeve for a small tablet. It suits a wool coat and
          a serious meeting.""",
          "women medium office formal zip-pocket detachable-strap tablet",
          "smooth leather: black, burgundy, forest green; croc-embossed leather: chocolate brown, emerald"),
    Style("Mimi", "top-handle bag", "Marlisse", 420, "Mimi small top-handle bag, {colour} {material}",
          """A small top-handle bag with a rolled grip and a shoulder strap that unclips. Lunch, cocktails and
          christenings are its natural home. The frame opens wide so that you can see what you are looking for.""",
          "women small wedding evening detachable-strap",
          "patent leather: black, red; smooth leather: lilac, olive, ivory"),
    Style("Agathe", "top-handle bag", "Pellamore", 570, "Agathe work top-handle bag in {colour} {material}",
          """A large, composed top-handle bag for working days. A padded divider takes a 13 inch laptop, the zip
          closes from end to end, and the outside pocket fits a newspaper. Use the long strap when both hands are
          busy.""",
          "women large office laptop laptop13 zip-top detachable-strap handbag",
          "saffiano leather: black, navy, taupe; pebbled leather: burgundy"),
    Style("Cambray", "satchel", "Brackenfold", 310, "Cambray satchel in {colour} {material}",
          """Cambray is drawn from the school satchel: two buckled straps over a full flap, with quick magnets
          underneath so you need not bother with the buckles. It fits a 13 inch laptop or a stack of exercise books,
          and there is a zip pocket under the flap.""",
          "women men medium laptop laptop13 zip-pocket office everyday adjustable-strap handbag",
          "vegetable-tanned leather: cognac, chocolate brown, navy, black"),
    Style("Linnet", "satchel", "Tessaly Row", 215, "Linnet mini satchel, {colour} {material}",
          """A small satchel with a push lock and a curved flap, light enough for a day on foot. The strap has seven
          holes, and the back pocket is open for tickets and maps.""",
          "women small everyday weekend adjustable-strap",
          "smooth leather: red, mustard, sage; pebbled leather: black"),
    Style("Roam", "belt bag", "Nordhalle", 95, "Roam belt bag in {colour} {material}",
          """Clip this belt bag at the waist or sling it across the chest. Two zip pockets hold a phone, keys and a
          snack, with a hidden one against the body for money. Ideal for festivals, airports and anywhere that needs
          free hands.""",
          "women men small zip-pocket travel weekend water-resistant hands-free",
          "recycled nylon: black, olive, cobalt, rust"),
    Style("Elio", "belt bag", "Pellamore", 220, "Elio slim belt bag, {colour} {material}",
          """A slim, city-minded belt bag with rounded ends and a neat metal buckle. It lies flat under a blazer,
          and its single zip opens onto card slots and a phone sleeve.""",
          "women men small card-slots everyday hands-free zip-top",
          "nappa leather: black, taupe; pebbled leather: cognac, navy"),
    Style("Cleo", "belt bag", "Marlisse", 310, "Cleo quilted belt bag with chain, {colour} {material}",
          """Half belt, half jewellery: Cleo hangs from a chain that threads through a leather waist strap. Wear the
          belt bag over a dress or a long coat, or take off the strap and carry it in the hand.""",
          "women small chain evening party hands-free detachable-strap",
          "quilted leather: black, white, red"),
)

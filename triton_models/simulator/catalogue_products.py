"""What the made-up catalogue sells: product lines by package, with their flavours, contents and picture subjects.

A `Line` is what a brand family is built on ("Ground Coffee" in three roasts). Lines are grouped by `Slot`: a
package kind with its material. Every split walks through the slots in turn, so that each holds all kinds and
all materials.
"""

from dataclasses import dataclass

from triton_models.simulator.things import Contents

NOTHING = Contents(kind="none", colour=(128, 128, 128))
COFFEE = Contents(kind="powder", colour=(74, 46, 30), grain=0.0006)
COCOA = Contents(kind="powder", colour=(98, 62, 42), grain=0.0003)
FLOUR = Contents(kind="powder", colour=(240, 234, 220), grain=0.0002)
SUGAR = Contents(kind="granules", colour=(246, 244, 238), grain=0.0007)
DETERGENT = Contents(kind="powder", colour=(226, 234, 244), grain=0.0008)
PROTEIN = Contents(kind="powder", colour=(226, 208, 176), grain=0.0004)
SPICE = Contents(kind="powder", colour=(176, 74, 24), grain=0.0004)
RICE = Contents(kind="granules", colour=(238, 230, 210), grain=0.0035)
BEANS = Contents(kind="granules", colour=(82, 50, 32), grain=0.007)
LENTILS = Contents(kind="granules", colour=(196, 104, 52), grain=0.004)
OATS = Contents(kind="granules", colour=(220, 196, 152), grain=0.005)
KIBBLE = Contents(kind="granules", colour=(142, 92, 52), grain=0.009)
SEEDS = Contents(kind="granules", colour=(98, 86, 66), grain=0.003)
SWEETS = Contents(kind="granules", colour=(214, 52, 74), grain=0.011)
PILLS = Contents(kind="granules", colour=(244, 242, 236), grain=0.008)
SCREWS = Contents(kind="granules", colour=(168, 166, 160), grain=0.006)
SOIL = Contents(kind="granules", colour=(58, 44, 34), grain=0.003)
SHAMPOO = Contents(kind="liquid", colour=(208, 176, 224))
GEL = Contents(kind="liquid", colour=(92, 176, 214))
CREAM = Contents(kind="liquid", colour=(246, 240, 232))
OIL = Contents(kind="liquid", colour=(214, 176, 46))
JUICE = Contents(kind="liquid", colour=(240, 150, 36))
BERRY = Contents(kind="liquid", colour=(142, 26, 52))
WATER = Contents(kind="liquid", colour=(214, 228, 236))
SAUCE = Contents(kind="liquid", colour=(170, 38, 24))
HONEY = Contents(kind="liquid", colour=(206, 134, 30))
INK = Contents(kind="liquid", colour=(26, 32, 62))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One product line.

    Attributes:
        title: English, as printed.
        motif: What its picture shows; a name that `art_motifs` knows.
        category: Aisle: decides layout, fonts and small print.
        variants: At least three words that tell its members apart.
        contents: What it could spill.
        units: Fewest and most units in one package.
        printed: Printed damage in its art, or None.
    """

    title: str
    motif: str
    category: str
    variants: tuple[str, ...]
    contents: Contents = NOTHING
    units: tuple[int, int] = (1, 1)
    printed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One package kind with what comes in it.

    Attributes:
        kind: Of `catalogue.Kind`.
        materials: Kaputt's words, the usual one first.
        lines: What comes in it.
        printed: Lines whose art shows damage.
    """

    kind: str
    materials: tuple[str, ...]
    lines: tuple[Line, ...]
    printed: tuple[Line, ...]


def _lines(*rows: tuple[str, str, str, str, Contents]) -> tuple[Line, ...]:
    return tuple(
        Line(title=title, motif=motif, category=category, variants=tuple(words.split("|")), contents=contents)
        for title, motif, category, words, contents in rows
    )


def _counted(low: int, high: int, *rows: tuple[str, str, str, str, Contents]) -> tuple[Line, ...]:
    return tuple(
        Line(
            title=title,
            motif=motif,
            category=category,
            variants=tuple(words.split("|")),
            contents=contents,
            units=(low, high),
        )
        for title, motif, category, words, contents in rows
    )


def _printed(
    damage: str, units: tuple[int, int], *rows: tuple[str, str, str, str, Contents]
) -> tuple[Line, ...]:
    return tuple(
        Line(
            title=title,
            motif=motif,
            category=category,
            variants=tuple(words.split("|")),
            contents=contents,
            units=units,
            printed=damage,
        )
        for title, motif, category, words, contents in rows
    )


_ONE = (1, 1)

SLOTS = (
    Slot(
        kind="box",
        materials=("cardboard", "cardboard", "paper"),
        lines=_lines(
            ("Corn Flakes", "bowl", "grocery", "Original|Honey|Cocoa|Berry", OATS),
            ("Herbal Tea", "leaf", "grocery", "Peppermint|Camomile|Lemon|Rose Hip", NOTHING),
            ("Wireless Earbuds", "headphones", "electronics", "Black|White|Blue", NOTHING),
            ("Night Cream", "swirl", "cosmetics", "Sensitive|Rose|Aloe", CREAM),
            ("Building Blocks", "blocks", "toys", "Castle|Harbour|Space", NOTHING),
            ("LED Bulb", "bulb", "electronics", "Warm White|Cool White|Daylight", NOTHING),
            ("Chocolate Biscuits", "cookie", "grocery", "Dark|Milk|Orange|Hazelnut", NOTHING),
        ),
        printed=_printed(
            "cracks",
            _ONE,
            ("Screen Protector", "phone", "electronics", "6.1 inch|6.7 inch|5.8 inch", NOTHING),
            ("Glass Repair Kit", "phone", "tools", "Windscreen|Screen|Window", NOTHING),
            ("Claw Hammer", "hammer", "tools", "450 g|600 g|300 g", NOTHING),
        ),
    ),
    Slot(
        kind="box",
        materials=("cardboard", "cardboard", "cardboard", "paper"),
        lines=_lines(
            ("Pain Relief Tablets", "pills", "medicine", "200 mg|400 mg|500 mg", PILLS),
            ("Vitamin C", "citrus", "medicine", "Orange|Lemon|Cherry", PILLS),
            ("Washing Powder", "bubbles", "cleaning", "Fresh|Colour|Sensitive", DETERGENT),
            ("Phone Charger", "cable", "electronics", "20 W|45 W|65 W", NOTHING),
            ("Puzzle 500 Pieces", "mountains", "toys", "Alps|Coast|Forest", NOTHING),
            ("Porridge Oats", "wheat", "grocery", "Classic|Apple|Honey", OATS),
            ("Colour Pencils", "pencils", "stationery", "Bright|Pastel|Metallic", NOTHING),
        ),
        printed=_printed(
            "holes",
            _ONE,
            ("Paper Hole Punch", "pattern", "stationery", "Two Hole|Four Hole|Mini", NOTHING),
            ("Hole Saw Set", "wrench", "tools", "Wood|Metal|Multi", NOTHING),
            ("Cheese Crackers", "cheese", "grocery", "Mature|Smoked|Chive", NOTHING),
        ),
    ),
    Slot(
        kind="carton",
        materials=("cardboard", "cardboard", "cardboard", "paper"),
        lines=_lines(
            ("Printer Paper", "pattern", "stationery", "A4 White|A4 Ivory|A5 White", NOTHING),
            ("Desk Lamp", "bulb", "electronics", "Black|Silver|Oak", NOTHING),
            ("Steel Kettle", "cup", "kitchen", "1.2 L|1.7 L|0.8 L", NOTHING),
            ("Wood Screws", "wrench", "tools", "4 x 40|5 x 60|3 x 30", SCREWS),
            ("Baby Wipes", "bubbles", "cosmetics", "Aloe|Camomile|Pure", NOTHING),
            ("Candle Set", "flame", "home", "Vanilla|Cedar|Fig", NOTHING),
            ("Garden Tools", "leaf", "tools", "Trowel|Fork|Shears", NOTHING),
        ),
        printed=_printed(
            "cracks",
            _ONE,
            ("Wine Glasses", "cup", "kitchen", "Red|White|Sparkling", NOTHING),
            ("Wall Filler", "pattern", "tools", "Interior|Exterior|Fast", FLOUR),
            ("Chisel Set", "hammer", "tools", "Wood|Stone|Cold", NOTHING),
        ),
    ),
    Slot(
        kind="pouch",
        materials=("plastic_loose_bag", "plastic_loose_bag", "paper"),
        lines=_lines(
            ("Protein Powder", "swirl", "grocery", "Vanilla|Chocolate|Strawberry", PROTEIN),
            ("Dried Mango", "fruit", "grocery", "Sweet|Chilli|Organic", NOTHING),
            ("Cat Treats", "paw", "pet", "Salmon|Chicken|Duck", KIBBLE),
            ("Chia Seeds", "seeds", "grocery", "Black|White|Organic", SEEDS),
            ("Bath Salt", "waves", "cosmetics", "Lavender|Pine|Sea", SUGAR),
            ("Fruit Gums", "fruit", "grocery", "Cherry|Lemon|Apple", SWEETS),
            ("Coffee Beans", "beans", "grocery", "Classic|Dark|Decaf", BEANS),
        ),
        printed=_printed(
            "splash",
            _ONE,
            ("Liquid Soap Refill", "drop", "cleaning", "Citrus|Lavender|Sea", GEL),
            ("Apple Juice", "fruit", "grocery", "Clear|Cloudy|Cherry", JUICE),
        ),
    ),
    Slot(
        kind="bag",
        materials=("paper",),
        lines=_lines(
            ("Ground Coffee", "beans", "grocery", "Classic|Dark Roast|Decaf|Espresso", COFFEE),
            ("Wheat Flour", "wheat", "grocery", "Type 405|Type 550|Wholegrain", FLOUR),
            ("Cane Sugar", "pattern", "grocery", "Fine|Raw|Icing", SUGAR),
            ("Dog Biscuits", "paw", "pet", "Beef|Lamb|Chicken", KIBBLE),
            ("Bird Seed", "seeds", "pet", "Garden|Winter|Premium", SEEDS),
            ("Basmati Rice", "rice", "grocery", "White|Brown|Smoked", RICE),
            ("Potting Soil", "leaf", "home", "Herbs|Cactus|Orchid", SOIL),
        ),
        printed=_printed(
            "rips",
            _ONE,
            ("Plaster Mix", "pattern", "tools", "Fine|Coarse|Quick", FLOUR),
            ("Espresso Roast", "beans", "grocery", "Strong|Bold|Wild", COFFEE),
        ),
    ),
    Slot(
        kind="bag",
        materials=("plastic_loose_bag",),
        lines=_lines(
            ("Long Grain Rice", "rice", "grocery", "White|Brown|Jasmine", RICE),
            ("Potato Crisps", "crisps", "grocery", "Sea Salt|Paprika|Onion|Vinegar", NOTHING),
            ("Red Lentils", "seeds", "grocery", "Split|Whole|Organic", LENTILS),
            ("Cat Food", "paw", "pet", "Salmon|Chicken|Beef", KIBBLE),
            ("Penne Pasta", "wheat", "grocery", "Classic|Wholegrain|Spelt", NOTHING),
            ("Cotton Pads", "fabric", "cosmetics", "Round|Oval|Maxi", NOTHING),
            ("Cleaning Cloths", "fabric", "cleaning", "Kitchen|Bath|Glass", NOTHING),
        ),
        printed=_printed(
            "holes",
            _ONE,
            ("Sliced Swiss Cheese", "cheese", "grocery", "Mild|Mature|Light", NOTHING),
            ("Cheese Puffs", "cheese", "grocery", "Classic|Hot|Smoked", NOTHING),
        ),
    ),
    Slot(
        kind="mailer",
        materials=("plastic_bubble_wrap", "plastic_bubble_wrap", "paper"),
        lines=_lines(
            ("Phone Case", "phone", "electronics", "Black|Clear|Blue", NOTHING),
            ("Cotton T-Shirt", "fabric", "home", "White|Navy|Grey", NOTHING),
            ("USB Cable", "cable", "electronics", "1 m|2 m|3 m", NOTHING),
            ("Photo Prints", "mountains", "stationery", "Matt|Gloss|Silk", NOTHING),
            ("Watch Strap", "pattern", "home", "Brown|Black|Steel", NOTHING),
            ("Seed Packets", "leaf", "home", "Herbs|Flowers|Salad", SEEDS),
        ),
        printed=_printed(
            "cracks",
            _ONE,
            ("Tempered Glass", "phone", "electronics", "Clear|Matt|Privacy", NOTHING),
            ("Glass Coasters", "cup", "kitchen", "Round|Square|Smoked", NOTHING),
        ),
    ),
    Slot(
        kind="bottle",
        materials=("plastic_hard", "plastic_hard", "other"),
        lines=_lines(
            ("Shampoo", "leaf", "cosmetics", "Argan|Aloe|Coconut|Lavender", SHAMPOO),
            ("Olive Oil", "olive", "grocery", "Mild|Extra Virgin|Lemon", OIL),
            ("Mouthwash", "waves", "cosmetics", "Mint|Fresh|Sensitive", GEL),
            ("Glass Cleaner", "sparkle", "cleaning", "Classic|Citrus|Vinegar", WATER),
            ("Tomato Ketchup", "tomato", "grocery", "Classic|Hot|Light", SAUCE),
            ("Body Lotion", "swirl", "cosmetics", "Almond|Shea|Rose", CREAM),
            ("Cough Syrup", "leaf", "medicine", "Thyme|Honey|Ivy", HONEY),
        ),
        printed=_printed(
            "splash",
            _ONE,
            ("Bathroom Cleaner", "drop", "cleaning", "Citrus|Sea|Pine", GEL),
            ("Orange Juice", "citrus", "grocery", "Smooth|Pulp|Mild", JUICE),
            ("Power Degreaser", "drop", "cleaning", "Lemon|Mint|Extra", OIL),
        ),
    ),
    Slot(
        kind="jar",
        materials=("other", "other", "plastic_hard"),
        lines=_lines(
            ("Strawberry Jam", "berries", "grocery", "Classic|Light|Vanilla", BERRY),
            ("Blossom Honey", "flower", "grocery", "Acacia|Forest|Lime", HONEY),
            ("Tomato Sauce", "tomato", "grocery", "Basil|Chilli|Garlic", SAUCE),
            ("Instant Coffee", "beans", "grocery", "Gold|Classic|Decaf", COFFEE),
            ("Face Cream", "swirl", "cosmetics", "Day|Night|Repair", CREAM),
            ("Ground Paprika", "fruit", "grocery", "Sweet|Hot|Smoked", SPICE),
            ("Omega Capsules", "pills", "medicine", "60 caps|90 caps|120 caps", PILLS),
        ),
        printed=_printed(
            "splash",
            _ONE,
            ("Berry Smoothie", "berries", "grocery", "Cherry|Blueberry|Raspberry", BERRY),
            ("Wall Paint", "swirl", "tools", "Blue|Yellow|Red", INK),
        ),
    ),
    Slot(
        kind="tube",
        materials=("plastic_hard",),
        lines=_lines(
            ("Toothpaste", "waves", "cosmetics", "Mint|Whitening|Herbal", CREAM),
            ("Hand Cream", "flower", "cosmetics", "Almond|Aloe|Camomile", CREAM),
            ("Sun Lotion", "sun", "cosmetics", "SPF 20|SPF 30|SPF 50", CREAM),
            ("Wood Glue", "wrench", "tools", "Classic|Fast|Waterproof", CREAM),
            ("Pain Gel", "waves", "medicine", "5 %|10 %|Cooling", GEL),
            ("Acrylic Paint", "swirl", "stationery", "Blue|Red|Yellow", INK),
        ),
        printed=_printed(
            "splash",
            _ONE,
            ("Shower Gel", "drop", "cosmetics", "Sea|Lime|Berry", GEL),
            ("Face Wash", "drop", "cosmetics", "Mint|Cucumber|Charcoal", GEL),
        ),
    ),
    Slot(kind="book", materials=("book_paper",), lines=(), printed=()),
    Slot(kind="book", materials=("book_other",), lines=(), printed=()),
    Slot(kind="wrapped_book", materials=("book_plastic_tight_wrap",), lines=(), printed=()),
    Slot(
        kind="blister",
        materials=("plastic_hard", "plastic_hard", "other"),
        lines=(
            *_counted(
                2,
                6,
                ("Razor Blades", "razor", "cosmetics", "Sensitive|Sport|Classic", NOTHING),
                ("AA Batteries", "battery", "electronics", "Power|Long Life|Eco", NOTHING),
                ("Ball Pens", "pencils", "stationery", "Blue|Black|Red", NOTHING),
                ("Toothbrushes", "waves", "cosmetics", "Soft|Medium|Hard", NOTHING),
                ("Toy Cars", "car", "toys", "Racing|City|Rally", NOTHING),
                ("Glue Sticks", "pattern", "stationery", "Classic|Colour|Eco", NOTHING),
                ("Drill Bits", "wrench", "tools", "Wood|Metal|Stone", NOTHING),
            ),
        ),
        printed=_printed(
            "cracks",
            (2, 5),
            ("Masonry Drill Bits", "wrench", "tools", "5 mm|6 mm|8 mm", NOTHING),
            ("Super Glue", "drop", "tools", "Gel|Liquid|Glass", NOTHING),
        ),
    ),
    Slot(
        kind="multipack",
        materials=("plastic_tight_wrap", "plastic_tight_wrap", "cardboard"),
        lines=(
            *_counted(
                2,
                6,
                ("Spring Water", "mountains", "grocery", "Still|Gentle|Sparkling", WATER),
                ("Kitchen Rolls", "fabric", "home", "Classic|Maxi|Decor", NOTHING),
                ("Chopped Tomatoes", "tomato", "grocery", "Classic|Basil|Garlic", SAUCE),
                ("Cola Drink", "bubbles", "grocery", "Original|Zero|Lime", COFFEE),
                ("Tuna Chunks", "fish", "grocery", "In Oil|In Brine|Lemon", OIL),
                ("Soap Bars", "flower", "cosmetics", "Rose|Olive|Milk", NOTHING),
                ("Tissues", "fabric", "home", "Soft|Balsam|Classic", NOTHING),
            ),
        ),
        printed=_printed(
            "splash",
            (2, 6),
            ("Fruit Drink", "citrus", "grocery", "Orange|Cherry|Lime", JUICE),
            ("Energy Drink", "drop", "grocery", "Original|Berry|Sugar Free", GEL),
        ),
    ),
)
"""Sixteen, one validation round: together they hold every kind and every material."""

BOOK_SLOTS = tuple(place for place, slot in enumerate(SLOTS) if not slot.lines)

LINES = {line.title: line for slot in SLOTS for line in (*slot.lines, *slot.printed)}
"""Lines by title, for whoever holds only a design."""

BOOK = Line(title="Book", motif="mountains", category="book", variants=("1", "2", "3"))
"""What every book is to `line_of`: its title is its own."""


def line_of(title: str) -> Line:
    """The line that bears a title; `BOOK` for titles of no line."""
    return LINES.get(title, BOOK)

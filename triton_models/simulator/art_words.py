"""What packages say: claims, small print, tables, weights; by aisle."""

from triton_models.simulator.catalogue_products import line_of
from triton_models.simulator.things import Random

CLAIMS = {
    "grocery": (
        "No added sugar|Source of fibre|100 % natural|Made with care|New recipe|Rich taste|Fair trade|Vegan|Gluten free"
    ),
    "pet": ("With real meat|No artificial colours|For adult pets|Vet approved|Tasty & crunchy|With vitamins"),
    "cleaning": (
        "Cuts through grease|Streak-free shine|Kills 99 % of germs|Fresh scent|Concentrated|Eco refill"
    ),
    "cosmetics": (
        "Dermatologically tested|24 h moisture|With plant extracts|pH neutral|For all skin types|Paraben free"
    ),
    "electronics": ("Fast charging|2 year warranty|Universal fit|Energy saving|Easy to install|High quality"),
    "tools": ("Heavy duty|Hardened steel|Non-slip grip|Professional|For indoor & outdoor|Long lasting"),
    "toys": ("Ages 3+|Ages 6+|Hours of fun|Collect them all|Build & play|Creative"),
    "stationery": ("Smooth writing|Acid free|For school & office|Vivid colours|Refillable|Quick drying"),
    "medicine": ("Fast relief|Film-coated|For adults|Sugar free|Easy to swallow|Read the leaflet"),
    "kitchen": ("Dishwasher safe|Stainless|BPA free|2 year warranty|Hand finished|Gift box"),
    "home": ("Soft & strong|Hand made|Natural materials|Long burning|Decor edition|Recycled fibre"),
    "book": ("Bestseller|New edition|Illustrated|Over 1 million sold|With exercises|Award winner"),
}
"""Short praise for badges and bullets, parted by bars."""

_PRINT = {
    "food": (
        "Ingredients: see variety on the front of the pack, sugar, glucose syrup, vegetable oils "
        "(sunflower, rapeseed), salt, emulsifier: lecithins, natural flavouring, acidity regulator: "
        "citric acid. May contain traces of nuts, milk and soya. Store in a cool, dry place and close"
        " well after opening. Best before: see printed date. Zutaten: Zucker, Glukosesirup, "
        "pflanzliche Öle, Speisesalz, Emulgator Lecithine, natürliches Aroma. Kühl und trocken "
        "lagern. Ingrédients : sucre, sirop de glucose, huiles végétales, sel, arôme naturel. À "
        "conserver au sec. "
    ),
    "care": (
        "Directions: apply evenly, leave to act, rinse with plenty of water. Avoid contact with eyes."
        " Keep out of reach of children. Ingredients: Aqua, Glycerin, Sodium Laureth Sulfate, "
        "Cocamidopropyl Betaine, Parfum, Panthenol, Citric Acid, Sodium Benzoate, Limonene, Linalool,"
        " CI 42090. Anwendung: gleichmäßig auftragen, einwirken lassen und abspülen. Mode d’emploi : "
        "appliquer, laisser agir, rincer abondamment. Éviter le contact avec les yeux. "
    ),
    "goods": (
        "Read the instructions before use and keep them. Not suitable for children under 36 months "
        "because of small parts. Use only as intended; wear eye protection where required. Do not "
        "dispose of with household waste. Designed in Europe. Technical changes reserved. Vor "
        "Gebrauch die Anleitung lesen und aufbewahren. Nicht im Hausmüll entsorgen. Lire les "
        "instructions avant utilisation. Leggere le istruzioni prima dell’uso. Lea las instrucciones "
        "antes de usar. "
    ),
    "medicine": (
        "Each tablet contains the active substance stated on the front. Also contains lactose. See "
        "leaflet for further information. For oral use. Read the package leaflet before use. Keep out"
        " of the sight and reach of children. Do not store above 25 °C. Do not use after the expiry "
        "date. Ask your pharmacist for advice. Nicht über 25 °C lagern. Arzneimittel für Kinder "
        "unzugänglich aufbewahren. À conserver à une température ne dépassant pas 25 °C. "
    ),
}
_AISLES = {"grocery": "food", "pet": "food", "cleaning": "care", "cosmetics": "care", "medicine": "medicine"}

_ROWS = {
    "food": (
        "Energy|1520 kJ;Fat|3.4 g;of which saturates|0.8 g;Carbohydrate|71 g;of which sugars|12 g;"
        "Fibre|6.1 g;Protein|9.3 g;Salt|0.4 g"
    ),
    "care": "Skin type|all;pH|5.5;Use|daily;After opening|12 M;Scent|fresh;Doses|40",
    "goods": "Model|AX-204;Voltage|5 V;Weight|180 g;Material|steel / PP;Colour|see front;Warranty|24 months",
    "medicine": "Adults|1-2 tablets;12-17 years|1 tablet;Interval|6 hours;Most per day|4 tablets",
}
_BLURB = (
    "When the letters stop coming, there is only one place left to look. A quiet town, an old "
    "promise, and a summer that changes everything. With warmth and an eye for the smallest detail "
    "the author tells of people who leave and of those who stay. “A book to get lost in: tender, "
    "funny, and impossible to put down.” The Weekly Review. “Clear, wise and beautifully made.” "
    "Northern Post. "
)


def claims(title: str, random: Random, count: int) -> list[str]:
    """Some of the praise that fits the title's aisle."""
    words = CLAIMS[line_of(title).category].split("|")
    return [words[int(place)] for place in random.permutation(len(words))[:count]]


def aisle(title: str) -> str:
    """Which small print it bears: "food", "care", "medicine" or "goods"."""
    return _AISLES.get(line_of(title).category, "goods")


def small_print(title: str) -> str:
    """A long paragraph for the back."""
    return _PRINT[aisle(title)]


def blurb(random: Random) -> str:
    """A book's back text, sentences in an order of its own."""
    sentences = [part + ". " for part in _BLURB.split(". ") if part]
    return "".join(sentences[int(place)] for place in random.permutation(len(sentences)))


def table_rows(title: str) -> list[tuple[str, str]]:
    """Left and right words of the back's table."""
    rows = (row.split("|") for row in _ROWS[aisle(title)].split(";"))
    return [(left, right) for left, right in rows]


def quantity(title: str, volume: float, random: Random) -> str:
    """What the front promises: grams or millilitres near the package's volume (cubic metres), or pieces."""
    line = line_of(title)
    if line.units[1] > 1:
        return "pack"
    round_amounts = (50, 75, 100, 125, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000)
    amount = min(round_amounts, key=lambda grams: abs(grams - volume * 1e6 * 0.55))
    if line.contents.kind == "liquid":
        return f"{amount} ml e" if amount < 1000 else f"{amount / 1000:g} L e"
    if line.contents.kind in {"powder", "granules"} and line.category != "medicine":
        return f"{amount} g e" if amount < 1000 else f"{amount / 1000:g} kg e"
    if line.category in {"grocery", "pet"}:
        return f"{amount} g"
    if line.category == "medicine":
        return f"{int(random.choice((10, 20, 30, 50)))} tablets"
    return ""

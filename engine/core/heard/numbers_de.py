"""How German says what is written in digits; see numbers_en.py. A number is one long word, as German writes it."""

from engine.core.heard.phrases import each, of_pairs, one_by_one, table, words

SMALL = words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn"
)
TENS = words("- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
MONTHS = words("- januar februar märz april mai juni juli august september oktober november dezember")
ORDINALS = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
LETTERS = table(
    "a aa, b be, c ze, d de, e ee, f ef, g ge, h ha, i ii, j jot, k ka, l el, m em, n en, o oo, p pe, q ku, r er, "
    "s es, t te, u uu, v vau, w we, x ix, y ypsilon, z zet, ä ää, ö öö, ü üü"
)
"""A vowel is doubled, so that it is not taken for the English name of that letter."""
CURRENCIES = {
    "€": (("euro", "euro", "cent", "cent"),),
    "$": (("dollar", "dollar", "cent", "cent"),),
    "£": (("pfund", "pfund", "pence", "pence"),),
    "¥": (("yen", "yen", "sen", "sen"),),
    "₹": (("rupie", "rupien", "paisa", "paisa"),),
}
SYMBOLS = table(
    "% prozent, & und, + plus, = gleich, @ ät, . punkt, - bindestrich, _ unterstrich, / schrägstrich, # nummer, ° "
    "grad, * mal, : doppelpunkt, to bis, www we we we, point komma, $ dollar, € euro, £ pfund, ¥ yen, ₹ rupien"
)
UNITS = table(
    "km kilometer, m meter, cm zentimeter, mm millimeter, kg kilo|kilogramm, g gramm, mg milligramm, l liter, ml "
    "milliliter, h uhr|stunden, std stunden, min minuten, s sekunden, sek sekunden, gb gigabyte, mb megabyte, tb "
    "terabyte, ° grad, mbit/s megabit pro sekunde, °c grad|grad celsius, % prozent, m² quadratmeter, qm "
    "quadratmeter, km/h kilometer pro stunde|stundenkilometer, x mal, mio millionen, mrd milliarden, kwh "
    "kilowattstunden, kw kilowatt, w watt, er er, te te, uhr uhr, eur euro, usd dollar, ghz gigahertz"
)
SCALE_WORDS = table("mio millionen, mrd milliarden, k tausend")
KEYS = table("# raute|rautetaste, * stern|sterntaste, - minus, per pro|im, of von|durch, ratio zu, by mal, through bis")
CAPITALS = table("EUR euro, USA u es aa")
DAYS = words("montag dienstag mittwoch donnerstag freitag samstag sonntag")
ABBREVIATIONS = table(
    "hr herr, hrn herrn, fr frau|freitag, dr doktor, prof professor, str straße, nr nummer, tel telefon, bzw "
    "beziehungsweise, z.b zum beispiel, d.h das heißt, usw und so weiter, ca zirka, u.a unter anderem, inkl "
    "inklusive, zzgl zuzüglich, evtl eventuell, ggf gegebenenfalls, mwst mehrwertsteuer, st sankt, max maximal, "
    "min minuten|mindestens, std stunden, mio millionen, mrd milliarden, etc et cetera, vgl vergleiche, pl platz, "
    "jan januar, feb februar, apr april, aug august, sept september, okt oktober, nov november, dez dezember, mo "
    "montag, di dienstag, mi mittwoch, do donnerstag, sa samstag, so sonntag, gmbh ge em be ha, abs absatz, bspw "
    "beispielsweise, z zum, b beispiel, d das|de, h heißt|ha, o.ä oder ähnliches, s.o siehe oben"
)


def cardinal(n: int) -> str:
    """1482: tausendvierhundertzweiundachtzig."""
    if n >= 10**6:
        front = "eine million" if n < 2 * 10**6 else f"{_one(cardinal(n // 10**6))} millionen"
        return f"{front} {cardinal(n % 10**6)}" if n % 10**6 else front
    if n >= 1000:
        front = ("" if n < 2000 else _one(cardinal(n // 1000))) + "tausend"
        return front + (cardinal(n % 1000) if n % 1000 else "")
    if n >= 100:
        front = ("" if n < 200 else SMALL[n // 100]) + "hundert"
        return front + (cardinal(n % 100) if n % 100 else "")
    if n < 20:
        return SMALL[n]
    return (f"{_one(SMALL[n % 10])}und" if n % 10 else "") + TENS[n // 10]


def _one(words: str) -> str:
    """Eins, but ein Euro."""
    return words.removesuffix("s") if words.endswith("eins") else words


def grouped(n: int) -> list[str]:
    """A quantity: "eins" is "ein" or "eine" before a noun, hundreds and thousands may be "einhundert"."""
    words = cardinal(n)
    ways = [words]
    if words.startswith(("hundert", "tausend")):
        ways.append(f"ein{words}")
    if words.endswith("eins"):
        ways += [_one(words), f"{_one(words)}e", f"{_one(words)}en"]
    if 1099 < n < 2000 and n // 100 % 10:
        ways.append(f"{cardinal(n // 100)}hundert" + (cardinal(n % 100) if n % 100 else ""))
    return ways


def digits(text: str) -> list[str]:
    """One by one: 2 is "zwei" or, on the telephone, "zwo"."""
    plain = one_by_one(text, SMALL)
    return [plain, plain.replace("zwei", "zwo")] if "2" in text else [plain]


def _pair(text: str) -> str:
    return one_by_one(text, SMALL) if text[0] == "0" else cardinal(int(text))


def number(text: str) -> list[str]:
    """A bare run of digits, which may be a quantity, a year, a house number or a part of a code."""
    size = len(text)
    if size == 1:
        return grouped(int(text)) + (["zwo"] if text == "2" else [])
    paired = [of_pairs(text[size % 2 :], _pair)] if size < 14 else []
    paired = [f"{SMALL[int(text[0])]} {way}" if size % 2 else way for way in paired]
    if text[0] == "0" or size > 6:
        return [*digits(text), *paired]
    if size == 2:
        return [*grouped(int(text)), *digits(text)[:1]]
    if size > 4 and not text.endswith("000"):
        return [*digits(text), *paired, *grouped(int(text))]
    if size == 4 and "11" <= text[:2] < "20":
        return [*grouped(int(text))[::-1], *digits(text), *paired]
    return [*grouped(int(text)), *digits(text), *paired]


def year(n: int) -> list[str]:
    """1998: neunzehnhundertachtundneunzig."""
    return grouped(n)[::-1][:2]


def decimal(whole: str, fraction: str) -> list[str]:
    """3,5: drei Komma fünf."""
    after = digits(fraction)[:1] + ([cardinal(int(fraction))] if len(fraction) == 2 and fraction[0] != "0" else [])
    return each([cardinal(int(whole))] if whole else [""], ["komma", "punkt"], after)


def ordinal(n: int) -> list[str]:
    """3: dritte, dritten, dritter."""
    below = n % 100
    if 0 < below < 20:
        stem = (cardinal(n - below) if n > below else "") + ORDINALS.get(below, f"{SMALL[below]}t")
    else:
        stem = f"{cardinal(n)}st"
    return [f"{stem}en", f"{stem}e", f"{stem}er"]


def money(currency: str, whole: int, cents: int | None) -> list[str]:
    """23,50 €: dreiundzwanzig Euro fünfzig ..."""
    ways = []
    for one, many, _, small in CURRENCIES[currency]:
        unit = one if whole == 1 else many
        fulls = [_one(way) for way in grouped(whole) if not way.endswith(("eine", "einen"))]
        full = fulls[0]
        if not cents:
            ways += [f"{way} {unit}" for way in fulls]
            continue
        coins = cardinal(cents)
        if not whole:
            ways += [
                f"{_one(coins)} {small}",
                f"null {unit} {coins}",
                f"null komma {one_by_one(f'{cents:02}', SMALL)} {unit}",
            ]
            continue
        ways += [*each(fulls, [f"{unit} {coins}"]), f"{full} {unit} und {_one(coins)} {small}", f"{full} {coins}"]
        ways += [f"{full} komma {coins} {unit}", f"{full} komma {one_by_one(f'{cents:02}', SMALL)} {unit}"]
    return ways


def clock(hour: int, minute: int) -> list[str]:
    """10:30: zehn Uhr dreißig, halb elf."""
    full = _one(cardinal(hour))
    twelve = SMALL[hour % 12 or 12]
    following = SMALL[hour % 12 + 1]
    if not minute:
        return [f"{full} uhr", cardinal(hour), *([twelve] if hour > 12 else [])]
    ways = [f"{full} uhr {cardinal(minute)}"]
    if minute == 15:
        ways += [f"viertel nach {twelve}", f"viertel {following}"]
    elif minute == 30:
        ways += [f"halb {following}"]
    elif minute == 45:
        ways += [f"viertel vor {following}", f"dreiviertel {following}"]
    elif minute % 5 == 0:
        past = f"{SMALL[minute]} nach {twelve}" if minute < 20 else f"{cardinal(minute)} nach {twelve}"
        ways += [past if minute < 30 else f"{cardinal(60 - minute)} vor {following}"]
    return [*ways, f"{cardinal(hour)} {cardinal(minute)}"]


def date(of_year: int | None, month: int, day: int) -> list[str]:
    """3.6.2025: dritter sechster, dritten Juni zweitausendfünfundzwanzig."""
    years = [""] if of_year is None else year(of_year)
    days = ordinal(day)
    return [
        *each([days[0]], [MONTHS[month], ordinal(month)[0]], years),
        *each([days[2]], [MONTHS[month], ordinal(month)[2]], years[:1]),
        *each([days[1]], [MONTHS[month]], years[:1]),
        *each([cardinal(day)], [cardinal(month)], years[:1]),
    ]


def fraction(over: int, under: int) -> list[str]:
    """1/2: ein halb."""
    if under == 2:
        return ["ein halb", "einhalb", "ein halber", "eine halbe"] if over == 1 else [f"{cardinal(over)} halbe"]
    return [f"{_one(cardinal(over))} {ordinal(under)[1]}l"]


def spell(letters: str) -> str:
    """By their German names."""
    return " ".join(LETTERS.get(letter, letter) for letter in letters)


def plural_letters(letters: str) -> str:
    """LKWs: el ka wes."""
    return f"{spell(letters)}s"

"""How Spanish says what is written in digits; see numbers_en.py. Accents are written, though the aligner drops them."""

from engine.core.heard.phrases import each, of_pairs, one_by_one, table, words

SMALL = words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve"
)
TENS = words("- - - treinta cuarenta cincuenta sesenta setenta ochenta noventa")
HUNDREDS = words(
    "- ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
MONTHS = words("- enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
ORDINALS = words("- primer segund tercer cuart quint sext séptim octav noven décim undécim duodécim")
LETTERS = table(
    "a aa, b be, c ce, d de, e ee, f efe, g ge, h hache, i ii, j jota, k ka, l ele, m eme, n ene, ñ eñe, o oo, p "
    "pe, q cu, r erre, s ese, t te, u uu, v uve, w uvedoble, x equis, y ye, z zeta"
)
"""A vowel is doubled, so that it is not taken for the English name of that letter."""
CURRENCIES = {
    "€": (("euro", "euros", "céntimo", "céntimos"),),
    "$": (("dólar", "dólares", "centavo", "centavos"), ("peso", "pesos", "centavo", "centavos")),
    "£": (("libra", "libras", "penique", "peniques"),),
    "¥": (("yen", "yenes", "sen", "sen"),),
    "₹": (("rupia", "rupias", "paisa", "paisas"),),
}
SYMBOLS = table(
    "% por ciento, & y, + más, = igual a, @ arroba, . punto, - guion, _ guion bajo, / barra, # número, ° grados, "
    "* por, : dos puntos, to a, www uve doble uve doble uve doble, point coma, $ dólares, € euros, £ libras, ¥ "
    "yenes, ₹ rupias"
)
UNITS = table(
    "km kilómetros, m metros, cm centímetros, mm milímetros, kg kilos|kilogramos, g gramos, gr gramos, mg "
    "miligramos, l litros, ml mililitros, h horas, hs horas, hrs horas, min minutos, s segundos, seg segundos, gb "
    "gigas|gigabytes, mb megas, tb teras, mbps megas por segundo, °c grados|grados centígrados, ° grados, % por "
    "ciento, m² metros cuadrados, x por, k mil|ka, mil mil, km/h kilómetros por hora, hz hercios, am aa eme|de la "
    "mañana, pm pe eme|de la tarde, a.m aa eme|de la mañana, kwh kilovatios hora, p.m pe eme|de la tarde|de la "
    "noche, ghz gigahercios, eur euros, usd dólares, w vatios, kw kilovatios"
)
SCALE_WORDS = table("k mil, m millones, mm millones")
KEYS = table(
    "# almohadilla|numeral|gato, * asterisco, - menos, per al|por|la, of de|sobre, ratio a, by por, through hasta"
)
CAPITALS = table("EEUU estados unidos, DF de efe")
DAYS = words("lunes martes miércoles jueves viernes sábado domingo")
ABBREVIATIONS = table(
    "lun lunes, mar martes, mié miércoles, jue jueves, vie viernes, sáb sábado, sr señor, sra señora, srta "
    "señorita, dr doctor, dra doctora, ud usted, uds ustedes, vd usted, av avenida, avda avenida, núm número, n.º "
    "número, no no|número, nº número, n.o número, no. número, tel teléfono, tfno teléfono, etc etcétera, p.ej por "
    "ejemplo, pág página, prof profesor, sta santa, sto santo, ee.uu estados unidos, s.a ese aa, s.l ese ele, c "
    "calle|ce, pza plaza, dcha derecha, izq izquierda, ext extensión, aprox aproximadamente, máx máximo, mín "
    "mínimo, a.m aa eme|de la mañana, p.m pe eme|de la tarde, d don|de, dña doña, dpto departamento, depto "
    "departamento, cía compañía, atte atentamente, y y, 1.er primer, col colonia"
)


def cardinal(n: int) -> str:
    """1482: mil cuatrocientos ochenta y dos."""
    if n >= 10**6:
        front = "un millón" if n < 2 * 10**6 else f"{_before_noun(cardinal(n // 10**6))} millones"
        return f"{front} {cardinal(n % 10**6)}" if n % 10**6 else front
    if n >= 1000:
        front = "mil" if n < 2000 else f"{_before_noun(cardinal(n // 1000))} mil"
        return f"{front} {cardinal(n % 1000)}" if n % 1000 else front
    if n >= 100:
        return "cien" if n == 100 else HUNDREDS[n // 100] + (f" {cardinal(n % 100)}" if n % 100 else "")
    if n < 30:
        return SMALL[n]
    return TENS[n // 10] + (f" y {SMALL[n % 10]}" if n % 10 else "")


def _before_noun(words: str) -> str:
    """Veintiuno, but veintiún euros."""
    if words.endswith("veintiuno"):
        return f"{words[:-3]}ún"
    return words.removesuffix("o") if words == "uno" or words.endswith(" uno") else words


def grouped(n: int) -> list[str]:
    """A quantity: before a noun "uno" is "un" or "una", and hundreds have a gender."""
    words = cardinal(n)
    ways = [words]
    if words.endswith("uno"):
        ways += [_before_noun(words), f"{words[:-1]}a"]
    if "cientos" in words or "quinientos" in words:
        ways.append(words.replace("ientos", "ientas"))
    return ways


def digits(text: str) -> list[str]:
    """One by one."""
    return [one_by_one(text, SMALL)]


def _pair(text: str) -> str:
    return one_by_one(text, SMALL) if text[0] == "0" else cardinal(int(text))


def number(text: str) -> list[str]:
    """A bare run of digits, which may be a quantity, a year, a house number or a part of a code."""
    size = len(text)
    if size == 1:
        return grouped(int(text))
    paired = [of_pairs(text[size % 2 :], _pair)] if size < 14 else []
    paired = [f"{SMALL[int(text[0])]} {way}" if size % 2 else way for way in paired]
    if text[0] == "0" or size > 6:
        return [*digits(text), *paired]
    if size == 2:
        return [*grouped(int(text)), *digits(text)]
    if size > 4 and not text.endswith("000"):
        return [*digits(text), *paired, *grouped(int(text))]
    return [*grouped(int(text)), *digits(text), *paired]


def decimal(whole: str, fraction: str) -> list[str]:
    """3,5: tres coma cinco."""
    after = digits(fraction) + ([cardinal(int(fraction))] if len(fraction) == 2 and fraction[0] != "0" else [])
    return each(grouped(int(whole))[:1] if whole else [""], ["coma", "punto", "con"], after)


def ordinal(n: int) -> list[str]:
    """3: tercero, tercera, tercer."""
    if not 0 < n < len(ORDINALS):
        return [cardinal(n)]
    stem = ORDINALS[n]
    return [f"{stem}o", f"{stem}a"] + ([stem] if n in (1, 3) else [])


def money(currency: str, whole: int, cents: int | None) -> list[str]:
    """23,50 €: veintitrés euros con cincuenta, veintitrés con cincuenta ..."""
    ways: list[list[str]] = []
    for one, many, cent, cents_name in CURRENCIES[currency]:
        unit, small = one if whole == 1 else many, cent if cents == 1 else cents_name
        full = _before_noun(cardinal(whole))
        if not cents:
            ways.append([f"{way} {unit}" for way in dict.fromkeys((full, full.replace("ientos", "ientas")))])
            continue
        coins = _before_noun(cardinal(cents))
        if not whole:
            ways.append([f"{coins} {small}", f"cero {unit} con {coins}", f"cero con {coins}"])
            continue
        first = [f"{full} {unit} con {coins}", f"{full} con {coins}", f"{full} {unit} con {coins} {small}"]
        ways.append([*first, f"{full} {unit} y {coins} {small}", f"{full} {coins}", f"{full} coma {coins} {unit}"])
    return list(dict.fromkeys(way for alike in zip(*ways, strict=True) for way in alike))


def clock(hour: int, minute: int) -> list[str]:
    """10:30: diez y media, diez treinta."""
    twelve = hour % 12 or 12
    short = "una" if twelve == 1 else SMALL[twelve]
    full = ["cero"] if not hour else [cardinal(hour)] if hour > 12 else []
    if not minute:
        return [*full, short, *each(full or [short], ["horas", "en punto"])]
    after = cardinal(minute)
    named = {15: "cuarto", 30: "media"}.get(minute, after)
    following = "una" if twelve == 12 else SMALL[twelve + 1]
    ways = [f"{short} y {named}", *each([*full, short], [f"cero {after}"] if minute < 10 else [after])]
    if minute > 30:
        left = "cuarto" if minute == 45 else cardinal(60 - minute)
        ways.append(f"{following} menos {left}")
    return [
        *ways,
        *each([*full, short], [f"y {after}"]),
        *each(full or [short], [f"horas {after}", f"horas y {after}"]),
    ]


def date(of_year: int | None, month: int, day: int) -> list[str]:
    """3/6/2025: tres de junio de dos mil veinticinco."""
    years = [""] if of_year is None else [f"de {cardinal(of_year)}", f"del {cardinal(of_year)}"]
    days = [cardinal(day), *(["primero"] if day == 1 else [])]
    return [
        *each(days, [f"de {MONTHS[month]}"], years),
        *each([cardinal(day)], [f"del {cardinal(month)}"], years[:1]),
        *each([cardinal(day)], [cardinal(month)], [""] if of_year is None else [cardinal(of_year)]),
    ]


def fraction(over: int, under: int) -> list[str]:
    """1/2: un medio."""
    name = {2: "medio", 3: "tercio"}.get(under) or ordinal(under)[0]
    ways = [f"un {name}"] if over == 1 else [f"{cardinal(over)} {name}s"]
    return ways + (["medio", "media"] if (over, under) == (1, 2) else [])


def spell(letters: str) -> str:
    """By their Spanish names."""
    return " ".join(LETTERS.get(letter, letter) for letter in letters)


def plural_letters(letters: str) -> str:
    """IDs: i de ese; the plural is not heard in Spanish."""
    return spell(letters)

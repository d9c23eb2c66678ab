"""How English says what is written in digits. Every function gives the ways of saying it, the likeliest first.

Which of them a voice takes cannot be known from the text: "$9.05" is "nine dollars and five cents" as often as "nine oh
five". So all of them go to the aligner, which finds out by ear.
"""

from engine.core.heard.phrases import each, of_pairs, one_by_one, table, words

SMALL = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = words("- - twenty thirty forty fifty sixty seventy eighty ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
MONTHS = words("- january february march april may june july august september october november december")
ORDINALS = table("one first, two second, three third, five fifth, eight eighth, nine ninth, twelve twelfth")
LETTERS = table(
    "a ay, b bee, c see, d dee, e ee, f eff, g gee, h aitch, i eye, j jay, k kay, l ell, m em, n en, o oh, p pee, "
    "q cue, r ar, s ess, t tee, u you, v vee, w doubleyou, x ex, y why, z zee"
)
CURRENCIES = {
    "$": (("dollar", "dollars", "cent", "cents"),),
    "€": (("euro", "euros", "cent", "cents"),),
    "£": (("pound", "pounds", "penny", "pence"), ("pound", "pounds", "p", "p")),
    "¥": (("yen", "yen", "sen", "sen"),),
    "₹": (("rupee", "rupees", "paisa", "paise"),),
}
SYMBOLS = table(
    "% percent, & and, + plus, = equals, @ at, . dot, - dash, _ underscore, / slash, # number, ° degrees, * "
    "times, : colon, to to, www w w w, point point, $ dollars, € euros, £ pounds, ¥ yen, ₹ rupees"
)
UNITS = table(
    "mi miles, km kilometers|k m, m meters, cm centimeters, mm millimeters, kg kilograms|kilos, g grams|g, mg "
    "milligrams, lb pounds, lbs pounds, oz ounces, l liters, ml milliliters|m l, ft feet|foot, in inches|inch, yd "
    "yards, sq square, gb gigabytes|gigs|g b, mb megabytes|megs|m b, tb terabytes|t b, kb kilobytes|k b, mbps "
    "megabits per second|m b p s, gbps gigabits per second|g b p s, mph miles per hour|m p h, hz hertz, khz "
    "kilohertz, mhz megahertz, ghz gigahertz, kw kilowatts, kwh kilowatt hours, w watts, v volts, hp horsepower, "
    "min minutes, mins minutes, sec seconds, secs seconds, s seconds, ms milliseconds, hr hours|hour, hrs hours, "
    "h hours|h, x times|x, k thousand|k, bn billion, mm² square millimeters, °f degrees "
    "fahrenheit|degrees, °c degrees celsius|degrees, ° degrees, % percent, am a m, pm p m, a.m a m, p.m p m, c "
    "cents|c, ¢ cents, p pence|p, mn million, mln million, cal calories, kcal calories, mp megapixels, pk pack, "
    "ct count, pt point, px pixels, fps frames per second, d d, yr year, yrs years, usd dollars, eur euros"
)
SCALE_WORDS = table("k thousand, m million, mn million, b billion, bn billion, t trillion")
KEYS = table(
    "# pound|hash|number sign, * star|asterisk, - minus|negative, per a|per, of out "
    "of|over, ratio to, by by, through through, w/o without, c/o "
    "care of, & and, + plus, = equals"
)
CAPITALS = table(
    "N north, S south, E east, W west, AL alabama, AK alaska, AZ arizona, AR arkansas, CA california, CO colorado, "
    "CT connecticut, DE delaware, DC d c, FL florida, GA georgia, HI hawaii, ID idaho, IL illinois, IN indiana, "
    "IA iowa, KS kansas, KY kentucky, LA louisiana, ME maine, MD maryland, MA massachusetts, MI michigan, "
    "MN minnesota, MS mississippi, MO missouri, MT montana, NE nebraska, NV nevada, NH new hampshire, "
    "NJ new jersey, NM new mexico, NY new york, NC north carolina, ND north dakota, OH ohio, OK oklahoma, "
    "OR oregon, PA pennsylvania, RI rhode island, SC south carolina, SD south dakota, TN tennessee, TX texas, "
    "UT utah, VT vermont, VA virginia, WA washington, WV west virginia, WI wisconsin, WY wyoming"
)
"""What capitals may stand for: directions, and the states of an address. They may as well be spelt, or be a word."""
DAYS = words("monday tuesday wednesday thursday friday saturday sunday")
ABBREVIATIONS = table(
    "mr mister, mrs missus, ms miz|miss, dr doctor|drive, prof professor, jr junior, sr senior, st street|saint, "
    "ave avenue, blvd boulevard, rd road, ln lane, apt apartment, ste suite, hwy highway, pkwy parkway, dept "
    "department, ext extension, vs versus, etc et cetera, e.g for example|e g, eg for example|e g, i.e that is|i "
    "e, approx approximately, inc incorporated|ink, ltd limited, corp corporation, co company, jan january, feb "
    "february, mar march, apr april, jun june, jul july, aug august, sep september, sept september, oct october, "
    "nov november, dec december, mon monday, tue tuesday, tues tuesday, wed wednesday, thu thursday, thur "
    "thursday, thurs thursday, fri friday, sat saturday, sun sunday, no no|number, tel telephone|tel, min "
    "minutes|minimum, max maximum, a.m a m, p.m p m, ft feet|foot, gen general, gov governor, sgt sergeant, lt "
    "lieutenant, capt captain, rev reverend, hon honorable, mt mount, sq square, mo month, yr year, "
    "wk week, hr hour, misc miscellaneous, temp "
    "temperature|temp, est established|e s t, acct account, qty quantity, ref reference|ref, fl floor, bldg "
    "building, rm room, hrs hours, lbs pounds, oz ounces, p.s p s, w with|w"
)


def cardinal(n: int) -> str:
    """1482: one thousand four hundred eighty two."""
    for scale, name in SCALES:
        if n >= scale:
            rest = f" {cardinal(n % scale)}" if n % scale else ""
            return f"{cardinal(n // scale)} {name}{rest}"
    if n < 20:
        return SMALL[n]
    return TENS[n // 10] + (f" {SMALL[n % 10]}" if n % 10 else "")


def grouped(n: int) -> list[str]:
    """A number that is a quantity: with and without "and", by hundreds ("twelve hundred eighty four")."""
    ways = [cardinal(n)]
    if n > 100 and n % 100 and n % 1000:
        front, last = n // 100 * 100, n % 100
        ways.append(f"{cardinal(front)} and {cardinal(last)}")
    if n in (100, 1000, 1_000_000):
        ways.append(f"a {SCALES[{1_000_000: 2, 1000: 3, 100: 4}[n]][1]}")
    if 1000 < n < 10_000 and n // 100 % 10:
        ways.append(f"{cardinal(n // 100)} hundred" + (f" {cardinal(n % 100)}" if n % 100 else ""))
    return ways


def digits(text: str) -> list[str]:
    """One by one: 0 is "zero" or "oh"."""
    plain = one_by_one(text, SMALL)
    return [plain, plain.replace("zero", "oh")] if "0" in text else [plain]


def _pair(text: str) -> str:
    if text == "00":
        return "hundred"
    return f"oh {SMALL[int(text)]}" if text[0] == "0" else cardinal(int(text))


def number(text: str) -> list[str]:
    """A bare run of digits, which may be a quantity, a year, a house number or a part of a code."""
    size = len(text)
    if size == 1:
        return ["zero", "oh"] if text == "0" else [SMALL[int(text)]]
    if text[0] == "0" or size > 6:
        return [*digits(text), *([of_pairs(text, _pair)] if size == 2 or (size == 4 and text[1] != "0") else [])]
    n = int(text)
    if size == 2:
        return [cardinal(n), *digits(text)]
    if size == 3:
        return [*grouped(n), *_unsaid_hundreds(n), *digits(text)]
    if size == 4:
        return [*year(n)[:3], *digits(text), *grouped(n)]
    if size == 6:
        return [*digits(text), of_pairs(text, _pair), *grouped(n)]
    return [*grouped(n), *digits(text)] if n % 1000 == 0 else [*digits(text), *grouped(n)]


def year(n: int) -> list[str]:
    """1998, and other numbers of four digits that are read like a year."""
    text = f"{n:04}"
    if n % 1000 == 0 or 2000 <= n < 2010:
        return [*grouped(n), of_pairs(text, _pair)]
    pairs = of_pairs(text, _pair)
    return [pairs, *grouped(n)] if 2000 < n < 2100 else [pairs]


def decimal(whole: str, fraction: str) -> list[str]:
    """3.5: three point five."""
    after = digits(fraction) + ([cardinal(int(fraction))] if len(fraction) == 2 and fraction[0] != "0" else [])
    before = grouped(int(whole)) if whole else []
    ways = each(before or [""], ["point"], after)
    return [*ways, *each(["point"], after)] if before == ["zero"] else ways


def ordinal(n: int) -> list[str]:
    """21: twenty first."""
    ways = []
    for way in grouped(n)[:2]:
        front, _, last = way.rpartition(" ")
        if last in ORDINALS:
            last = ORDINALS[last]
        else:
            last = f"{last[:-1]}ieth" if last.endswith("y") else last + ("h" if last.endswith("t") else "th")
        ways.append(f"{front} {last}".strip())
    return ways


def money(currency: str, whole: int, cents: int | None) -> list[str]:
    """$9.05: nine dollars and five cents, nine oh five, nine dollars five ..."""
    ways = []
    for one, many, cent, cents_name in CURRENCIES[currency]:
        unit, small = one if whole == 1 else many, cent if cents == 1 else cents_name
        full = grouped(whole)
        pairs = _unsaid_hundreds(whole)
        if not cents:
            ways += [f"{way} {unit}" for way in full] + pairs[:1]
            ways += [f"{full[0]} {unit} and zero {small}"] if cents == 0 else []
            continue
        coins = cardinal(cents)
        if not whole:
            ways += [
                f"{coins} {small}",
                f"zero {unit} and {coins} {small}",
                f"zero point {one_by_one(f'{cents:02}', SMALL)}",
            ]
            continue
        short = _pair(f"{cents:02}")
        ways += [f"{full[0]} {unit} and {coins} {small}", f"{full[0]} {short}", *(f"{way} {short}" for way in full[2:])]
        ways += [f"{way} {unit} and {coins} {small}" for way in full[1:]] + [f"{way} {short}" for way in pairs[:1]]
        ways += [f"{full[0]} {unit} {short}", f"{full[0]} {unit} {coins} {small}"]
    return ways


def _unsaid_hundreds(n: int) -> list[str]:
    """150: one fifty. 1284: twelve eighty four."""
    if not 100 < n < 10_000 or not n % 100 or not n // 100 % 10:
        return []
    return [f"{cardinal(n // 100)} {_pair(f'{n % 100:02}')}"]


def clock(hour: int, minute: int) -> list[str]:
    """4:45: four forty five, a quarter to five."""
    hours = [cardinal(hour % 24)] + ([cardinal(hour - 12)] if 12 < hour < 24 else []) + (["twelve"] if not hour else [])
    if not minute:
        return [*hours, *each(hours[-1:], ["oclock"]), *(each(hours[:1], ["hundred"]) if hour > 12 else [])]
    ways = each(hours, [_pair(f"{minute:02}")])
    this, following = hours[-1], cardinal(hour % 12 + 1)
    if minute in (15, 45):
        past = f"past {this}" if minute == 15 else f"to {following}"
        ways += [f"quarter {past}", f"a quarter {past}"] + ([f"quarter after {this}"] if minute == 15 else [])
    elif minute == 30:
        ways += [f"half past {this}"]
    elif minute % 5 == 0:
        ways += [f"{cardinal(minute)} past {this}" if minute < 30 else f"{cardinal(60 - minute)} to {following}"]
    return ways


def date(of_year: int | None, month: int, day: int) -> list[str]:
    """12/31/2025: December thirty first, twenty twenty five."""
    years = [""] if of_year is None else year(of_year)[:2]
    name = MONTHS[month]
    days = [*ordinal(day), cardinal(day)]
    return [
        *each([name], days[:1], years),
        *each([f"the {days[0]} of {name}"], years[:1]),
        *each([name], days[1:], years[:1]),
        *each([cardinal(month)], [_pair(f"{day:02}"), cardinal(day)], years[:1]),
    ]


def fraction(over: int, under: int) -> list[str]:
    """1/2: one half, a half."""
    name = {2: "half", 4: "quarter"}.get(under) or ordinal(under)[0]
    many = {"half": "halves"}.get(name, f"{name}s")
    ways = [f"one {name}", f"a {name}"] if over == 1 else [f"{cardinal(over)} {many}"]
    return ways + ([f"{cardinal(over)} fourth" + "s" * (over > 1)] if under == 4 else [])


def spell(letters: str) -> str:
    """Letters are left alone: a word of one letter is read by its English name."""
    return " ".join(letters)


def plural_letters(letters: str) -> str:
    """IDs: eye dees."""
    return " ".join([*letters[:-1], f"{LETTERS.get(letters[-1], letters[-1])}s"])

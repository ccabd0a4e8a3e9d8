"""Text to the terms that lexical search compares: lower case, without endings and without words that say nothing."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*")
STOPWORDS = frozenset(
    """a about all also am an and any anything are aren't as at be been being but by can can't could did didn't do does
    doesn't doing don't for from get gets give got had has have having he her here hers him his how i i'd i'll i'm i've
    if in into is isn't it it's its itself just kind know let let's like many may me might mine more most much must my
    no not of off on one or our ours out over please quite really shall she should so some something sort still such
    tell than that that's the their them then there these they this those to too up us very want was we were what
    what's when where which while who who's whom whose why will with would you your yours explain say says happen
    happens mean
    """.split()  # noqa: SIM905  # a list of words reads better as words
)


def words(text: str) -> list[str]:
    """Words in lower case, without accents."""
    flat = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return _WORD.findall("".join(c for c in flat if not unicodedata.combining(c)))


def terms(text: str) -> list[str]:
    """The stems of the words that carry meaning; everyday synonyms and spellings share one."""
    stems = (stem(word) for word in words(text) if word not in STOPWORDS)
    return [_SHARED.get(found, found) for found in stems]


def stem(word: str) -> str:
    """A light stemmer: plural, -ing, -ed, -ly and a final e go; after steps 1 and 5 of Porter (1980)."""
    word = word.removesuffix("'s")
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and any(c in "aeiouy" for c in root):
            doubled = root[-1] == root[-2] and root[-1] not in "lsz"
            word = root[:-1] if doubled else root
            break
    if word.endswith("ly") and len(word) > 5:
        word = word[:-2]
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


# Groups of words that a question and a document choose between freely; compared by their stems.
_SYNONYMS = (
    "price cost costs fee charge expensive",
    "weight weigh heavy",
    "height tall",
    "picture image photo photograph",
    "remove delete erase",
    "begin start launch",
    "stop end quit",
    "buy purchase order",
    "fix repair mend",
    "colour color",
    "licence license",
    "litre liter",
    "metre meter",
    "centre center",
    "guarantee warranty",
    "phone telephone smartphone",
    "gpu graphics",
)
_SHARED = {stem(word): stem(group.split()[0]) for group in _SYNONYMS for word in group.split()}

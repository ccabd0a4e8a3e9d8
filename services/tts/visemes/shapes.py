"""Sounds to mouth shapes: fifteen visemes after the Oculus lip-sync set and MPEG-4's table."""

from collections.abc import Iterator, Sequence

from services.common.speech import Viseme
from services.tts.engine import Phone

_SOUNDS: dict[Viseme, str] = {
    "PP": "p b m ɓ ʙ ɸ β ᵐ",
    "FF": "f v ʋ ⱱ ɱ",
    "TH": "θ ð",
    "DD": "t d ɾ ʈ ɖ ɗ ǀ ǃ",
    "KK": "k ɡ g ŋ x ɣ q ɢ ʛ ɠ χ ɴ ɰ ʔ c ɟ ç ʝ ħ ʕ ʡ ʢ",
    "CH": "tʃ dʒ ʃ ʒ ʂ ʐ ɕ ʑ tɕ dʑ ɧ",
    "SS": "s z",
    "NN": "n l ɲ ɳ ɫ ʎ ʟ ɭ ɬ ɮ ɺ ǁ",
    "RR": "r ɹ ɻ ɽ ʀ ʁ ɚ ɝ ɜ",
    "AA": "a ɑ æ ʌ ɐ ä",
    "EH": "e ɛ ə ɘ ɞ œ ø ɤ",
    "IH": "i ɪ ɨ ᵻ j y ʏ ɥ",
    "OH": "o ɔ ɒ ɵ ɶ",
    "OU": "u ʊ w ʉ ɯ ʍ",
}
_VISEME: dict[str, Viseme] = {sound: viseme for viseme, sounds in _SOUNDS.items() for sound in sounds.split()}
_TAKES_THE_NEXT = frozenset("hɦʜ")  # breath has no shape of its own: the mouth is already at the vowel's
_SIGNS = "ˈˌːˑʲʰ."


def viseme(ipa: str) -> Viseme | None:
    """The mouth shape of a sound; None where the sound takes its neighbour's."""
    bare = "".join(ch for ch in ipa if ch not in _SIGNS and not "\u0300" <= ch <= "\u036f")
    return _VISEME.get(bare) or _VISEME.get(bare[-1:])


def shapes_of(phones: Sequence[Phone]) -> list[Viseme]:
    """The mouth shape of each sound, in its surroundings."""
    found: list[Viseme] = []
    for i, phone in enumerate(phones):
        shape = viseme(phone.ipa)
        if shape is None and phone.ipa.strip(_SIGNS) in _TAKES_THE_NEXT:
            following = phones[i + 1 : i + 2]
            shape = viseme(following[0].ipa) if following else None
        joined = i > 0 and phone.start <= phones[i - 1].end
        found.append(shape or (found[-1] if joined else "EH"))
    return found


def shape_changes(phones: Sequence[Phone], end: int) -> Iterator[tuple[int, Viseme]]:
    """(sample, shape) at each change of shape in a line of `end` samples; rest between phones and at both ends."""
    now: Viseme | None = None
    at = 0
    for phone, shape in zip(phones, shapes_of(phones), strict=True):
        if phone.start > at and now != "SIL":
            now = "SIL"
            yield at, now
        if shape != now:
            now = shape
            yield phone.start, shape
        at = phone.end
    if now != "SIL" and (at < end or not phones):
        yield at, "SIL"

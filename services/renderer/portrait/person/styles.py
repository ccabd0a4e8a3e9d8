"""How it is lit: presets of light, room and grade, chosen by the words of a prompt."""

import re
from dataclasses import dataclass, replace

from services.renderer.portrait.paint.colour import Rgb
from services.renderer.portrait.paint.light import Light


@dataclass(frozen=True)
class Room:
    """The out-of-focus room behind. Colours are sRGB; glows are multiples of them in linear light."""

    wall: Rgb  # where the light falls on it
    wall_far: Rgb
    window: Rgb
    window_glow: float
    lamp: Rgb
    lamp_glow: float
    shelf: Rgb
    plant: Rgb


@dataclass(frozen=True)
class Style:
    """Light, background and grade: everything of a picture that is not the person."""

    name: str
    light: Light
    room: Room
    balance: Rgb = (1.0, 1.0, 1.0)  # white balance
    saturation: float = 1.0
    strength: float = 1.0  # of the grade: 1 at STYLE_CFG 2.5


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            name="studio",
            light=Light(
                key=(1.26, 1.09, 0.95),
                fill=(0.155, 0.142, 0.148),
                ambient=(0.055, 0.055, 0.065),
                bounce=(0.06, 0.042, 0.036),
                rim=(1.5, 1.0, 0.64),
                rim_left=(0.10, 0.27, 0.34),
            ),
            room=Room(
                wall=(54, 92, 100),
                wall_far=(26, 34, 42),
                window=(96, 150, 166),
                window_glow=0.55,
                lamp=(255, 176, 96),
                lamp_glow=2.0,
                shelf=(92, 64, 46),
                plant=(38, 62, 46),
            ),
        ),
        Style(
            name="dusk",
            light=Light(
                key=(1.16, 0.98, 0.97),
                fill=(0.115, 0.088, 0.130),
                ambient=(0.055, 0.05, 0.08),
                bounce=(0.07, 0.038, 0.046),
                rim=(1.3, 0.80, 0.74),
                rim_left=(0.16, 0.22, 0.50),
            ),
            room=Room(
                wall=(60, 58, 86),
                wall_far=(28, 22, 40),
                window=(112, 112, 172),
                window_glow=0.6,
                lamp=(255, 158, 120),
                lamp_glow=1.5,
                shelf=(70, 44, 56),
                plant=(36, 40, 58),
            ),
            balance=(1.0, 0.985, 1.03),
            saturation=0.97,
        ),
        Style(
            name="morning",
            light=Light(
                key=(1.24, 1.16, 1.06),
                fill=(0.15, 0.155, 0.16),
                ambient=(0.085, 0.09, 0.098),
                bounce=(0.10, 0.085, 0.07),
                rim=(1.5, 1.36, 1.1),
                rim_left=(0.40, 0.44, 0.42),
            ),
            room=Room(
                wall=(176, 176, 160),
                wall_far=(120, 122, 112),
                window=(236, 244, 236),
                window_glow=1.25,
                lamp=(240, 216, 176),
                lamp_glow=0.5,
                shelf=(150, 122, 92),
                plant=(86, 116, 74),
            ),
            balance=(1.01, 1.005, 0.985),
            saturation=0.98,
        ),
    )
}

KEYWORDS: dict[str, frozenset[str]] = {
    "studio": frozenset(("studio", "softbox", "key", "teal", "amber", "warm", "portrait", "interview", "neutral")),
    "dusk": frozenset(
        (
            "dusk",
            "evening",
            "night",
            "sunset",
            "twilight",
            "purple",
            "violet",
            "neon",
            "moody",
            "dark",
            "cinematic",
            "blue",
        )
    ),
    "morning": frozenset(
        (
            "morning",
            "dawn",
            "day",
            "daylight",
            "sun",
            "sunny",
            "sunlight",
            "bright",
            "window",
            "airy",
            "fresh",
            "green",
            "garden",
        )
    ),
}
"""Words of a prompt that speak for a preset."""


def preset_for(prompt: str) -> str:
    """The preset that most words of the prompt speak for; studio if no word does, or as many for another."""
    words = re.findall(r"[a-z]+", prompt.lower())
    votes = {name: sum(word in keywords for word in words) for name, keywords in KEYWORDS.items()}
    return max(votes, key=lambda name: votes[name])


def graded(style: Style, cfg: float) -> Style:
    """The style with its grade as strong as `STYLE_CFG` says: 2 (gentle) .. 3 (bold)."""
    strength = 1 + 0.8 * (min(3.0, max(2.0, cfg)) - 2.5)
    r, g, b = ((gain - 1) * strength + 1 for gain in style.balance)
    saturation = style.saturation + 0.25 * (strength - 1)
    light = style.light
    return replace(
        style,
        light=Light(
            key=_times(light.key, (r, g, b)),
            fill=_times(light.fill, (r, g, b)),
            ambient=_times(light.ambient, (r, g, b)),
            bounce=_times(light.bounce, (r, g, b)),
            rim=_times(light.rim, (r * strength, g * strength, b * strength)),
            rim_left=_times(light.rim_left, (r * strength, g * strength, b * strength)),
        ),
        balance=(r, g, b),
        saturation=saturation,
        strength=strength,
    )


def _times(light: Rgb, gain: Rgb) -> Rgb:
    return (light[0] * gain[0], light[1] * gain[1], light[2] * gain[2])

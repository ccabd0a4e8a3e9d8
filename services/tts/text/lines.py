"""First version."""

from services.tts.engine import Line, Voice, Written
import re


def lines_of(text, voice, speaking):
    out = []
    for s in re.split(r"(?<=[.?!])\s+", text.strip()):
        ws = []
        for t in s.split():
            m = t[-1] if t[-1] in ",;:.?!" else ""
            ws.append(Written(t, t.strip(".,;:?!"), m))
        out.append(Line(tuple(ws), voice, 300))
    return out

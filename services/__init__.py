"""FlashbackAvatars. Nothing in here reports to anybody: libraries that would are told so before they are imported."""

import os

for _switch in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[_switch] = "1"

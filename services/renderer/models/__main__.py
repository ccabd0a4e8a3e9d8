"""`python -m services.renderer.models fetch`: downloads and checks the weights of RENDER_ENGINE=echomimic."""

import argparse
import sys

from services.common.settings import read_settings
from services.renderer.settings import RendererSettings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.renderer.models", description=__doc__)
    parser.add_argument("command", choices=["fetch"])
    parser.parse_args()
    try:
        from services.renderer.models.fetching import FetchError, fetch
    except ImportError:
        sys.exit("Fetching needs the engine's environment: make setup-echomimic, then .venv-echomimic/bin/python.")
    try:
        fetch(read_settings(RendererSettings).models_dir, lambda line: print(line, flush=True))
    except FetchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

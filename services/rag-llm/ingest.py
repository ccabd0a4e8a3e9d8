"""Reads the documents into the index from a command line: `python -m services.rag_llm.ingest`, or `make ingest`."""

import sys

from services.common.settings import read_settings
from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.ingestion import ingest
from services.rag_llm.index.progress import Bar
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import RagSettings, read_config


def main() -> None:
    """A running service takes the new index over."""
    settings, config = read_settings(RagSettings), read_config()
    corpus = Corpus(settings.corpus_dir, config.ingest)
    if not corpus.folder.is_dir():
        raise SystemExit(corpus.without_documents())
    bar = Bar()
    try:
        store = Store(settings.index_folder())
        _, outcome = ingest(corpus, store, open_embedder(config), bar)
    except OSError as error:
        raise SystemExit(f"The index cannot be written ({error}): set INDEX_DIR to a folder that can.") from None
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the index is as it was before.") from None
    finally:
        bar.end()
    for source, reason in outcome.skipped.items():
        sys.stderr.write(f"skipped {source}: {reason}\n")
    sys.stdout.write(
        f"{outcome.documents} documents, {outcome.passages} passages in {settings.index_folder()}: "
        f"{outcome.added} added, {outcome.changed} changed, {outcome.removed} removed, "
        f"{outcome.unchanged} unchanged, {len(outcome.skipped)} skipped, in {outcome.seconds:.1f} s\n"
    )


if __name__ == "__main__":
    main()

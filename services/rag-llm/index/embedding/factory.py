"""The embedder that `config.yaml` chooses."""

from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.settings import Config


def open_embedder(config: Config) -> Embedder:
    """The embedder that `config.yaml` names. Raises `SystemExit` with a sentence if its packages are not installed."""
    match config.embedding.embedder:
        case "minilm":
            from services.rag_llm.index.embedding.minilm import MiniLM

            return MiniLM(config.embedding.threads, config.embedding.batch_tokens)
        case "sentence-transformers":
            try:
                from services.rag_llm.index.embedding.sentence_transformers import SentenceTransformers
            except ModuleNotFoundError as missing:
                raise SystemExit(
                    f"embedder: sentence-transformers needs the package {missing.name}: "
                    "pip install --require-hashes -r services/rag-llm/requirements-sentence-transformers.lock, "
                    "or choose minilm in services/rag-llm/config.yaml."
                ) from None
            return SentenceTransformers(config.embedding.sentence_transformers_model)

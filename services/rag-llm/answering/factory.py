"""The engine that `LLM_ENGINE` chooses."""

from services.rag_llm.answering.engine import AnswerEngine
from services.rag_llm.answering.extractive.engine import Extractive
from services.rag_llm.settings import Config, RagSettings


def open_engine(settings: RagSettings, config: Config) -> AnswerEngine:
    """The engine that `LLM_ENGINE` names."""
    extractive = Extractive(config.extractive)
    match settings.llm_engine:
        case "extractive":
            return extractive
        case "vllm":
            from services.rag_llm.answering.chat.engine import ChatEngine

            return ChatEngine(settings, config.vllm, fallback=extractive)

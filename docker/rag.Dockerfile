# rag-llm: retrieval and answers, with the embedding model inside. Built from the root of the repository.

# --- python: what every Python service stands on. The same lines in each of these files, so that the images share layers.
FROM python:3.11-slim-bookworm AS python
# The user of these images is a number; libraries that ask for its name or its home get these.
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    USER=flashback HOME=/tmp
WORKDIR /app
COPY services/common/requirements.lock services/common/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/common/requirements.lock

# --- what runs
FROM python AS rag
COPY services/rag-llm/requirements.lock services/rag-llm/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/rag-llm/requirements.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/rag-llm services/rag_llm
# The documents are mounted, the index is a volume.
RUN install -d -o 65532 -g 65532 /app/corpus /var/lib/rag-index
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 8000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "8000"]
CMD ["python", "-m", "services.rag_llm.server"]

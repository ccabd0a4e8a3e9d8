# asr: the ears, with the models of voice and words inside. Built from the root of the repository.

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
FROM python AS asr
COPY services/asr/requirements.lock services/asr/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/asr/requirements.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/asr services/asr
# A volume takes this folder's place: other models are put there.
RUN mkdir -p models
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 6000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "6000"]
CMD ["python", "-m", "services.asr.server"]

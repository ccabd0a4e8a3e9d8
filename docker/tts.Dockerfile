# tts: text to speech, with the neural voice inside. Built from the root of the repository.

# --- python: what every Python service stands on. The same lines in each of these files, so that the images share layers.
FROM python:3.11-slim-bookworm AS python
# The user of these images is a number; libraries that ask for its name or its home get these.
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    USER=flashback HOME=/tmp
WORKDIR /app
COPY services/common/requirements.lock services/common/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/common/requirements.lock

# --- torch, with the CUDA that comes with it: the same lines where another image needs it, one layer for both
FROM python AS torch
COPY services/common/requirements-torch.lock services/common/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/common/requirements-torch.lock

# --- what runs on a GPU
FROM torch AS tts-gpu
COPY services/tts/requirements-xtts.lock services/tts/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/tts/requirements-xtts.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/tts services/tts
RUN chown -R 65532:65532 services/tts/voices
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 7000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "7000"]
CMD ["python", "-m", "services.tts.server"]

# --- what runs
FROM python AS tts
COPY services/tts/requirements.lock services/tts/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/tts/requirements.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/tts services/tts
# A volume takes this folder's place, with what it holds: voices are added to it, and the neural one is prepared in it.
RUN chown -R 65532:65532 services/tts/voices
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 7000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "7000"]
CMD ["python", "-m", "services.tts.server"]

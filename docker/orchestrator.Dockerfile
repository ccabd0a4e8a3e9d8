# orchestrator-api: sessions, turns and the page. Built from the root of the repository.

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
FROM python AS orchestrator
COPY web-samples/minimal-webrtc-client web-samples/minimal-webrtc-client
COPY services/__init__.py services/
COPY services/common services/common
COPY services/orchestrator-api services/orchestrator_api
# The gateway keeps the secret here that both sign and check tokens with.
RUN install -d -o 65532 -g 65532 -m 700 /run/flashback
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 8080
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "8080"]
CMD ["python", "-m", "services.orchestrator_api.app"]

# renderer: the face, drawn already. Built from the root of the repository.

# --- python: what every Python service stands on. The same lines in each of these files, so that the images share layers.
FROM python:3.11-slim-bookworm AS python
# The user of these images is a number; libraries that ask for its name or its home get these.
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    USER=flashback HOME=/tmp
WORKDIR /app
COPY services/common/requirements.lock services/common/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/common/requirements.lock

# --- gl: what skia is linked against and does not call here. Copied alone, because the packages bring 200 MB of drivers.
FROM python AS gl
RUN apt-get update && apt-get install -y --no-install-recommends libegl1 libgl1 \
    && mkdir /gl && ldd /usr/lib/*/libEGL.so.1 /usr/lib/*/libGL.so.1 /usr/lib/*/libX11.so.6 \
    | awk '$3 ~ /lib(E?GL|X|xcb|bsd|md)/ {print $3}' | xargs cp -L -t /gl /usr/lib/*/libEGL.so.1 /usr/lib/*/libGL.so.1

# --- drawing
FROM python AS portrait
COPY --from=gl /gl /usr/local/lib/
RUN ldconfig
COPY services/renderer/requirements.lock services/renderer/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/renderer/requirements.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/renderer services/renderer

# --- the face in every style, which changes with what draws it
FROM portrait AS faces
RUN python -m services.renderer.portrait.bake --every-style --folder /faces

# --- torch, with the CUDA that comes with it: the same lines where another image needs it, one layer for both
FROM python AS torch
COPY services/common/requirements-torch.lock services/common/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/common/requirements-torch.lock

# --- what runs on a GPU
FROM torch AS renderer-gpu
# Triton compiles a launcher for each kernel as it goes.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY --from=gl /gl /usr/local/lib/
RUN ldconfig
COPY services/renderer/requirements-echomimic.lock services/renderer/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r services/renderer/requirements-echomimic.lock
COPY services/__init__.py services/
COPY services/common services/common
COPY services/renderer services/renderer
COPY --from=faces --chown=65532:65532 /faces /var/lib/renderer/portrait
RUN chown 65532:65532 /var/lib/renderer
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 9000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "9000"]
CMD ["python", "-m", "services.renderer.server"]

# --- what runs
FROM portrait AS renderer
# A volume takes this folder's place, with what it holds: faces that are drawn later, and weights.
COPY --from=faces --chown=65532:65532 /faces /var/lib/renderer/portrait
RUN chown 65532:65532 /var/lib/renderer
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 9000
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "services/common/ready.py", "9000"]
CMD ["python", "-m", "services.renderer.server"]

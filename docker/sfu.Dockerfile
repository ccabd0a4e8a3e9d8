# sfu-gateway: one static program and nothing else. Built from the root of the repository.

FROM golang:1.26-bookworm AS build
ENV CGO_ENABLED=0 GOFLAGS=-mod=readonly
WORKDIR /src
COPY services/sfu-gateway/go.mod services/sfu-gateway/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY services/sfu-gateway .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags "-s -w" -o /sfu-gateway . && mkdir /flashback

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sfu-gateway /sfu-gateway
# The secret of the join tokens is kept here.
COPY --from=build --chown=65532:65532 /flashback /run/flashback
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 7001/tcp 7002/udp
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=3 CMD ["/sfu-gateway", "-ready"]
ENTRYPOINT ["/sfu-gateway"]

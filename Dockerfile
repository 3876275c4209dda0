# Everlink's image: the program, certificate authorities, and a user without rights.
#
#   docker build --build-arg BUILD=$(git rev-parse --short HEAD) -t everlink .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /everlink
# The dependencies first, with nothing of ours: they are built anew only when they change.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir src examples \
    && echo 'fn main() {}' | tee src/main.rs examples/bare.rs >/dev/null \
    && touch src/lib.rs \
    && cargo build --locked --release --bin everlink \
    && rm -r src
COPY migrations migrations
COPY templates templates
COPY assets assets
COPY build.rs build.rs
COPY src src
ARG BUILD=unknown
ENV EVERLINK_BUILD=$BUILD
# Cargo goes by the time of change, and the copies are older than what was just built.
RUN touch src/main.rs src/lib.rs && cargo build --locked --release --bin everlink && strip target/release/everlink

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --system --uid 10001 --home-dir /var/lib/everlink --create-home everlink
COPY --from=build /everlink/target/release/everlink /usr/local/bin/everlink
USER everlink
VOLUME /var/lib/everlink
ENV EVERLINK_DATA_DIR=/var/lib/everlink EVERLINK_LISTEN=0.0.0.0:8080 EVERLINK_ADMIN_LISTEN=0.0.0.0:9090 \
    EVERLINK_DEV_LISTEN=0.0.0.0:8443
EXPOSE 8080 8443 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["everlink", "doctor", "--probe"]
ENTRYPOINT ["everlink"]
CMD ["serve"]
ARG BUILD=unknown
LABEL org.opencontainers.image.title="Everlink" \
      org.opencontainers.image.description="Sharing links that never break: a self-hosted service compatible with Microsoft's createLink" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.revision="$BUILD"

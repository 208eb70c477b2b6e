# The image of scim-bridge: the program and the certificates of public authorities, nothing else, not even a shell.
#
#   docker build -t scim-bridge .
#   docker run -p 8080:8080 -v scim-bridge:/var/lib/scim-bridge -e AHA_API_KEY -e AHA_OKTA_TOKEN \
#     -v ./scim-bridge.toml:/etc/scim-bridge/scim-bridge.toml:ro --stop-timeout 45 scim-bridge
#
# In the configuration, `listen` must be "0.0.0.0:8080" for the container to be reached, and the database's default is
# already in the volume. `--stop-timeout` is to be 15 seconds longer than `shutdown_grace`.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# Of Cargo.toml, separated by commas: docker build --build-arg FEATURES=otlp,acme .
ARG FEATURES=""
COPY . .
# The caches keep compiled dependencies between builds; what is in them is not part of any layer, hence the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin scim-bridge --features "${FEATURES}" \
    && cp target/release/scim-bridge /usr/local/bin/scim-bridge
RUN mkdir /state

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/scim-bridge /usr/local/bin/scim-bridge
# A new volume takes its owner from the folder that it covers.
COPY --from=build --chown=nonroot:nonroot /state /var/lib/scim-bridge
VOLUME /var/lib/scim-bridge
WORKDIR /var/lib/scim-bridge
# nonroot, as a number: Kubernetes' runAsNonRoot cannot tell from a name.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["/usr/local/bin/scim-bridge", "healthcheck", "--url", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["/usr/local/bin/scim-bridge"]
CMD ["serve", "--config", "/etc/scim-bridge/scim-bridge.toml"]

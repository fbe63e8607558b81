# syntax=docker/dockerfile:1
# StreamGate: both planes, or one of them, as an unprivileged user on a read-only root. docs/docker.md
#
#   docker build -t streamgate .
#   docker run --rm -i -p 8081:8081 -p 127.0.0.1:8000:8000 -e CONTROL_HOST=0.0.0.0 -e STREAMGATE_TOKEN=… streamgate
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends g++ make python3 && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
# Layers that change rarely first: dependencies, then what is compiled.
RUN npm ci --ignore-scripts
COPY binding.gyp tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY native ./native
COPY proto ./proto
COPY src ./src
# The addon is a must here: without it the build fails, where elsewhere it is a warning.
RUN node scripts/build.mjs \
    && node -e "require('/build/dist/native/streamgate.node').versions()" \
    && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    STREAMGATE_DATA_DIR=/var/lib/streamgate
# tini is not needed: the program handles SIGTERM itself and starts no other programs.
RUN groupadd --gid 65532 streamgate \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/streamgate --shell /usr/sbin/nologin streamgate \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/streamgate \
    # What only builds and installs need.
    && rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn*
WORKDIR /opt/streamgate
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/proto ./proto
COPY --from=build /build/dist ./dist
COPY LICENSE README.md ./
RUN ln -s /opt/streamgate/dist/commands/main.js /usr/local/bin/streamgate
USER 65532:65532
VOLUME ["/var/lib/streamgate"]
EXPOSE 8081/tcp 8082/udp 8000/tcp 9464/tcp 50051/tcp 6514/tcp
STOPSIGNAL SIGTERM
# Of whichever of the two ports this command opens: the control API's, or a data plane's admin port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["node", "/opt/streamgate/dist/commands/main.js", "healthcheck"]
ENTRYPOINT ["node", "/opt/streamgate/dist/commands/main.js"]
CMD ["run"]

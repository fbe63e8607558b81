# syntax=docker/dockerfile:1
# StreamGate: both planes, or one of them, as an unprivileged user on a read-only root, without a shell. docs/docker.md
#
#   docker build -t streamgate .
#   docker run --rm -i -p 8081:8081 -p 127.0.0.1:8000:8000 -e CONTROL_HOST=0.0.0.0 -e CONTROL_AUTH=off streamgate
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
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
RUN node scripts/build.mjs || { cat .cache/build.log; exit 1; }
RUN node -e "require('/build/dist/native/streamgate.node').versions()" || { cat .cache/build.log; exit 1; }
# What only those read who develop: declarations, maps, documentation, tests. Licences stay. 45 MB become 18 MB.
RUN npm prune --omit=dev --ignore-scripts \
    && find node_modules dist -type f \
        \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -iname '*.md' -o -iname '*.markdown' \) \
        ! -iname 'licen[cs]e*' ! -iname 'notice*' ! -iname 'copying*' -delete \
    && rm -rf node_modules/.bin node_modules/.package-lock.json \
    && for package in node_modules/* node_modules/@*/*; do \
        rm -rf "$package/test" "$package/tests" "$package/benchmark" "$package/benchmarks" "$package/docs" \
            "$package/examples" "$package/example" "$package/.github" || exit 1; \
    done
# The root of the image: what Node needs of Debian and no more. Node without its symbol table (18 MB less), the libraries that it loads
# (whatever the architecture), and `env`, which starts scripts that name their interpreter: `docker exec gate streamgate status` works,
# though there is no shell. The packages' records stay, for scanners that look for known faults.
COPY LICENSE docs/licences.md /image/opt/streamgate/
RUN mkdir -p /image/tmp /image/etc /image/usr/bin /image/usr/local/bin /image/var/lib/dpkg/status.d /image/opt/streamgate/licences /data \
    && chmod 1777 /image/tmp && chmod 0700 /data \
    && strip --strip-unneeded -o /image/usr/local/bin/node "$(command -v node)" \
    && cp /usr/bin/env /image/usr/bin/ \
    && ln -s /opt/streamgate/dist/commands/main.js /image/usr/local/bin/streamgate \
    && ldd /image/usr/local/bin/node /image/usr/bin/env dist/native/streamgate.node | grep -oE '/[^ :]+\.so\.[0-9]+' | sort -u \
        | xargs cp -L --parents -t /image \
    && cp -L --parents /etc/os-release /image \
    && for package in libc6 libgcc-s1 libstdc++6 coreutils; do \
        dpkg-query --status "$package" > "/image/var/lib/dpkg/status.d/$package"; \
    done \
    && printf '%s\n' 'root:x:0:0::/:/sbin/nologin' 'streamgate:x:65532:65532::/var/lib/streamgate:/sbin/nologin' > /image/etc/passwd \
    && printf '%s\n' 'root:x:0:' 'streamgate:x:65532:' > /image/etc/group \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && cp .cache/re2-*/re2/LICENSE /image/opt/streamgate/licences/re2 \
    && cp .cache/re2-*/abseil-cpp/LICENSE /image/opt/streamgate/licences/abseil-cpp \
    && if [ -f /usr/local/LICENSE ]; then cp /usr/local/LICENSE /image/opt/streamgate/licences/node; fi \
    && chroot /image node -p process.version

FROM scratch
LABEL org.opencontainers.image.title="StreamGate" \
      org.opencontainers.image.description="Observability firewall: drops noise and redacts personal data from logs" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /data /var/lib/streamgate
WORKDIR /opt/streamgate
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/proto ./proto
COPY --from=build /build/dist ./dist
ENV PATH=/usr/local/bin:/usr/bin \
    NODE_ENV=production \
    STREAMGATE_DATA_DIR=/var/lib/streamgate
USER 65532:65532
VOLUME ["/var/lib/streamgate"]
EXPOSE 8081/tcp 8082/udp 8000/tcp 9464/tcp 50051/tcp 6514/tcp
STOPSIGNAL SIGTERM
# Of whichever of the two ports this command opens: the control API's, or a data plane's admin port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["node", "/opt/streamgate/dist/commands/main.js", "healthcheck"]
# tini is not needed: the program handles SIGTERM itself and starts no other programs.
ENTRYPOINT ["node", "/opt/streamgate/dist/commands/main.js"]
CMD ["run"]

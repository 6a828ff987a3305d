# One process, no root, nothing written outside the volume and /tmp.
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t alertmanager-feishu-receiver .
# The default base carries the Python that CI tests with; a release pins it by digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/receiver
COPY requirements/build.txt requirements/run.txt requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/receiver/bin/python install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY receiver receiver
RUN /opt/build/bin/hatchling build -t wheel \
    && /opt/build/bin/pip --python /opt/receiver/bin/python install --no-deps --no-index dist/*.whl \
    && /opt/receiver/bin/python -m compileall -q /opt/receiver/lib \
    && mkdir -p /var/lib/receiver

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="alertmanager-feishu-receiver" \
      org.opencontainers.image.description="One living Feishu card per incident; acknowledgements and real silences out." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/receiver/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/receiver /opt/receiver
COPY --from=build --chown=65532:65532 /var/lib/receiver /var/lib/receiver
USER 65532:65532
WORKDIR /var/lib/receiver
VOLUME /var/lib/receiver
EXPOSE 8080 8081
# For docker users: Kubernetes asks by itself, and has its own probes.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8081/-/healthy', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["receiver"]
CMD ["serve"]

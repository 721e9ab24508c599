# syntax=docker/dockerfile:1
# Any image with Python 3.11 or newer, its venv module and a shell will do.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/relay
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN /opt/relay/bin/python -m pip install --quiet --require-hashes -r requirements.txt \
 && python3 -m venv /opt/build \
 && /opt/build/bin/python -m pip install --quiet --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY relay relay
# The wheel is built beside, so that the build back end does not end up in the image.
RUN /opt/build/bin/python -m hatchling build --target wheel \
 && /opt/relay/bin/python -m pip install --quiet --no-deps dist/*.whl \
 && /opt/relay/bin/python -m pip uninstall --quiet --yes pip setuptools \
 && /opt/relay/bin/python -m relay --help > /dev/null

FROM ${BASE_IMAGE}
COPY --from=build /opt/relay /opt/relay
# The numeric id is what Kubernetes' runAsNonRoot checks. The spool is the only place written to.
RUN groupadd --system --gid 10001 relay \
 && useradd --system --uid 10001 --gid relay --no-create-home --home-dir /nonexistent relay \
 && install -d -o relay -g relay -m 0700 /var/lib/relay
ENV PATH=/opt/relay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RELAY_CONFIG=/etc/relay/relay.toml \
    RELAY_SPOOL__PATH=/var/lib/relay/spool \
    RELAY_ADOBE__STATE_PATH=/var/lib/relay/provision \
    RELAY_SERVER__ADMIN_LISTEN=0.0.0.0:9090
USER 10001:10001
VOLUME /var/lib/relay
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD \
    ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/healthz', timeout=2)"]
# The exec form: the relay is process 1 and gets SIGTERM itself.
ENTRYPOINT ["relay"]
CMD ["serve"]

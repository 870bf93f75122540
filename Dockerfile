# One image for the web server and the workers: `docker build --tag tmserver .`
# Without arguments it runs everything on one machine; compose.yaml gives each process its own container.

FROM node:22-bookworm-slim AS viewer
WORKDIR /viewer
COPY tmserver/viewer/package.json tmserver/viewer/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tmserver/viewer/ ./
RUN npm run build

FROM python:3.12-slim-bookworm AS build
# Optional parts of the product, as setup.py names them: --build-arg EXTRAS=vendor-formats
ARG EXTRAS=""
WORKDIR /source
COPY setup.py pyproject.toml constraints.txt README.md LICENSE ./
COPY tmclient/ tmclient/
COPY tmlib/ tmlib/
COPY tmserver/ tmserver/
COPY workers/ workers/
COPY --from=viewer /viewer/dist/ tmserver/viewer/dist/
RUN python -m venv /opt/tmserver \
    && /opt/tmserver/bin/pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin tmserver \
    && install --directory --owner=tmserver --group=tmserver --mode=0750 /data
COPY --from=build /opt/tmserver /opt/tmserver
ENV PATH=/opt/tmserver/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TM_DATA_DIR=/data \
    TM_LOG_FORMAT=json
USER tmserver
WORKDIR /data
VOLUME /data
EXPOSE 5002
HEALTHCHECK --start-period=60s --interval=15s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5002/readyz', timeout=4)"]
ENTRYPOINT ["tm"]
CMD ["serve", "--host", "0.0.0.0"]

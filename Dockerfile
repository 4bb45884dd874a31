# Two images from one file: `app` (web, workers and migrations: the command says which) and `engine` (runs programs in
# a sandbox).
#
#   docker build --target app -t judgeplatform --build-arg VERSION=$(git describe --always) .
#   docker build --target engine -t judgeplatform-engine .
#
# Neither has a HEALTHCHECK: what is healthy depends on the role, and whoever starts the container asks for it
# (docker-compose.yml, deploy/k8s).

FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps -r /requirements.txt \
    && /venv/bin/pip check

# What only hints by language models need; the engine has none of it.
FROM packages AS packages-of-app
COPY requirements-ai.txt /requirements-ai.txt
RUN /venv/bin/pip install --no-cache-dir --no-deps -r /requirements-ai.txt \
    && /venv/bin/pip check

FROM python:3.11-slim-bookworm AS base
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/srv/var
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Judge platform" \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.licenses=MIT
WORKDIR /srv/app
COPY . .

FROM base AS app
COPY --from=packages-of-app /venv /venv
# For `manage.py backup`: no older than the server.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 judge \
    && useradd --system --home-dir /srv --uid 10001 --gid 10001 judge \
    && install -d -o judge -g judge -m 0700 /srv/var
# By number: only so can Kubernetes tell that it is not root.
USER 10001:10001
# The key is for this one command: it is not kept in the image.
RUN SECRET_KEY=only-for-collecting python manage.py collectstatic --noinput --verbosity 0
ENV HOST=0.0.0.0 PORT=8000 WORKER_HTTP_HOST=0.0.0.0 WORKER_HTTP_PORT=9100
EXPOSE 8000 9100
# Or: python manage.py judge_worker --queue default; … hints_worker; … migrate --noinput.
CMD ["deploy/start-web"]

FROM base AS engine
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        bubblewrap gcc g++ libc6-dev python3 \
        default-jdk-headless nodejs golang-go rustc ruby php-cli lua5.4 fp-compiler \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -m 0700 /srv/var
EXPOSE 2358
# As root: it gives every running program a user of its own.
CMD ["python", "manage.py", "runengine", "--host", "0.0.0.0", "--port", "2358"]

# Two images from one file: `app` (web and workers) and `engine` (runs programs in a sandbox).
#
#   docker build --target app -t judgeplatform .
#   docker build --target engine -t judgeplatform-engine .

FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps -r /requirements.txt \
    && /venv/bin/pip check

FROM python:3.11-slim-bookworm AS base
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/srv/var
WORKDIR /srv/app
COPY . .

FROM base AS app
RUN useradd --system --home-dir /srv --uid 10001 judge \
    && install -d -o judge -g judge -m 0700 /srv/var
USER judge
# The key is for this one command: it is not kept in the image.
RUN SECRET_KEY=only-for-collecting python manage.py collectstatic --noinput --verbosity 0
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
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

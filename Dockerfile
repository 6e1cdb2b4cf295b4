# Plainfilm as a command, for an ordinary user on a root that can be read only:
#   docker build -t plainfilm .
#   docker run --rm --read-only --tmpfs /tmp --user "$(id -u):$(id -g)" -v "$PWD:/work" plainfilm info films
# examples/serve/compose.yaml serves a model with it. Not built by the project's tests.
FROM python:3.12-slim-bookworm

RUN useradd --create-home --uid 10001 plainfilm
WORKDIR /opt/plainfilm
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    -c constraints.txt ".[dicom,dicom-out,download,serve]"

USER plainfilm
# What libraries keep goes to /tmp, the only place beside /work that is written to.
ENV PYTHONDONTWRITEBYTECODE=1 HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib HF_HOME=/tmp/huggingface
WORKDIR /work
ENTRYPOINT ["plainfilm"]
CMD ["--help"]

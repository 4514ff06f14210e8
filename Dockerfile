# docker build -t a2ibench . && docker run --rm -v "$PWD:/work" a2ibench run --methods all
# Read and linted with hadolint; not built in CI.
FROM python:3.12-slim

COPY . /src
RUN pip install --no-cache-dir -c /src/constraints.txt /src \
    && rm -rf /src \
    && useradd --create-home --uid 1000 a2ibench \
    && install -d -o a2ibench /work

USER 1000
WORKDIR /work
ENTRYPOINT ["a2ibench"]
CMD ["--help"]

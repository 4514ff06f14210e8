# For CPUs. docker build -t a2ibench . && docker run --rm -v "$PWD:/work" a2ibench run --methods all
# Read and linted with hadolint; not built in CI.
FROM python:3.12-slim

# The CPU index holds torch without CUDA, several GB less; constraints.txt pins the version, which it shares with PyPI.
COPY . /src
RUN version=$(sed -n 's/^torch==//p' /src/constraints.txt) \
    && vision=$(sed -n 's/^torchvision==//p' /src/constraints.txt) \
    && pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu \
        "torch==$version" "torchvision==$vision" \
    && pip install --no-cache-dir -c /src/constraints.txt /src \
    && rm -rf /src \
    && useradd --create-home --uid 1000 a2ibench \
    && install -d -o a2ibench /work

USER 1000
WORKDIR /work
ENTRYPOINT ["a2ibench"]
CMD ["--help"]

# Sparton with its own model. For machines without a GPU:
#     docker build -t sparton .
# With torch for CUDA (some gigabytes more; `docker run --gpus all` lets it see the GPU):
#     docker build -t sparton:cuda --build-arg TORCH_INDEX=https://pypi.org/simple .
# To check an image: docker run --rm --entrypoint python sparton /sparton/tests/installed.py
FROM python:3.11-slim AS build
WORKDIR /build
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels .

FROM python:3.11-slim
# PyTorch's own index has builds for CPUs alone.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /sparton
COPY requirements requirements
COPY constraints/py311.txt constraints/py311.txt
RUN pip install --no-cache-dir --constraint constraints/py311.txt --index-url "$TORCH_INDEX" \
        --extra-index-url https://pypi.org/simple torch
RUN pip install --no-cache-dir --constraint constraints/py311.txt -r requirements/encode.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps --constraint constraints/py311.txt /wheels/*.whl pyserini \
    && rm -r /wheels
COPY tests/installed.py tests/installed.py
COPY data data
# The demo: an index of the sample and a search in it, which has to find what it should. It also warms the caches.
RUN sparton index data/catalog.parquet --index /sparton/demo --field brand --field price --field in_stock \
    && sparton search "small black leather crossbody bag" --index /sparton/demo -k 3 --explain \
        | grep -iE "^1.*(black.*leather crossbody bag|crossbody bag in black.*leather)"
# Corpora and indexes: docker run -v "$PWD:/data" sparton index corpus.parquet
WORKDIR /data
EXPOSE 8017
ENTRYPOINT ["sparton"]
CMD ["search", "small black leather crossbody bag", "--index", "/sparton/demo", "-k", "3", "--explain"]

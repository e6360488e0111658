# The app without the Hub: CPU only, an ordinary user, and nothing written outside /tmp, so that the file system may be
# read-only. Build and start it with: docker compose up --build
FROM python:3.11-slim AS built
WORKDIR /app
COPY requirements.txt .
# PyTorch's own index first offers the wheels without CUDA, gigabytes smaller.
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt
COPY app.py LICENSE README.md ./
COPY skin_model skin_model
COPY interface interface
COPY on_device on_device
COPY examples examples
RUN /venv/bin/python -m on_device.build --out on_device/site

FROM python:3.11-slim
COPY --from=built /venv /venv
COPY --from=built /app /app
WORKDIR /app
ENV HOME=/tmp HF_HOME=/tmp/huggingface GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD ["/venv/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/config', timeout=5)"]
CMD ["/venv/bin/python", "app.py"]

cd /work/main
OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m train export --out /work/exports2 --work /work/release1 > /work/export.log 2>&1
cp /work/exports2/model.fp16.onnx skin_model/weights/
.venv/bin/python -m train report --metrics skin_model/weights/metrics.json --readme README.md --out /work/report-page > /dev/null
.venv/bin/python -m train report --metrics skin_model/weights/metrics.json --readme docs/figures.md >/dev/null
date
.venv/bin/python -m train mistakes --work /work/release1 --predictions /work/report2/predictions.csv --out /work/gallery --no-photographs > /work/gallery.log 2>&1
echo gallery $?; date

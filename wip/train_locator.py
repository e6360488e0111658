import torch,cv2
from pathlib import Path
torch.set_num_threads(2); cv2.setNumThreads(0)
from train.fitting.locator import training as t
found=t.train(Path('/work/w1'),Path('/work/pictures'),Path('/work/locator'),Path('/work/shared/weights/tf_mobilenetv3_small_100.safetensors'))
print(t.table(found))

import pandas as pd,numpy as np,cv2
from pathlib import Path
from skin_model import region as R
from skin_model.network.architecture import Preprocessing
from skin_model.photo import open_photo
pre=Preprocessing(square="spot")
p=pd.read_csv('/work/report2/predictions.csv'); s=pd.read_csv('/work/release1/split.csv',keep_default_na=False)
d=p[p.refused.notna()].merge(s,on='file'); tiles=[]
for r in d.itertuples():
    rgb=open_photo(Path(r.root)/r.file).rgb; x=R.find(rgb,pre)
    print(r.source,r.image_id,r.diagnosis_x,rgb.shape,x.border is not None,x.crop,x.square,round(x.skin,2),[round(q.certainty,2) for q in x.spots],r.group)
    tiles.append(cv2.resize(rgb,(220,220)))
cv2.imwrite('/tmp/imp.png',np.hstack(tiles)[...,::-1])

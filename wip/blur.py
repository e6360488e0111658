import numpy as np,pandas as pd,torch
from pathlib import Path
from skin_model import region as R, quality as Q
from skin_model.network.architecture import Preprocessing
from skin_model.photo import open_photo
pre=Preprocessing(square="spot")
rows=pd.read_csv('/work/release1/split.csv',keep_default_na=False); rows=rows[rows.split=='validation']
rows=rows.groupby('source').sample(40,random_state=1)
out=[]
for r in rows.itertuples():
    rgb=open_photo(Path(r.root)/r.file).rgb; x=R.find(rgb,pre)
    c=R.cropped(rgb,x,pre); a=Q.measure(c); b=Q.measure(c,x.lesion)
    out.append((r.source,bool(x.spots),a.blur,b.blur,a.glare>Q.MOST_GLARE,b.glare>Q.MOST_GLARE,'lesion_too_small' in Q.check(c),'lesion_too_small' in Q.check(c,x.lesion),x.cut_off, (x.square[2]-x.square[0])/min(c.shape[:2])))
d=pd.DataFrame(out,columns='source spot blur0 blur1 gl0 gl1 small0 small1 cut share'.split())
for t in (1.5,1.8,2.1,2.5): d[f'b0>{t}']=d.blur0>t; d[f'b1>{t}']=d.blur1>t
print(d.drop(columns=['blur0','blur1']).groupby('source').mean().round(3).T.to_string())
print(d[['blur0','blur1']].quantile([.5,.9,.95,.98,.99]).round(2))

import numpy as np,pandas as pd,torch
from pathlib import Path
from multiprocessing.pool import ThreadPool
from skin_model.lesion import locate
from skin_model import region as R
from skin_model.network.architecture import Preprocessing
from skin_model.photo import open_photo
loc=locate.embedded(); pre=Preprocessing(square="spot")
rows=pd.read_csv('/work/release1/split.csv',keep_default_na=False); rows=rows[rows.split=='validation'].reset_index(drop=True)
def one(r):
    rgb=open_photo(Path(r.root)/r.file).rgb; x=R.find(rgb,pre,loc); return x.skin,bool(x.spots),x.cut_off,(max(x.spots[0].box[2]-x.spots[0].box[0],x.spots[0].box[3]-x.spots[0].box[1])/min(rgb.shape[:2])) if x.spots else np.nan
with ThreadPool(2) as p: got=p.map(one,list(rows.itertuples()))
rows[['skin','spot','cut','ext']]=got
rows.to_csv('/work/skin.csv')
for c in ('skin',): print(rows.groupby('source')[c].apply(lambda v: pd.Series(np.sort(v.astype(float))[:5].round(3))).unstack())
print(rows.groupby('source')[['spot','cut']].mean().astype(float).round(3)); 
print((rows.skin.astype(float)<.6).groupby(rows.source).mean().round(4))
print((rows.skin.astype(float)<.5).groupby(rows.source).mean().round(4))

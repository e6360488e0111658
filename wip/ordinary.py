import sys,numpy as np,torch
from pathlib import Path
from multiprocessing.pool import ThreadPool
torch.set_num_threads(1)
from skin_model.lesion import locate
from skin_model import region as R
from skin_model.network.architecture import Preprocessing
from skin_model.photo import open_photo
from train.fitting.ood import debian_outliers as O
loc=locate.embedded(); pre=Preprocessing(square="spot")
fs=O.pictures(Path('/work/pictures'),held_out=True)
def one(f):
    r=R.find(open_photo(f).rgb,pre,loc); return r.skin,bool(r.spots)
with ThreadPool(2) as p: got=p.map(one,fs)
s=np.array([g[0] for g in got]); print(loc.least_skin,len(s),'refused',(s<loc.least_skin).mean(), 'spots', np.mean([g[1] for g in got]),np.quantile(s,[.5,.8,.9,.95,.97,.99,1]).round(3))
for i in np.argsort(-s)[:12]: print(fs[i].parent.name,fs[i].name,s[i].round(3),got[i][1])

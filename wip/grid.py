import numpy as np,pandas as pd,torch
from pathlib import Path
from multiprocessing.pool import ThreadPool
from skin_model.lesion import locate
from skin_model import region as R, border as B
from skin_model.network.architecture import square_input
from skin_model.network.checkpoint import Checkpoint
from skin_model.photo import open_photo
from train.fitting.validation import predict, log_odds
from train.data.catalogue import family
from sklearn.metrics import roc_auc_score
torch.set_num_threads(2)
rows=pd.read_csv('/work/release1/split.csv',keep_default_na=False); rows=rows[rows.split=='validation'].reset_index(drop=True)
loc=locate.embedded()
def cut(within,box,share,power,floor):
    l,t,r,b=within; short=min(r-l,b-t); longer=max(box[2]-box[0],box[3]-box[1])
    e=min(longer/short/share,1.0); side=int(np.clip(round(short*max(e**power,floor)),1,short))
    x=int(np.clip(round((box[0]+box[2]-side)/2),l,r-side)); y=int(np.clip(round((box[1]+box[3]-side)/2),t,b-side))
    return x,y,x+side,y+side
V=[(.6,1,0),(.5,1,0),(.4,1,0),(.6,1,.5),(.6,1,.7),(.6,.5,0),(.5,.5,0)]
def one(r):
    rgb=open_photo(Path(r.root)/r.file).rgb
    b=B.find(rgb); crop=B.crop_box(rgb,b); f=loc(rgb,B.bounds(rgb,b)); q=R.central_square_of(crop)
    out=[square_input(rgb[q[1]:q[3],q[0]:q[2]],224)]
    for v in V:
        if f.spots:
            cr=R._giving_way(crop,f.spots[0].box,f.bounds); s=cut(cr,f.spots[0].box,*v)
        else: s=q
        out.append(square_input(rgb[s[1]:s[3],s[0]:s[2]],224))
    return np.stack(out), (f.spots[0].certainty if f.spots else 0)
with ThreadPool(2) as p: got=list(p.imap(one,rows.itertuples(),chunksize=8))
x=np.stack([g[0] for g in got]); cert=np.array([g[1] for g in got])
names=['centre']+[f'{a}^{b}>{c}' for a,b,c in V]
res={}
for nm,ck in (('r1','/work/r1/skin_model/weights'),('tuned','/work/tuned/checkpoint')):
    c=Checkpoint.load(Path(ck))
    for k,n in enumerate(names):
        res[nm,n]=log_odds(predict(c.network,x[:,k],c.config.preprocessing,torch.device('cpu')),c.config.malignant)
np.savez('/work/grid.npz',cert=cert,**{f'{a}|{b}':v for (a,b),v in res.items()})
fam=rows.source.map(family)
for nm in ('r1','tuned'):
  for th in (.4,.6):
    tab={}
    for n in names:
        lo=np.where(cert>=th,res[nm,n],res[nm,'centre'])
        tab[n]={s:roc_auc_score(g.malignant,lo[g.index]) for s,g in rows.groupby('source') if min(g.malignant.sum(),(1-g.malignant).sum())>=5}
    d=pd.DataFrame(tab); d.loc['mean']=d.mean(); print(nm,th); print(d.round(4).to_string())

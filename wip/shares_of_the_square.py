import sys,numpy as np,pandas as pd,torch,cv2,time
from pathlib import Path
from sklearn.metrics import roc_auc_score
torch.set_num_threads(1)
from skin_model.lesion import locate
from skin_model import region as R, border as B
from skin_model.network.architecture import Preprocessing, square_input, normalise
from skin_model.network.checkpoint import Checkpoint
from skin_model.assess import Assessor
from skin_model.photo import open_photo
from multiprocessing.pool import ThreadPool
net=locate.load(Path('/work/locator/tmp.safetensors')); loc=locate.Locator(lambda s: locate.answers(net,s))
rows=pd.read_csv('/work/w1/split.csv',keep_default_na=False)
rows=rows[(rows.split=='validation')].reset_index(drop=True)
A=Assessor.load(); c=A.checkpoint; pre=c.config.preprocessing
shares=[.45,.55,.65,.75]
def one(r):
    rgb=open_photo(Path(r.root)/r.file).rgb
    b=B.find(rgb); crop=B.crop_box(rgb,b); f=loc(rgb,B.bounds(rgb,b))
    out=[square_input(rgb[crop[1]:crop[3],crop[0]:crop[2]],224)]
    cert=f.spots[0].certainty if f.spots else 0
    sq=R.central_square_of(crop)
    ext=0
    for s in shares:
        if f.spots:
            cr=R._giving_way(crop,f.spots[0].box,f.bounds); q=locate.square_around(f.spots[0].box,cr,s); bx=f.spots[0].box; ext=max(bx[2]-bx[0],bx[3]-bx[1])/min(rgb.shape[:2])
        else: q=sq
        out.append(square_input(rgb[q[1]:q[3],q[0]:q[2]],224))
    return np.stack(out),cert,ext,f.skin_within(sq), f.skin_within(q)
with ThreadPool(2) as p: got=list(p.imap(one,rows.itertuples(),chunksize=8))
x=np.stack([g[0] for g in got]); rows['cert']=[g[1] for g in got]; rows['ext']=[g[2] for g in got]; rows['skin0']=[g[3] for g in got]; rows['skin']=[g[4] for g in got]
from skin_model.network import calibration as K
def score(batch):
    out=[];ood=[]
    for i in range(0,len(batch),64):
        a=A.engine(normalise(torch.from_numpy(batch[i:i+64]),pre)); out.append(a.logits); ood.append(a.ood_score)
    l=np.concatenate(out); return K.risk(K.probabilities(l,c.config.malignant,c.config.calibration),c.config.malignant),np.concatenate(ood)
names=['centre']+[f'spot{s}' for s in shares]
for k,nm in enumerate(names):
    rows[nm],rows['ood_'+nm]=score(x[:,k])
th=[.0,.4,.6]
for t in th:
    for nm in names[1:]:
        rows[f'{nm}|{t}']=np.where(rows.cert>=t,rows[nm],rows.centre)
cols=['centre']+[f'{n}|{t}' for t in th for n in names[1:]]
tab={}
for s,g in rows.groupby('source'):
    if g.malignant.nunique()<2 or min(g.malignant.sum(),(1-g.malignant).sum())<8: continue
    tab[s]={cn:round(roc_auc_score(g.malignant,g[cn]),4) for cn in cols}
d=pd.DataFrame(tab); d['mean']=d.mean(axis=1); print(d.round(4).to_string())
print(rows.groupby('source')[['cert','ext','skin0','skin']].quantile([.02,.1,.5]).unstack().round(2).to_string())
print('located>.4',rows.groupby('source').cert.apply(lambda v:(v>=.4).mean()).round(3).to_dict())
g=float(c.gate.threshold)
print('refused by old gate',rows.groupby('source')[['ood_'+n for n in names]].agg(lambda v:(v>g).mean()).round(3).to_string())
rows.drop(columns=['root']).to_csv('/tmp/shares.csv')
# ordinary
import glob
fs=sorted(glob.glob('/work/shared/data/not_skin/*')); print('not_skin test NOT looked at here')
from train.data import ordinary_pictures as O
fs=O.pictures(Path('/work/pictures'),held_out=True)
sk=[]
for f in fs:
    rgb=open_photo(f).rgb; q=loc(rgb,(0,0,rgb.shape[1],rgb.shape[0])); h,w=rgb.shape[:2]
    s=locate.square_around(q.spots[0].box,(0,0,w,h),.6) if q.spots and q.spots[0].certainty>.4 else R.central_square_of((0,0,w,h))
    sk.append((q.skin_within(s),q.skin.mean(),np.quantile(q.skin,.9)))
sk=np.array(sk); print('ordinary held out',len(sk),np.quantile(sk,[.5,.8,.9,.95,.97,.99,1],axis=0).round(3))

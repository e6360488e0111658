import sys,numpy as np,pandas as pd,torch
from pathlib import Path
torch.set_num_threads(1)
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.architecture import Preprocessing
from train.data.images import load_squares
from train.fitting.validation import predict, log_odds
from train.data.catalogue import family
from sklearn.metrics import roc_auc_score
rows=pd.read_csv('/work/release1/split.csv',keep_default_na=False); rows=rows[rows.split=='validation'].reset_index(drop=True)
C=Path('/work/release1/cache')
centre=load_squares(rows,Preprocessing(),C,224); spot=load_squares(rows,Preprocessing(square='spot'),C,224)
tab={}
for name,ck in [('r1','/work/r1/skin_model/weights')]+([('tuned',sys.argv[1])] if len(sys.argv)>1 else []):
    c=Checkpoint.load(Path(ck))
    for sq,x in (('centre',centre),('spot',spot)):
        lo=log_odds(predict(c.network,x,c.config.preprocessing,torch.device('cpu')),c.config.malignant)
        rows[f'{name}-{sq}']=lo
for s,g in list(rows.groupby('source'))+[(f'fam {k}',v) for k,v in rows.groupby(rows.source.map(family))]:
    if min(g.malignant.sum(),(1-g.malignant).sum())<5: continue
    tab[s]={k:roc_auc_score(g.malignant,g[k]) for k in rows.columns if k.startswith(('r1-','tuned-'))}
d=pd.DataFrame(tab).T; d.loc['mean sources']=d[~d.index.str.startswith('fam')].mean(); print(d.round(4).to_string())
rows.drop(columns='root').to_csv('/work/auc.csv')

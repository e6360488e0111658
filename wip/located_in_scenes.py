import sys,numpy as np,pandas as pd,torch,cv2,time
from pathlib import Path
torch.set_num_threads(1)
from skin_model.lesion import locate
from skin_model.lesion.locate import overlap
from tests.scenes import composing as c
w=Path(sys.argv[1]); n=int(sys.argv[2]) if len(sys.argv)>2 else 200
net=locate.load(w); loc=locate.Locator(lambda s: locate.answers(net,s))
rows=pd.read_csv('/work/w1/split.csv',keep_default_na=False)
rows=rows[(rows.split=='validation')&(rows.source=='ham10000')]
res=[];tiles=[]
for s in list(c.drawn())+list(c.of_photographs(rows,n)):
    f=loc(s.rgb,(0,0,s.rgb.shape[1],s.rgb.shape[0]))
    iou=overlap(np.array(f.spots[0].box),np.array(s.box)) if f.spots else 0
    sq=locate.square_around(f.spots[0].box,(0,0,800,600),.6) if f.spots else (100,0,700,600)
    res.append(dict(w=s.width,iou=iou,cert=f.spots[0].certainty if f.spots else 0,tone=s.tone,skin=f.skin_within(sq),drawn=s.file is None,n=len(f.spots)))
    if iou<.4 and len(tiles)<42:
        p=s.rgb.copy(); l,t0,r,b=map(int,s.box); cv2.rectangle(p,(l,t0),(r,b),(0,255,0),3)
        for i,sp in enumerate(f.spots):
            l,t0,r,b=map(int,sp.box); cv2.rectangle(p,(l,t0),(r,b),(255,0,0) if i==0 else (255,255,0),3)
        tiles.append(cv2.resize(p,(200,150),interpolation=cv2.INTER_AREA))
d=pd.DataFrame(res)
d['bin']=pd.cut(d.w,[0,.1,.2,.4,1])
print(d.groupby(['drawn','bin'],observed=True).iou.agg([('ok',lambda x:(x>=.4).mean()),('median','median'),'size']))
print(d.groupby('tone').iou.agg([('ok',lambda x:(x>=.4).mean()),'size']).T)
print('skin quantiles',d.skin.quantile([0,.01,.02,.05,.1,.5]).round(3).to_dict())
print(d.groupby('tone').skin.quantile(.05))
if tiles:
    while len(tiles)%7: tiles.append(tiles[0]*0)
    cv2.imwrite('/tmp/sheet.png',np.vstack([np.hstack(tiles[i:i+7]) for i in range(0,len(tiles),7)])[...,::-1])
d['ok']=d.iou>=.4
for t in (.3,.4,.5,.6,.7): print(t, d[~d.drawn].groupby('bin',observed=True).apply(lambda g: pd.Series({'judged':(g.cert>=t).mean(),'right of judged':g.ok[g.cert>=t].mean()})).round(2).to_dict('list'))

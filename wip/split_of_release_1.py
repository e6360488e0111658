import json,pandas as pd, os
from train.data.splits import identities
from train.digests import sha256
d=json.load(open('/work/main/skin_model/weights/trained_on.json'))
r=pd.read_csv('/work/shared/data/lesions.csv',dtype=str,keep_default_na=False)
tr=set(d['train']['image_id'].split()); va=set(d['validation']['image_id'].split())
h=identities(r,'image_id').map(lambda s: sha256('image_id '+s)[:12])
r['split']=['train' if x in tr else 'validation' if x in va else 'test' for x in h]
new=set()
print(pd.crosstab(r.source,r.split))
r['root']='/work/shared/data'
l,p=identities(r,'lesion_id'),identities(r,'patient_id')
r['group']=[b or a or c for a,b,c in zip(l,p,identities(r,'image_id'))]
# the 12,335 newest: neither trained on nor part of release 1's test: leave out
os.makedirs('/work/w1',exist_ok=True)
r=r[~((r.source=='bcn20000_84px'))]
r[['root','file','source','image_id','group','split','diagnosis','malignant','modality','lesion_id','patient_id']].to_csv('/work/w1/split.csv',index=False)

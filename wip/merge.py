import json
full=json.load(open('/work/report/metrics.json')); new=json.load(open('/work/report2/metrics.json'))
assert full['checkpoint']==new['checkpoint'],(full['checkpoint'],new['checkpoint'])
for k in full:
    if k not in new: print('from the full run:',k); new[k]=full[k]
new={k:new[k] for k in full}
new['command']=full['command']
from skin_model.atomic_files import write_json; from pathlib import Path; write_json(Path('/work/metrics-merged.json'), new, allow_nan=False)
for s in full['sets']: assert full['sets'][s]['auc']==new['sets'][s]['auc'],s
print({s:(v['n_refused'],v['n_refused_malignant']) for s,v in new['sets'].items()})

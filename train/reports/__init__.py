"""What people read of a metrics.json: the tables of README and docs/figures.md, the report page, the model card and
the data set card.

Enter through ``report.report``, ``model_card.card`` and ``dataset_card.card``.
"""

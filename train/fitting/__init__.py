"""Training: a recipe and a split in, a run folder with a checkpoint out. Enter through ``fit.fit``.

``recipes`` names what can be trained, ``run`` holds the loop over epochs, ``calibration`` chooses temperature and
thresholds, ``ood`` fits the out-of-distribution detector, and ``outline`` trains the segmentation network.
"""

"""The networks that recipes train: architectures that timm lacks, first weights, and which layers learn."""

"""One file a version; `vNNNN_what.py` holds what makes version NNNN of the one before."""

"""Says what product a capture shows: the barcode is a prior, the picture decides."""

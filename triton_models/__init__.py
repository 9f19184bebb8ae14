"""What makes, measures and packs the models that Triton serves; the model repository is in `repository/`."""

"""Load and failure tests of the whole mesh, on real parts."""

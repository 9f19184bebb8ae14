"""The services of the mesh, what they share, and what starts them."""

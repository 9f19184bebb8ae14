"""The simulated station: what it photographs, what can happen to it, and the pictures that come out.

A catalogue of made-up products (`catalogue`), their printed faces (`art`), their shapes (`shapes`), what breaks
(`damage`), the photo booth (`booth`), how light gets into its cameras (`render`), what is asked for (`scenarios`), and
the data set in Kaputt's format (`dataset`). Everything follows from a seed.
"""

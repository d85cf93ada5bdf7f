"""The failure gallery: recipes that bring about each condition on purpose, on the embedded problems.

What training can produce is trained. The rest is constructed from a trained codebook, and says so. A condition that
was met in other people's files has a sound twin, which differs in the fault alone and must stay silent.
"""

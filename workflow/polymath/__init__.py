"""Polymath: is a model pre-trained on text a cross-disciplinary learner?"""

__version__ = "0.1.0"

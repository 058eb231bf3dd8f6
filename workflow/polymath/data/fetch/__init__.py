"""Fetch the raw files of data sets and models."""

"""Publishes experiments: freezes one into a dataset of the public catalogue.

Jobs write the files of each site, and note what they have written; the last one checks that all is
there, and lets everybody see it in one transaction.
"""

"""Pools of workers on a cluster that Slurm runs: submitted, counted and ended through its commands.

Slurm's queue is the only record of them. Pools of one installation are the jobs of one user that
have the same name; two installations of one user need names of their own.
"""

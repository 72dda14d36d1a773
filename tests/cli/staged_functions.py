"""A program of two functions, one of them inside a stage; tests of sampling run it as it stands."""

import time

import energyprof


def prepare():
    until = time.thread_time() + 0.4
    while time.thread_time() < until:
        sum(range(1_000))


def train():
    until = time.thread_time() + 0.9
    while time.thread_time() < until:
        sum(range(1_000))


prepare()
with energyprof.stage("training"):
    train()

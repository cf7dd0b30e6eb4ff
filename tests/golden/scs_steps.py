"""The table of steps: a step is the sentence that its pattern says; the method gets the pattern's groups."""

import re

STEPS = []


def step(pattern):
    def register(function):
        STEPS.append((re.compile(pattern), function.__name__))
        return function
    return register


class Failure(Exception):
    pass

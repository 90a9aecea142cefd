"""The request rung."""


def replayed(ladder, event):
    return None

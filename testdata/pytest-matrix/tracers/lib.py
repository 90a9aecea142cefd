def before():
    return 1


def during():
    return 2


def after():
    return 3

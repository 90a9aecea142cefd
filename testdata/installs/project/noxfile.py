import nox


@nox.session(venv_backend="venv")
def tests(session):
    session.install(".", "pytest")
    session.run("pytest", "-q", "-p", "no:cacheprovider")

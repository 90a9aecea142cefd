"""Who traces? A program that asks is answered as without us, and what it takes for itself it gets."""


class Hidden:
    """Stand-ins for the interpreter's questions, until `stop`."""

    def __init__(self):
        self._undo = []

    def answer(self, module, name, is_ours):
        """`module.name()` says None where it would name us. Tests skip themselves where something traces, and debuggers
        put back what they found: for both there is nobody."""
        original = getattr(module, name, None)
        if original is None:
            return

        def answer(*arguments):
            found = original(*arguments)
            return None if is_ours(found) else found

        self._replace(module, name, answer, original)

    def unless(self, module, name, is_done):
        """`module.name` is not called where `is_done` says that there is nothing to do."""
        original = getattr(module, name)

        def call(*arguments):
            return None if is_done(*arguments) else original(*arguments)

        self._replace(module, name, call, original)

    def before(self, module, name, first):
        """`first` gets the arguments before `module.name` does."""
        original = getattr(module, name)

        def call(*arguments):
            first(*arguments)
            return original(*arguments)

        self._replace(module, name, call, original)

    def _replace(self, module, name, ours, original):
        ours.__name__ = ours.__qualname__ = name
        ours.__doc__ = original.__doc__
        self._undo.append((module, name, ours, original))
        setattr(module, name, ours)

    def stop(self):
        for module, name, ours, original in self._undo:
            if getattr(module, name, None) is ours:
                setattr(module, name, original)
        self._undo = []

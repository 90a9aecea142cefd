"""The frames of a traceback, with the arguments that each function has as it raises."""

import dis
import inspect
import types

from .graph import class_of, reference

# How far a chain of decorators that keep what they wrap is followed.
WRAPPED = 16


def frames_of(traceback, is_own, graph, room):
    """Our own frames from the outermost to the one that raised: where each is, what it is, what it was given."""
    found, last = [], None
    while traceback is not None:
        last = traceback
        if is_own(traceback.tb_frame):
            found.append(traceback)
        traceback = traceback.tb_next
    told = {}
    # The innermost say most of why: they are described first, and come first to the room that there is.
    for one in reversed(found):
        graph.begin(room)
        told[id(one)] = frame_of(one.tb_frame, one.tb_lineno, graph)
        told[id(one)]["raised"] = one is last
    return [told[id(one)] for one in found]


def frame_of(frame, line, graph):
    code = frame.f_code
    module = frame.f_globals.get("__name__")
    told = {
        "file": code.co_filename,
        "line": line,
        "first": code.co_firstlineno,
        "module": module if type(module) is str else "",
        "function": code.co_name,
    }
    given = arguments_of(code)
    values = frame.f_locals if given else {}
    owner = method_of(code, given, values) or function_of(code, frame.f_globals)
    told.update(owner or {"kind": "code" if code.co_name.startswith("<") else "local"})
    stored = stored_in(code) if given else ()
    told["arguments"] = arguments = []
    for name, kind in given:
        argument = {"name": name, "kind": kind}
        if name not in values:
            argument["gone"] = True
        else:
            argument["value"] = graph.add(values[name], name)
            if name in stored:
                argument["rebound"] = True
        arguments.append(argument)
    return told


def arguments_of(code):
    """Names and kinds of a function's parameters; none of a module's or a class's body."""
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return []
    names, only, count = code.co_varnames, code.co_posonlyargcount, code.co_argcount
    given = [(name, "positional-only" if at < only else "positional") for at, name in enumerate(names[:count])]
    given += [(name, "keyword-only") for name in names[count:count + code.co_kwonlyargcount]]
    at = count + code.co_kwonlyargcount
    if code.co_flags & inspect.CO_VARARGS:
        given.append((names[at], "rest"))
        at += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        given.append((names[at], "named"))
    # What a comprehension iterates over has no name that anybody could write.
    return [(name, kind) for name, kind in given if name.isidentifier()]


def stored_in(code):
    """Local names that the function assigns or deletes: its caller may have given something else."""
    names = set()
    for one in dis.get_instructions(code):
        if one.opname.startswith(("STORE_FAST", "STORE_DEREF", "DELETE_FAST", "DELETE_DEREF")):
            names.update(one.argval if type(one.argval) is tuple else (one.argval,))
    return names


def unwrapped(value):
    """The function beneath decorators that keep what they wrap, and the classes of methods."""
    for _ in range(WRAPPED):
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        elif type(value) is property:
            value = value.fget
        elif type(value) is not types.FunctionType or "__wrapped__" not in value.__dict__:
            return value
        else:
            value = value.__dict__["__wrapped__"]
    return value


def method_of(code, given, values):
    """Of which class a function is a method, if its first argument says so."""
    if not given or given[0][0] not in values:
        return None
    first = values[given[0][0]]
    of_class = type in type(first).__mro__
    for kind in (first if of_class else type(first)).__mro__:
        for name, member in list(type.__getattribute__(kind, "__dict__").items()):
            inner = unwrapped(member)
            if type(inner) is types.FunctionType and inner.__code__ is code:
                sort = {classmethod: "class-method", property: "property"}.get(type(member), "method")
                return {"kind": sort, "owner": class_of(kind), "name": name}
    return None


def function_of(code, names):
    """A function of its module, or a static method of one of the module's classes."""
    module = names.get("__name__")
    found = unwrapped(names.get(code.co_name))
    if type(found) is types.FunctionType and found.__code__ is code:
        return {"kind": "function", "owner": reference(module, ""), "name": code.co_name}
    for value in list(names.values()):
        if type in type(value).__mro__:
            member = type.__getattribute__(value, "__dict__").get(code.co_name)
            inner = unwrapped(member)
            if type(inner) is types.FunctionType and inner.__code__ is code:
                return {"kind": "static-method" if type(member) is staticmethod else "method", "owner": class_of(value), "name": code.co_name}
    return None

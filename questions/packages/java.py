"""Java programs whose class is not called Main. Judges save every program as Main.java and start the class Main."""

import re

# Comments and literals, in which words mean nothing.
_QUIET = re.compile(
    r'//[^\n]*|/\*.*?(?:\*/|\Z)|"""(?:\\.|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?',
    re.DOTALL,
)
_SIGN = re.compile(
    r"(?P<brace>[{}])|(?P<public>\bpublic\b)|(?P<package>\bpackage\s[\w.\s]{1,300};)"
    r"|\b(?:class|interface|enum|record)\s+(?P<type>[\w$]+)"
)
_MAIN = re.compile(r"\bstatic\b[^;{}()=]{0,200}\bvoid\s+main\s*\(")
_STARTER = (
    "\nclass Main {{ public static void main(String[] words) throws Throwable {{ {name}.main(words); }} }}\n"
)


def as_main(source: str, stem: str) -> str:
    """The program with a class Main that starts its own; as it is where it has one, or none that could be started.

    `stem` is the name of its file without ending, which tells the class where none is public. Lines stay where they
    are.
    """
    code = _QUIET.sub(lambda found: _blank(found[0]), source)
    start = _MAIN.search(code)
    types, public, in_the_way = _outermost(code)
    if start is None or not types or (public in ("", "Main") and "Main" in types.values()):
        return source
    for first, last in reversed(in_the_way):
        source = source[:first] + _blank(source[first:last]) + source[last:]
    if "Main" in types.values():
        return source
    before = [name for place, name in types.items() if place < start.start()]
    name = public or (stem if stem in types.values() else (before or [*types.values()])[-1])
    return source + _STARTER.format(name=name)


def _outermost(code: str) -> tuple[dict[int, str], str, list[tuple[int, int]]]:
    """What is outside of all braces: types by their places, the public one of them, and the places of what Main.java
    must not say: its package, and that a type of another name is public.
    """
    types: dict[int, str] = {}
    public, in_the_way = "", []
    depth, is_public = 0, False
    for found in _SIGN.finditer(code):
        if found["brace"]:
            depth += 1 if found["brace"] == "{" else -1
        elif depth == 0 and found["type"]:
            types[found.start()] = found["type"]
            public, is_public = (found["type"] if is_public else public), False
        elif depth == 0:
            in_the_way.append(found.span())
            is_public = is_public or bool(found["public"])
    return types, public, in_the_way


def _blank(text: str) -> str:
    return "".join(one if one in "\r\n" else " " for one in text)

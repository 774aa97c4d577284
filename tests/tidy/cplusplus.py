"""A scanner for clang-formatted C++: enough to find functions, lambdas and statements, and honest
about being no parser. Text keeps its length and its line breaks, so offsets stay valid."""

import re

CODE_OR_NOISE = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<raw> R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)" )
  | (?P<string> "(?:\\.|[^"\\\n])*" )
  | (?P<char> (?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+' )
  | (?P<directive> ^[ \t]*\#(?:\\\n|[^\n])* )
    """,
    re.S | re.M | re.X,
)
SCOPE = re.compile(
    r"^(template\s*<.*>\s*)?(inline\s+)?(namespace|class|struct|union|enum|extern)\b", re.S
)
DATA = re.compile(r"(^|[^=!<>])=\s*$|^[^()]*$")
CONTROL = re.compile(r"^(else\s+)?(if|for|while|switch|catch|do|else|try)\b")


def blank(text):
    """Comments, directives and the inside of literals become spaces."""

    def erase(match):
        kept = re.sub(r"[^\n]", " ", match[0])
        return kept if match["comment"] or match["directive"] else '"' + kept[1:-1] + '"'

    return CODE_OR_NOISE.sub(erase, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def closing(code, opening):
    """The offset of the bracket that closes the one at `opening`."""
    pairs = {"{": "}", "(": ")", "[": "]"}
    opener, closer, depth = code[opening], pairs[code[opening]], 0
    for offset in range(opening, len(code)):
        if code[offset] == opener:
            depth += 1
        elif code[offset] == closer:
            depth -= 1
            if depth == 0:
                return offset
    return len(code) - 1


def functions(code):
    """(head, first line, last line) of each outermost function; lambdas count to theirs."""
    offset = start = 0
    while offset < len(code):
        letter = code[offset]
        if letter in ";}":
            start = offset + 1
        elif letter == "{":
            head = code[start:offset].strip()
            head = re.sub(r"^(public|private|protected):\s*", "", head)
            is_scope = SCOPE.match(head) and not re.search(r"\)\s*(const|noexcept)?$", head)
            if is_scope or not head:
                start = offset + 1
            else:
                end = closing(code, offset)
                if not DATA.search(head):
                    first = start + len(code[start:offset]) - len(code[start:offset].lstrip())
                    yield " ".join(head.split()), line_of(code, first), line_of(code, end)
                offset = end
                start = offset + 1
        offset += 1


LAMBDA = re.compile(r"(?<![\w\])\[])\[(?P<captures>[^\[\]]+)\](?!\])")


def capturing_lambdas(code):
    """(offset, body) of each lambda that captures something."""
    for match in LAMBDA.finditer(code):
        opening = re.compile(r"\s*(\(|[^;(){}]*\{)").match(code, match.end())
        if not opening:
            continue
        brace = opening.end() - 1
        if code[brace] == "(":
            brace = closing(code, brace) + 1
            rest = re.compile(r"[^;(){}]*\{").match(code, brace)
            if not rest:
                continue
            brace = rest.end() - 1
        yield match.start(), code[brace : closing(code, brace) + 1]


DECLARATION = re.compile(r"^(?:const |auto |static )*[\w:]*(?:<[^;={}]*>)?[\s&*]*\s?\w+ =$")
OPERATOR = re.compile(r"\s(\?|&&|\|\||[-+*/%<>=!&|^]=?|<=>|<<|>>)\s")
PREFIX = re.compile(r"^(else\b|default\s*:|case\b[^:;]*(::[^:;]*)*:(?!:)|do\b)\s*")


def await_problem(code, offset):
    """Why the co_await at `offset` does not stand alone, or None."""
    start = max(code.rfind(mark, 0, offset) for mark in ";{}") + 1
    head = code[start:offset].strip()
    while True:
        control = re.match(r"(if|while|for)( constexpr)? \(", head)
        if control:
            end = closing(head, control.end() - 1)
            if head[end] != ")" or end <= control.end() - 1:
                return "inside a condition"
            head = head[end + 1 :].strip()
        elif PREFIX.match(head):
            head = PREFIX.sub("", head, count=1)
        else:
            break
    head = " ".join(re.sub(r"\[\[\w+\]\]", "", head).split())
    if re.match(r"co_return\b", head):
        return "inside co_return: name the value first"
    if head not in ("", "(void)") and not DECLARATION.match(head):
        return f"after `{head[-40:]}`: neither a statement nor a whole initialiser"
    return operator_after(code, offset)


def operator_after(code, offset):
    """The awaited expression must reach the end of its statement."""
    outside, depth = [], 0
    for letter in code[offset:]:
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == ";" and depth <= 0:
            break
        elif depth == 0:
            outside.append(letter)
    found = OPERATOR.search("".join(outside))
    return f"part of an expression with `{found[1]}`" if found else None

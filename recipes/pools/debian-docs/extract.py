# SPDX-License-Identifier: Apache-2.0
"""Plain text out of the formats that Debian documentation comes in: HTML, Perl's POD and man pages.

Purpose: a pool with the defects of a web crawl. Navigation, tables and code are kept on purpose; what to keep is what the
curation variants differ in. A paragraph becomes one line, so that line rules see sentences and not the file's own wrapping;
preformatted text keeps its lines. Pure functions from bytes to str, standard library only.
"""
import gzip
import html
import re

SKIPPED = frozenset(("script", "style", "head", "svg"))
INLINE = frozenset(
    "a abbr acronym b bdi bdo big button cite code data del dfn em font i img ins kbd label mark q s samp small span strike "
    "strong sub sup time tt u var wbr".split())
TAG = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>|<[!?][^>]*>",
                 re.DOTALL)
BLANKS = re.compile(r"[ \t\r\n\f\v]+")


def tidy(text):
    """Lines without trailing blanks, at most one blank line in a row, one newline at the end."""
    lines = [line.rstrip() for line in text.split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return text + "\n" if text else ""


def html_text(source):
    """Text of a page: block elements start a new line, `pre` keeps its lines, scripts, styles and the head are left out."""
    pieces, skipping, preformatted, end = [], None, 0, 0
    for tag in TAG.finditer(source):
        if skipping is None:
            append_text(pieces, source[end:tag.start()], preformatted)
        end = tag.end()
        name = (tag.group(2) or "").lower()
        closing = tag.group(1) == "/"
        if skipping is not None:
            skipping = None if closing and name == skipping else skipping
        elif name in SKIPPED and not closing:
            skipping = name
        elif name == "pre":
            preformatted = max(0, preformatted + (-1 if closing else 1))
            pieces.append("\n")
        elif name in ("td", "th"):
            pieces.append("" if closing else " ")
        elif name and name not in INLINE:
            pieces.append("\n")
    if skipping is None:
        append_text(pieces, source[end:], preformatted)
    # A paragraph's first word must not be indented by the blank that stood before it.
    return tidy(re.sub(r"\n (?=\S)", "\n", html.unescape("".join(pieces))))


def append_text(pieces, text, preformatted):
    if text:
        pieces.append(text if preformatted else BLANKS.sub(" ", text))


POD_CODE = re.compile(r"[A-Z](?:<<+\s+(.*?)\s+>>+|<([^<>]*)>)", re.DOTALL)
POD_ESCAPES = {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}


def pod_text(source):
    """Text of a POD file: commands and formatting codes removed, ordinary paragraphs joined to a line."""
    paragraphs = []
    for paragraph in re.split(r"\n[ \t]*\n+", source.replace("\r", "")):
        if paragraph[:1] in (" ", "\t"):
            paragraphs.append(paragraph)
            continue
        if paragraph.startswith("="):
            command, _, paragraph = paragraph.partition(" ")
            if command.strip() in ("=cut", "=pod", "=encoding", "=over", "=back", "=for", "=begin", "=end"):
                continue
        paragraph = re.sub(r"E<(\w+)>", lambda code: POD_ESCAPES.get(code.group(1), html.unescape("&%s;" % code.group(1))),
                           paragraph)
        for _ in range(4):
            paragraph, changed = POD_CODE.subn(lambda code: code.group(1) or code.group(2) or "", paragraph)
            if not changed:
                break
        paragraphs.append(BLANKS.sub(" ", paragraph))
    return tidy("\n\n".join(paragraphs))


ROFF_ESCAPE = re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\[&|^%/,:)]|\\s[-+]?\d+|\\\*\[[^]]*\]")
ROFF_CHARACTER = re.compile(r"\\\((..)|\\\[(\w+)\]|\\(.)")
ROFF_NAMED = {"em": "\u2014", "en": "\u2013", "aq": "'", "dq": '"', "bu": "\u2022", "co": "\u00a9", "rs": "\\", "ti": "~",
              "ha": "^", "lq": "\u201c", "rq": "\u201d", "oq": "\u2018", "cq": "\u2019", "mu": "\u00d7", "<=": "\u2264",
              ">=": "\u2265", "->": "\u2192", "+-": "\u00b1", "de": "\u00b0", "tm": "\u2122", "sc": "\u00a7"}
ROFF_BREAKS = frozenset(".PP .P .LP .TP .IP .HP .br .sp .RS .RE .nf .fi .EX .EE .TQ .ad .in .ti".split())
ROFF_SHOWN = frozenset(".B .I .R .BR .BI .IB .IR .RB .RI .SM .SB .UR .MT".split())


def roff_text(source):
    """Text of a man page: headings, font macros and breaks; other requests and comments are dropped."""
    lines, paragraph, filled = [], [], True

    def flush():
        if paragraph:
            lines.append(" ".join(paragraph))
            paragraph.clear()

    for line in source.split("\n"):
        macro, _, rest = line.partition(" ")
        if line.startswith(("'", '.\\"', '\\"')):
            continue
        if macro in (".TH", ".SH", ".SS"):
            flush()
            lines.extend(["", roff_line(rest.replace('"', ""))])
        elif macro in ROFF_BREAKS:
            flush()
            filled = {".nf": False, ".EX": False, ".fi": True, ".EE": True}.get(macro, filled)
        elif macro in ROFF_SHOWN:
            paragraph.append(roff_line(roff_arguments(rest, macro)))
        elif line.startswith("."):
            continue
        elif filled and line.strip():
            paragraph.append(roff_line(line.strip()))
        else:
            flush()
            lines.append(roff_line(line))
    flush()
    return tidy("\n".join(lines))


def roff_arguments(rest, macro):
    """Alternating fonts are printed without blanks between them (.BR), one font with them (.B)."""
    words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', rest)]
    return (" " if len(macro) == 2 or macro in (".SM", ".SB") else "").join(words)


def roff_line(line):
    line = ROFF_ESCAPE.sub("", line.replace("\\-", "-").replace("\\e", "\\\\"))
    return ROFF_CHARACTER.sub(lambda code: ROFF_NAMED.get(code.group(1) or code.group(2), code.group(3) or ""), line)


def document_text(path, data):
    """Text of a file by its name; None when it is no document."""
    if path.endswith(".gz"):
        path, data = path[:-3], gzip.decompress(data)
    source = data.decode("utf-8", "replace").replace("\0", "")
    if path.endswith(".html"):
        return html_text(source)
    if path.endswith(".pod"):
        return pod_text(source)
    if re.search(r"\.[1-8]$", path):
        return roff_text(source)
    return None

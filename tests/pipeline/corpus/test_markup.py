"""HTML in texts is found, and taken out as a browser would show it."""

import html
import random
import time

import pytest

from sparton.pipeline.corpus.markup import markup_in, without_markup


@pytest.mark.parametrize(
    "text",
    ["a < b", "R&D", "3 <5", "x << y >> z", "AT&T; 5 > 3", "List<String> and Map<K, V>", "<3", "",
     "if a <b and c", "Q&A & more", "&unknownentity;", "<price>", "https://shop/?a=1&copy=2", "1 <- 2", "<>"],
)  # fmt: skip
def test_a_text_without_markup_stays_as_it_is(text):
    assert markup_in(text) is None
    assert without_markup(f"  {text}\n ") == f"  {text}\n "


@pytest.mark.parametrize(
    ("text", "found", "seen"),
    [
        ("<p>Soft <b>lea</b>ther</p><p>bag</p>", "<p>", "Soft leather bag"),
        ("one<br>two<BR/>three<br />four", "<br>", "one two three four"),
        ("<ul><li>a</li><li>b</ul>c", "<ul>", "a b c"),
        ("<h1>T</h1>x<div class='a > b'>y</div>z", "<h1>", "T x y z"),
        ("<table><tr><th>Size<td>M</td></tr><tr><td>L</table>", "<table>", "Size M L"),
        ("<td>a</td><td>b</td>", "<td>", "a b"),  # cells without a table, which a parser drops
        ("x</p>y</div>z", "</p>", "x y z"),
        ("R&amp;D &lt;b&gt; caf&eacute; &#8364;&#x20AC; 5&nbsp;cm", "&amp;", "R&D <b> café €€ 5 cm"),
        ("a<span>b</span>c<em>d</em><a href=x>e</a>", "<span>", "abcde"),
        ("a<!-- b <p>c</p> -->d", "<!--", "ad"),
        ("a<script>if (a < b) x('<p>no</p>')</script>b", "<script>", "a b"),
        ("<style>p { color: red }</style>red", "<style>", "red"),
        ("<p>unclosed <b>bold", "<p>", "unclosed bold"),
        ("<b><i>crossed</b> over</i><br>end", "<b>", "crossed over end"),
        ("<p>a < b and R&D</p>", "<p>", "a < b and R&D"),
        ("<P STYLE=\"x\">a</P>b", '<P STYLE="x">', "a b"),
        ("<![CDATA[<p>a</p>]]>b", "<![CDATA[", "a b"),
        ("<o:p>a</o:p>b<my-tag>c</my-tag>", "<o:p>", "abc"),
        ("a<br>\n\n  b\t<br>c", "<br>", "a b c"),
        ("<select><option>S<option>M</select>", "<select>", "S M"),
        ("<!DOCTYPE html><html><head><title>T</title></head><body>B</body></html>", "<!DOCTYPE ", "T B"),
        ("<img src=x alt=y>a", "<img src=x alt=y>", "a"),
        ("<p></p>", "<p>", ""),
        ("a\0<br>b", "<br>", "a b"),
    ],
)  # fmt: skip
def test_markup_is_found_and_taken_out(text, found, seen):
    assert markup_in(text) == found
    assert without_markup(text) == seen


def test_whatever_is_escaped_comes_back():
    for seed in range(500):
        chance = random.Random(seed)
        words = ["".join(chance.choices("ab<>&\"'é€;#x1 ", k=chance.randrange(1, 9))) for _ in range(5)]
        text = "".join(f"<p>{html.escape(word)}</p>" for word in words)
        assert without_markup(text) == " ".join(" ".join(words).split()), words


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["<b>" * 200_000, "<p " * 200_000, "<!--" * 200_000, "<p '" * 100_000 + ">", "&amp" * 200_000,
     "<![CDATA[" * 100_000, "<p>" + "</div>" * 100_000, "<table>" * 20_000, "<a x" * 100_000 + ">",
     "<" * 500_000 + "p>"],
)  # fmt: skip
def test_hostile_markup_ends_in_time(text):
    before = time.monotonic()
    without_markup(text)
    assert time.monotonic() - before < 60  # a hang, not a speed

"""Products with fields, and some whose values were written to do harm."""

import pyarrow.parquet as pq

from sparton.storage.fields import Field

ODD = 'an "odd" `name`, with \\ and .'
FIELDS = (
    *(Field(name, "string") for name in ("title", "brand", "category", "colour", "currency", "image", "video")),
    Field("price", "number"),
    Field("in_stock", "boolean"),
    Field("added", "timestamp"),
    Field("tags", "strings"),
    *(Field(name, "string") for name in ("__proto__", "constructor", "hasOwnProperty", ODD)),
)
SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
HOSTILE = {  # all of them are about an umbrella, which no product of the catalogue is
    "markup": {"title": SCRIPT, "brand": SCRIPT, "__proto__": SCRIPT, "constructor": "c", "hasOwnProperty": "h"},
    "script address": {"title": "umbrella one", "image": "javascript:document.title='broken'"},
    "data address": {"title": "umbrella two", "image": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"},
    "own paths": {"title": "umbrella three", "image": "/pictures/good?leave=.png", "video": "/search?q=umbrella.png"},
    "user": {"title": "umbrella four", "image": "http://shop@127.0.0.1/pictures/good-user.png"},
    "bidi": {"title": "umbrella \u202e\u2066gnp.exe", "brand": "\u202eelleda", "currency": "\u202e€", "price": 5},
    "long": {"title": "umbrella " * 111_111, "brand": "b" * 40_000, "image": f"/{'i' * 1_000_000}.png"},
    "</li><script>document.title='broken'</script>": {"title": "umbrella five"},
}


def products(catalog, pictures):
    """The small catalogue's rows as documents with fields, and hostile ones."""
    documents = {}
    for number, row in enumerate(pq.read_table(catalog).to_pylist()):
        fields = {name: row[name] for name in ("title", "brand", "category", "colour", "price")}
        fields |= {"currency": "EUR", "in_stock": number % 3 > 0, "added": f"2026-0{1 + number % 9}-1{number % 10}"}
        fields["added"] += "T00:00:00Z" if number % 2 else "T12:30:00Z"
        fields["tags"] = [["new"], ["sale", "gift"], []][number % 3]
        fields["image"] = [
            f"/pictures/good{number}.png",
            f"{pictures.address()}pictures/good{number}.png",
            f"{pictures.address('localhost')}pictures/good{number}.png",  # a host that is not allowed
            f"/pictures/lost{number}.png",
        ][number % 4]
        if number % 5 == 0:
            fields[ODD] = f'value "{number % 3}" \\'
        documents[row["id"]] = (f"{row['title']} {row['description']}", fields)
    return documents | {name: (f"umbrella {name}", fields) for name, fields in HOSTILE.items()}

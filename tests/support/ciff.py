"""A reader of CIFF files: Google's protocol buffers with the messages that the format's authors have published."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS = {"int32": 5, "int64": 3, "double": 1, "string": 9}
_MESSAGES = {
    "Header": [
        ("version", "int32"),
        ("num_postings_lists", "int32"),
        ("num_docs", "int32"),
        ("total_postings_lists", "int32"),
        ("total_docs", "int32"),
        ("total_terms_in_collection", "int64"),
        ("average_doclength", "double"),
        ("description", "string"),
    ],
    "Posting": [("docid", "int32"), ("tf", "int32")],
    "PostingsList": [("term", "string"), ("df", "int64"), ("cf", "int64"), ("postings", "Posting")],
    "DocRecord": [("docid", "int32"), ("collection_docid", "string"), ("doclength", "int32")],
}


def read_ciff(path):
    """The header, the postings lists and the records of documents of a file."""
    content, offset, kinds = path.read_bytes(), 0, _kinds()

    def message(kind):
        nonlocal offset
        size = shift = 0
        while True:
            byte = content[offset]
            offset, size, shift = offset + 1, size | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        read = kinds[kind].FromString(content[offset : offset + size])
        offset += size
        return read

    header = message("Header")
    lists = [message("PostingsList") for _ in range(header.num_postings_lists)]
    records = [message("DocRecord") for _ in range(header.num_docs)]
    assert offset == len(content)
    return header, lists, records


def _kinds():
    file = descriptor_pb2.FileDescriptorProto(name="ciff.proto", package="ciff", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            if kind in _KINDS:
                message.field.add(name=field, number=number, type=_KINDS[kind], label=1)
            else:
                message.field.add(name=field, number=number, type=11, label=3, type_name=f".ciff.{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ciff.{name}")) for name in _MESSAGES}

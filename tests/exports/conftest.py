"""A shop to export, once for all tests of exports."""

import pytest
from support.exported import make_shop

import sparton


@pytest.fixture(scope="session")
def shop(catalog, static_model, tmp_path_factory):
    """An index of 300 products, with 200 topics. Not to be written to."""
    return make_shop(tmp_path_factory.mktemp("shop"), catalog, static_model)


@pytest.fixture(scope="session")
def export(shop, tmp_path_factory):
    """Export the shop to a format, with its topics, once; return the folder and the report."""
    exports = {}

    def to(name):
        if name not in exports:
            folder = tmp_path_factory.mktemp("export") / name
            exports[name] = folder, sparton.export_index(shop.index, name, folder, topics=shop.topics)
        return exports[name]

    return to

"""Run the service until it is told to stop."""

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address, ip_address

from ...errors import Parameter, SpartonError, UsageError, listed
from ...indexer.java import LONG_RUN, start_jvm
from ...machine import cores
from ...options import flat_keywords, values_for
from ..options import SearcherOptions, WayOptions
from ..ways import LEARNED
from .current import Reloading
from .garbage import lasting_objects
from .indexes import Places, named_places, opened_indexes
from .options import ServeOptions
from .stdio import check_mcp, serve_agent

# What the system says of an address that is not this machine's, or of a kind that it does not have.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
log = logging.getLogger("sparton")


@flat_keywords
def serve_index(
    index: Places,
    *,
    serving: ServeOptions,
    searching: WayOptions,
    on_ready: Callable[[str], None] = lambda address: None,
    said: Callable[[SpartonError], str] = str,
) -> None:
    """Open an index, or several, and answer queries over HTTP until SIGINT or SIGTERM; then finish what is under way
    within 10 seconds. With `stdio` one agent is served instead, until stdin is closed.

    index: a path or a URI; several by their names, as {"shop": "shop-index", "docs": "s3://bucket/docs"} or as a list
    of texts as "shop=shop-index". The first is that of paths without a name. Those of one model share what is loaded.
    serving, searching: given as records, or field by field as keywords: serve_index(index, port=0). on_ready: hears the
    address once there is something that listens. said: an error as /health tells it, for which a command has flags.
    Raises SpartonError as Searcher, and when the address cannot be listened on or the index has no model; UsageError
    for an argument that cannot be meant.
    """
    if searching.search_with not in LEARNED:
        raise UsageError(
            Parameter("search_with"),
            f" is {searching.search_with!r}, and a service searches the learned index; expected {listed(LEARNED)}",
        )
    places, opened_with = named_places(index), SearcherOptions(**values_for(SearcherOptions, searching))
    if serving.stdio:
        serve_agent(places, serving, opened_with)
        return
    host, port, allow_hosts = serving.host, serving.port, serving.allow_hosts
    if not host.strip():
        raise UsageError(
            Parameter("host"), " is empty; expected an address as 127.0.0.1, or 0.0.0.0 to listen at every one"
        )
    try:
        host.encode("idna")
    except UnicodeError:
        raise UsageError(Parameter("host"), f" is {host!r}; expected an address or a name") from None
    from .app import ServiceOptions, make_app
    from .connections import Connections, most_connections
    from .cors import cors_origins
    from .hosts import Hosts, is_host
    from .hosts import image_hosts as known_image_hosts
    from .keys import Keys
    from .stopping import serve, told_to_stop

    Hosts(allow_hosts)  # raises for what is none
    images = known_image_hosts(serving.image_hosts)
    origins = cors_origins(serving.cors_origins)
    if serving.mcp:
        check_mcp()
    keys = None if serving.api_key_file is None else Keys(serving.api_key_file)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)  # whose errors are of a kind of their own
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        # Python adds the address to what the system says.
        why = (error.strerror or str(error)).partition(" (")[0]
        if isinstance(error, socket.gaierror) or error.errno in _NOT_HERE:
            raise SpartonError(
                Parameter("host"), f" is {host} and cannot be listened on: {why}; expected an address of this machine"
            ) from error
        raise SpartonError(f"{host}:{port} cannot be listened on: {why}; choose ", Parameter("port")) from error
    with listening, ExitStack() as until_the_end:
        start_jvm(LONG_RUN)
        indexes = opened_indexes(places, opened_with, until_the_end)
        address = ip_address(listening.getsockname()[0].partition("%")[0])  # without a link-local one's interface
        own = () if address.is_unspecified else filter(is_host, (host, str(address)))
        options = ServiceOptions(
            most_k=serving.max_k,
            threads=serving.threads or cores(),
            hosts=(*allow_hosts, *own),
            image_hosts=images,
            most_unfinished=serving.max_unfinished_mb * 2**20,
            keys=keys,
            cors_origins=origins,
            access_log=serving.access_log,
            mcp=serving.mcp,
        )
        app = make_app(indexes, options)
        most = most_connections(serving.max_connections)
        if most < serving.max_connections:
            log.warning(
                "%s connections are let in at once, as this process may have few files open (ulimit -n)", f"{most:,}"
            )
        connections = Connections(most, serving.request_seconds, app.state.metrics.add_closed)
        until_the_end.enter_context(lasting_objects())
        told = until_the_end.enter_context(told_to_stop())
        on_ready(f"http://{_reachable(address)}:{listening.getsockname()[1]}/")
        if address.is_unspecified and not allow_hosts:
            log.warning(
                "listening at every address, but serving requests for localhost, 127.0.0.1 and [::1] alone; name "
                "other hosts with --allow-host, * for all"
            )
        for name, current in indexes.items() if serving.reload else ():
            until_the_end.enter_context(Reloading(current, places[name], name, said))
        serve(app, listening, connections, app.state.threads, told)


def _reachable(address: IPv4Address | IPv6Address) -> str:
    """An address as a URL has it; where every one is listened at, that of this machine for itself."""
    if address.version == 6:
        return "[::1]" if address.is_unspecified else f"[{address}]"
    return "127.0.0.1" if address.is_unspecified else str(address)

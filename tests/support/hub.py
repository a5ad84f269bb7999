"""A Hugging Face hub on this machine's loopback, with repositories as the real one has them, that remembers what it was
asked.

It serves what huggingface_hub asks for: a repository's information, its tree, and its files, by branch, pull request
(refs/pr/1) or commit; files may lie in folders. Large files have the digests of Git LFS. A gated repository says what
it holds and gives its files to the accounts that accepted its licence; a private one does not exist for others.
"""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LIMITED = "hf_limited"  # a token that may not read gated repositories, whatever its account may
_LARGE = (".bin", ".h5", ".msgpack", ".onnx", ".pt", ".safetensors")  # by .gitattributes in Git LFS
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?()")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_OPEN = (".gitattributes", "README.md")  # that a gated repository gives to anyone


def digest(content):
    return hashlib.sha1(content).hexdigest()


@dataclass(frozen=True)
class Repository:
    """A model on the hub.

    folders: what it holds, by revision: "main", and "refs/pr/1" or a tag. readers: tokens of the accounts that may read
    its files; None for anyone. private: whether it is hidden from others; else it is gated, and says what it holds,
    unless it is not `listed`.
    """

    name: str
    folders: dict[str, Path] = field(default_factory=dict)
    readers: tuple[str, ...] | None = None
    private: bool = False
    listed: bool = True

    def commit(self, revision):
        """The commit of a revision."""
        return COMMIT if revision == "main" else digest(f"{self.name} {revision}".encode())

    def found(self, revision):
        """A revision's commit and folder, by its name or its commit; None if there is none."""
        for name, folder in self.folders.items():
            if revision in (name, self.commit(name)):
                return self.commit(name), folder
        return None


def allowed(repository, token):
    """Whether an account may read a repository's files."""
    return repository.readers is None or token in repository.readers


@contextmanager
def hub(name, folder):
    """The address of a hub that has a folder's files as the model `name`, and a list of its requests."""
    with hub_of(Repository(name, {"main": folder})) as served:
        yield served


@contextmanager
def hub_of(*repositories):
    """The address of a hub that has these repositories, and a list of its requests: path and authorization.

    A token of an account begins with hf_; of others it says that they are none.
    """
    requests = []
    named = {repository.name: repository for repository in repositories}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.respond()

        def do_GET(self):
            self.respond()

        def log_message(self, *arguments):
            pass

        def respond(self):
            authorization = self.headers.get("authorization")
            requests.append((self.path, authorization))
            token = (authorization or "").removeprefix("Bearer ")
            if token and not token.startswith("hf_"):
                self.refuse(401, "", "Invalid credentials in Authorization header")
                return
            path, _, query = self.path.partition("?")
            api, file = _API.fullmatch(path), _FILE.fullmatch(path)
            asked = api.groups() if api else (file[1], "file", file[2], file[3]) if file else (None,) * 4
            name, what, revision, inner = asked
            repository = named.get(name)
            if repository is None or (repository.private and not allowed(repository, token)):
                if token:
                    self.refuse(404, "RepoNotFound", "Repository not found")
                else:
                    self.refuse(401, "", "Invalid username or password.")
                return
            revision = unquote(revision or "main")
            found = repository.found(revision)
            if not repository.listed and not allowed(repository, token):
                self.restrict(repository, token)
            elif found is None:
                self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            elif what == "file":
                self.give(repository, *found, unquote(inner), token)
            elif what == "tree":
                self.send(json.dumps(tree(found[1], "recursive=true" in query.lower())), found[0])
            else:
                self.send(json.dumps(information(repository, *found)), found[0])

        def give(self, repository, commit, folder, path, token):
            """A file, or the reason why not."""
            if path not in _OPEN and not allowed(repository, token):
                self.restrict(repository, token)
            elif path in {str(file.relative_to(folder)) for file in files(folder)}:
                self.send((folder / path).read_bytes(), commit, large=path.endswith(_LARGE))
            else:
                self.refuse(404, "EntryNotFound", "Entry not found", commit)

        def restrict(self, repository, token):
            refused = f"Access to model {repository.name} is restricted"
            if token == LIMITED:
                self.refuse(403, "", "Please enable access to public gated repositories in your token's settings.")
            elif token:
                why = f"{refused} and you are not in the authorized list. Visit it to ask for access."
                self.refuse(403, "GatedRepo", why)
            else:
                self.refuse(401, "GatedRepo", f"{refused}. You must have access to it and be authenticated.")

        def send(self, content, commit, large=False):
            content = content.encode() if isinstance(content, str) else content
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", "application/octet-stream" if large else "application/json")
            self.send_header("etag", f'"{digest(content)}"')
            self.send_header("x-repo-commit", commit)
            if large:
                self.send_header("x-linked-etag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("x-linked-size", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def refuse(self, status, code, message, commit=None):
            content = json.dumps({"error": message}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", "application/json")
            self.send_header("x-error-message", message)
            for name, value in (("x-error-code", code), ("x-repo-commit", commit)):
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # seconds until it is seen to be shut down
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def user_of(address, home, token=None):
    """Have this process be that of a user of a hub, who has nothing in the caches, which are in the folder `home`."""
    from huggingface_hub import constants

    from sparton.pipeline.model import converted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", address)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(converted, "cache_folder", lambda: home / "sparton")
        if token is None:
            patch.delenv("HF_TOKEN", raising=False)
        else:
            patch.setenv("HF_TOKEN", token)
        yield


def files(folder):
    """The files of a folder and of those in it."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def information(repository, commit, folder):
    """What the hub says of a repository."""
    return {
        "id": repository.name,
        "modelId": repository.name,
        "sha": commit,
        "private": repository.private,
        "gated": "auto" if repository.readers is not None and not repository.private else False,
        "siblings": [{"rfilename": str(path.relative_to(folder))} for path in files(folder)],
    }


def tree(folder, recursive):
    """The entries of a folder, as the hub lists them."""
    entries = []
    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        name = str(path.relative_to(folder))
        if path.is_dir():
            entries.append({"type": "directory", "oid": digest(name.encode()), "size": 0, "path": name})
            continue
        content = path.read_bytes()
        entry = {"type": "file", "oid": digest(content), "size": len(content), "path": name}
        if name.endswith(_LARGE):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        entries.append(entry)
    return entries

"""Files that appear whole or not at all, where they were meant to, and nowhere else."""

import fnmatch
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from support.permissions import somebody

from sparton.errors import Parameter, UsageError
from sparton.storage.atomic import (
    LEFTOVERS,
    check_output,
    is_stdout,
    locked,
    make_folder,
    output_file,
    refuse_inputs,
    remove_folder,
    whole_file,
)
from sparton.storage.index_folder import COLLECTION, MARKERS
from sparton.storage.index_location import open_index_location
from sparton.storage.markers import prepare_collection

OUTPUT = Parameter("output")
WRITERS = [whole_file, output_file]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a folder of our own, so that the sentences hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def open_folder():
    """A folder that other users can reach, which those of tests are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def write(writer, path, content=b"new"):
    with writer(Path(path)) as stream:
        stream.write(content)


def names():
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_beside_it_is_left_alone_whatever_its_name(writer):
    Path("victim").write_text("precious")
    Path("a.tmp").write_text("mine")
    Path("b.tmp").symlink_to("victim")
    for name in ("a", "b"):
        write(writer, name)
    assert {name: Path(name).read_text() for name in names()} == {
        **{"a": "new", "b": "new", "a.tmp": "mine", "b.tmp": "precious", "victim": "precious"}
    }
    assert Path("b.tmp").is_symlink()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_new_file_has_the_mode_that_open_gives_and_a_replaced_one_passes_its_own_on(writer):
    before = os.umask(0o027)
    try:
        write(writer, "new")
        Path("opened").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("new").st_mode) == stat.S_IMODE(os.stat("opened").st_mode) == 0o640
    for mode in (0o604, 0o666, 0o200):
        os.chmod("new", mode)
        write(writer, "new", b"newer")
        assert stat.S_IMODE(os.stat("new").st_mode) == mode


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_what_stood_there_and_nothing_else(writer, error):
    Path("a").write_text("whole")

    def fail():
        with writer(Path("a")) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert names() == ["a"]
    assert Path("a").read_text() == "whole"


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_takes_no_more_is_named(writer):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**12, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught, writer(Path("big")) as stream:
            stream.write(b"x" * 2**13)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.strerror, caught.value.filename) == ("File too large", "big")
    assert os.listdir() == []


@pytest.mark.parametrize("writer", WRITERS)
def test_nobody_sees_a_part_of_it(writer):
    Path("a").write_text("old")
    with writer(Path("a")) as stream:
        stream.write(b"half")
        stream.flush()
        assert Path("a").read_text() == "old"
        assert [name for name in names() if fnmatch.fnmatch(name, LEFTOVERS)] == names()[:-1]
        stream.write(b" and half")
    assert Path("a").read_text() == "half and half"
    assert names() == ["a"]


def test_what_a_killed_writer_left_is_removed_by_who_holds_the_folder():
    folders = [Path("index"), Path("index", COLLECTION), Path("index", MARKERS)]
    for folder in folders:
        folder.mkdir()
        code = (
            "import os, sys, pathlib; from sparton.storage.atomic import whole_file\n"
            "with whole_file(pathlib.Path(sys.argv[1])) as stream:\n"
            "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), 9)"
        )
        killed = subprocess.run([sys.executable, "-c", code, str(folder / "part-00000.jsonl")], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(list(folder.glob(LEFTOVERS))) == 1
    Path("index", COLLECTION, "part-00001.jsonl.tmp").touch()  # as they were called before
    with locked(Path("index")):
        assert not list(Path("index").glob(LEFTOVERS))
    prepare_collection(Path("index"), "ab")
    assert [path for folder in folders[1:] for path in folder.iterdir()] == []


def test_a_lock_is_not_made_elsewhere():
    Path("index").mkdir()
    Path("index", ".lock").symlink_to(Path("elsewhere").absolute())
    with pytest.raises(OSError, match="symbolic links"), locked(Path("index")):
        pass
    assert names() == ["index"]


@pytest.mark.parametrize("target", ["target", "there/target"])
def test_a_link_stays_and_its_target_is_replaced(target):
    Path("there").mkdir()
    Path(target).write_text("old")
    Path("other name").hardlink_to(target)
    Path("link").symlink_to(target)
    Path("link to it").symlink_to("link")
    write(output_file, "link to it")
    assert os.readlink("link to it") == "link"
    assert os.readlink("link") == target
    assert (Path("link to it").read_text(), Path(target).read_text()) == ("new", "new")
    assert Path("other name").read_text() == "old"  # in one step, not written over
    assert not list(Path().rglob(LEFTOVERS))


def test_a_link_to_nothing_makes_its_target():
    Path("there").mkdir()
    Path("link").symlink_to("there/target")
    check_output(OUTPUT, Path("link"))
    write(output_file, "link")
    assert Path("link").is_symlink()
    assert Path("there/target").read_text() == "new"


def test_a_link_in_a_folder_of_ours_is_replaced_and_its_target_is_not_touched():
    Path("victim").write_text("precious")
    Path("sparton.json").symlink_to("victim")
    write(whole_file, "sparton.json")
    assert not Path("sparton.json").is_symlink()
    assert (Path("sparton.json").read_text(), Path("victim").read_text()) == ("new", "precious")


@pytest.mark.parametrize("through_link", [False, True])
def test_a_device_stays_one(through_link):
    path = Path("null")
    if os.geteuid() == 0:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    else:
        path = Path("/dev/null")
    if through_link:
        Path("link").symlink_to(path)
        path = Path("link")
    check_output(OUTPUT, path)
    write(output_file, path)
    assert stat.S_ISCHR(path.stat().st_mode)
    assert path.stat().st_rdev == os.makedev(1, 3)


def test_a_terminal_is_written_to():
    ours, its = os.openpty()
    try:
        check_output(OUTPUT, Path(os.ttyname(its)))
        write(output_file, os.ttyname(its), b"new")
        assert os.read(ours, 100) == b"new"
    finally:
        os.close(ours)
        os.close(its)


def test_a_pipe_is_written_to():
    os.mkfifo("pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
    reader.start()
    check_output(OUTPUT, Path("pipe"))
    write(output_file, "pipe", b"new" * 100_000)
    reader.join(timeout=60)
    assert got == [b"new" * 100_000]
    assert names() == ["pipe"]
    assert Path("pipe").is_fifo()


def test_a_socket_is_written_to():
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        listening.listen()
        check_output(OUTPUT, Path("socket"))
        write(output_file, "socket", b"new" * 1_000)
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read() == b"new" * 1_000
    assert names() == ["socket"]


def test_what_is_open_is_gone_on_with():
    with open("a", "w+b") as stream:
        stream.write(b"before ")
        stream.flush()
        path = Path(f"/dev/fd/{stream.fileno()}")
        Path("link").symlink_to(path)
        for name in (path, Path("link"), Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")):
            check_output(OUTPUT, name)
            assert not is_stdout(name)
            write(output_file, name, b"new ")
        stream.write(b"after")
    assert Path("a").read_text() == "before new new new after"


def test_standard_output_is_written_through_our_own_stream(capfdbinary):
    print("before", end=" ")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1"):
        check_output(OUTPUT, Path(name))
        assert is_stdout(Path(name))
        write(output_file, name, b"new ")
    write(output_file, "/dev/stderr", b"aside")
    print("after", end="")
    assert capfdbinary.readouterr() == (b"before new new new new after", b"aside")


def test_a_descriptor_that_is_none_is_refused():
    number = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(UsageError) as caught:
        check_output(OUTPUT, Path(f"/dev/fd/{number}"))
    assert str(caught.value) == f"output is /dev/fd/{number}, which is open for reading only; name another file"
    os.close(number)
    with pytest.raises(UsageError) as caught:
        check_output(OUTPUT, Path(f"/dev/fd/{number}"))
    assert (
        str(caught.value)
        == f"output is /dev/fd/{number}, which cannot be written (Bad file descriptor); name another file"
    )


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("folder", "output is the folder folder; name a file"),
        ("to folder", "output is the folder to folder; name a file"),
        ("no/run", "output is no/run, and the folder no does not exist; make it, or name another file"),
        ("file/run", "output is file/run, which cannot be written (Not a directory); name another file"),
        ("loop", "output is loop, which cannot be written (Too many levels of symbolic links); name another file"),
        ("n" * 256, f"output is {'n' * 256}, which cannot be written (File name too long); name another file"),
        (
            "/proc/run",
            "output is /proc/run, and nothing can be written to the folder /proc (No such file or directory); name "
            "another file",
        ),
    ],
)
def test_what_cannot_be_written_is_found_out_before(path, sentence):
    Path("folder").mkdir()
    Path("file").touch()
    Path("to folder").symlink_to("folder")
    Path("loop").symlink_to("loop")
    with pytest.raises(UsageError) as caught:
        check_output(OUTPUT, Path(path))
    assert str(caught.value) == sentence
    assert names() == ["file", "folder", "loop", "to folder"]


def test_permissions_are_found_out_before(open_folder):
    (open_folder / "file").touch(mode=0o444)
    for mode, name, why in (
        (0o555, "new", f"and nothing can be written to the folder {open_folder} (Permission denied)"),
        (0o777, "file", "which cannot be written (Permission denied)"),
    ):
        open_folder.chmod(mode)
        with somebody(), pytest.raises(UsageError) as caught:
            check_output(OUTPUT, open_folder / name)
        assert str(caught.value) == f"output is {open_folder / name}, {why}; name another file"
    assert [path.name for path in open_folder.iterdir()] == ["file"]


def test_a_folder_that_may_be_written_to_and_not_listed_will_do(open_folder):
    open_folder.chmod(0o733)
    with somebody():
        check_output(OUTPUT, open_folder / "new")
        write(output_file, open_folder / "new")
    assert {path.name: path.read_text() for path in open_folder.iterdir()} == {"new": "new"}


def test_folders_that_are_to_be_made_need_one_to_be_made_in():
    Path("file").touch()
    Path("dangling").symlink_to("not yet")
    for path in ("new/deep/run", "dangling/run"):
        check_output(OUTPUT, Path(path), make_folders=True)
    assert names() == ["dangling", "file"]
    for path, folder, why in (
        ("file/deep/run", "", "which cannot be written (Not a directory)"),
        ("/proc/new/run", "/proc", "and nothing can be written to the folder /proc (No such file or directory)"),
    ):
        with pytest.raises(UsageError) as caught:
            check_output(OUTPUT, Path(path), make_folders=True)
        assert str(caught.value) == f"output is {path}, {why}; name another file", folder
    make_folder(Path("dangling"))
    assert names() == ["dangling", "file", "not yet"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/proc/x", "nothing can be written to the folder /proc (No such file or directory)"),
        ("/proc/x/y", "nothing can be written to the folder /proc (No such file or directory)"),
        ("/dev/full/x", "which cannot be written (Not a directory)"),
        ("n" * 256, "which cannot be written (File name too long)"),
    ],
)
def test_folders_that_cannot_be_written_are_found_out_by_every_command(run_cli, bags, small_index, path, why):
    before = names()
    why = why if why.startswith("which") else f"and {why}"
    for command, flag in (
        (("export", small_index, "--to", "ciff", "-o", path), "-o"),
        (("index", bags, "--index", path), "--index"),
        (("index-vectors", small_index / "collection", "--index", path), "--index"),
        (("encode", bags, "--output", path), "--output"),
    ):
        ran = run_cli(*command)
        assert (ran.code, ran.stdout) == (2, "")
        assert ran.stderr.splitlines()[-1] == f"Error: {flag} is {path}, {why}; name another folder"
    assert names() == before


def test_an_index_folder_without_permission_is_found_out_before(open_folder):
    open_folder.chmod(0o555)
    with somebody(), pytest.raises(UsageError) as caught:
        open_index_location(open_folder, overwrite=False)
    assert str(caught.value) == (
        f"index is {open_folder}, and nothing can be written to the folder {open_folder} (Permission denied); name "
        "another folder"
    )


@pytest.mark.parametrize("name", ["topics", "./topics", "link", "link to it", "hard link", "folder link/topics"])
def test_an_input_is_no_output_by_whatever_name(name):
    Path("topics").write_text("1\tbag\n")
    Path("link").symlink_to("topics")
    Path("link to it").symlink_to("link")
    Path("hard link").hardlink_to("topics")
    Path("folder link").symlink_to(".")
    with pytest.raises(UsageError) as caught:
        refuse_inputs(OUTPUT, [Path("else"), Path(name)], {Path("other"): "that", Path("topics"): "the topics topics"})
    assert str(caught.value) == (
        f"output is {Path(name)}, which is the topics topics and would be overwritten; name another file"
    )
    with pytest.raises(UsageError, match="would be overwritten"):
        refuse_inputs(OUTPUT, [Path("topics")], {Path(name): "the topics"})


@pytest.mark.parametrize("name", ["index/sparton.json", "index/new/deep.trec", "link/run", "to json", "disk/run"])
def test_an_index_folder_is_for_the_index_alone(name):
    for folder in ("index", "disk"):
        Path(folder).mkdir()
    Path("index/sparton.json").touch()
    Path("index/lucene").symlink_to("../disk")
    Path("link").symlink_to("index")
    Path("to json").symlink_to("index/sparton.json")
    inputs = {Path("index"): "the index index", Path("index/lucene"): "the index index"}
    with pytest.raises(UsageError) as caught:
        refuse_inputs(OUTPUT, [Path(name)], inputs)
    assert str(caught.value) == (
        f"output is {name}, which lies in the index index; only the index itself is written to that folder, so name "
        "another file"
    )
    refuse_inputs(OUTPUT, [Path("run"), Path("indexes/run"), Path("/dev/null")], inputs)


@pytest.mark.parametrize("name", ["index/deep/corpus", "link/deep/corpus", "to corpus", "index/deep/hard link"])
def test_an_input_does_not_lie_in_an_index_that_is_written(name):
    Path("index/deep").mkdir(parents=True)
    Path("index/deep/corpus").touch()
    Path("index/deep/hard link").hardlink_to("index/deep/corpus")
    Path("link").symlink_to("index")
    Path("to corpus").symlink_to("index/deep/corpus")
    with pytest.raises(UsageError) as caught:
        refuse_inputs(Parameter("index"), [Path("index")], {Path(name): f"the corpus file {name}"})
    assert str(caught.value) == (
        f"the corpus file {name} lies in the index folder index, which is to be written; name another with index"
    )
    refuse_inputs(Parameter("index"), [Path("index/deep/new")], {Path(name): "the corpus"})


def test_a_terminal_may_be_read_and_written():
    refuse_inputs(OUTPUT, [Path("/dev/null")], {Path("/dev/null"): "the topics"})


def tree(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_text() for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("old", ["nothing", "folder", "file", "link", "dangling link"])
def test_a_folder_is_removed_with_what_an_interruption_left_of_another(old):
    Path("away/deep").mkdir(parents=True)
    Path("away/deep/file").touch()
    Path("kept").mkdir()
    Path("kept/file").write_text("precious")
    Path("away/deep/link").symlink_to("../../kept")
    match old:
        case "folder":
            shutil.copytree("away", "away.old", symlinks=True)
        case "file":
            Path("away.old").touch()
        case "link":
            Path("away.old").symlink_to("kept")
        case "dangling link":
            Path("away.old").symlink_to("nowhere")
    remove_folder(Path("away"))
    assert names() == ["kept"]
    assert tree(Path("kept")) == {"file": "precious"}
    remove_folder(Path("away"))


@pytest.mark.parametrize("target", ["disk", "nowhere"])
def test_of_a_link_the_link_is_removed_and_what_it_points_at_stays(here, caplog, target):
    Path("disk").mkdir()
    Path("disk/file").write_text("precious")
    Path("lucene").symlink_to(target)
    with caplog.at_level("INFO", "sparton"):
        remove_folder(Path("lucene"))
    assert names() == ["disk"]
    assert tree(Path("disk")) == {"file": "precious"}
    assert caplog.messages == [f"lucene was a link, which is removed; {here / target} is left as it is"]

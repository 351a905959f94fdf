"""A virtual file system in memory for SQLite, registered in the library that Python uses.

All that SQLite writes and syncs is told to ``watch``, unless ``refuse`` gives an error code
for the operation, "read", "write" or "sync", and the file; the files are a dictionary that the
caller can fill, so that a disk after a power cut can be opened by the program's own code.
"""

from __future__ import annotations

import ctypes
import errno
import sqlite3
from collections.abc import Callable, Mapping
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dlmsd.store import database, log
from tests.powercut.disk import Lose, Operation, Sync, Unlink, Write

OK, BUSY, NOT_FOUND, CANT_OPEN, SHORT_READ = 0, 5, 12, 14, 522
_EXCLUSIVE = 4
_CREATE = 0x4
_POWERSAFE_OVERWRITE = 0x1000
_NAME = b"powercut"
# SQLite calls into a file system as long as a connection to it is not closed, and those of a
# process that was killed are closed when Python finds the time.
_EVER: list[Any] = []
_LIFE = "@"


def library() -> ctypes.CDLL:
    """The SQLite library in which Python's own sqlite3 module runs."""
    sqlite3.connect(":memory:").close()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[-1]
        if "libsqlite3" in path:
            return ctypes.CDLL(path)
    import _sqlite3

    return ctypes.CDLL(_sqlite3.__file__)


class _File(Structure):
    _fields_ = [("methods", c_void_p), ("number", c_int64)]


class _Methods(Structure):
    pass


class _Vfs(Structure):
    pass


_FILE = POINTER(_File)
_VFS = POINTER(_Vfs)


def _function(*arguments: Any, result: Any = c_int) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)


_Methods._fields_ = [
    ("version", c_int),
    ("close", _function(_FILE)),
    ("read", _function(_FILE, c_void_p, c_int, c_int64)),
    ("write", _function(_FILE, c_void_p, c_int, c_int64)),
    ("truncate", _function(_FILE, c_int64)),
    ("sync", _function(_FILE, c_int)),
    ("file_size", _function(_FILE, POINTER(c_int64))),
    ("lock", _function(_FILE, c_int)),
    ("unlock", _function(_FILE, c_int)),
    ("check_reserved_lock", _function(_FILE, POINTER(c_int))),
    ("file_control", _function(_FILE, c_int, c_void_p)),
    ("sector_size", _function(_FILE)),
    ("device_characteristics", _function(_FILE)),
    ("shm_map", _function(_FILE, c_int, c_int, c_int, POINTER(c_void_p))),
    ("shm_lock", _function(_FILE, c_int, c_int, c_int)),
    ("shm_barrier", _function(_FILE, result=None)),
    ("shm_unmap", _function(_FILE, c_int)),
]
_Vfs._fields_ = [
    ("version", c_int),
    ("size_of_file", c_int),
    ("max_pathname", c_int),
    ("next", c_void_p),
    ("name", c_char_p),
    ("data", c_void_p),
    ("open", _function(_VFS, c_char_p, _FILE, c_int, POINTER(c_int))),
    ("delete", _function(_VFS, c_char_p, c_int)),
    ("access", _function(_VFS, c_char_p, c_int, POINTER(c_int))),
    ("full_pathname", _function(_VFS, c_char_p, c_int, POINTER(ctypes.c_char))),
    *((name, c_void_p) for name in ("dl_open", "dl_error", "dl_sym", "dl_close")),
    *((name, c_void_p) for name in ("randomness", "sleep", "current_time", "get_last_error")),
    ("current_time_int64", c_void_p),
]


def _tail(name: str) -> str:
    """What SQLite appends to the name of a file for those beside it."""
    return next((end for end in ("-wal", "-journal", "-shm") if name.endswith(end)), "")


class MemoryVfs:
    """``with MemoryVfs() as vfs:`` every new connection of this process opens ``vfs.files``."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self._life = 0
        self.watch: Callable[[Operation], None] = lambda operation: None
        self.refuse: Callable[[str, str], int] = lambda operation, file: 0
        self._library = library()
        self._library.sqlite3_vfs_find.restype = _VFS
        self._open_files: dict[int, tuple[dict[str, bytearray], str]] = {}
        self._levels: dict[int, int] = {}
        self._next = 0
        self._shared: dict[tuple[str, int], Any] = {}
        self._methods = self._make_methods()
        self._before = self._library.sqlite3_vfs_find(None)
        self._vfs = self._make_vfs(self._before.contents)
        self._beside = patch.multiple(log, octets=self._octets, renew=self._renew)
        _EVER.append(self)

    def __enter__(self) -> MemoryVfs:
        assert self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == OK
        self._beside.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.stop()
        self.files = {}
        self._library.sqlite3_vfs_register(self._before, 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def begin(self, files: Mapping[str, bytearray]) -> None:
        """Another life begins with these files.

        Connections of the one before, which its process has taken along, still see theirs:
        closing them late must not touch what is new.
        """
        self._life += 1
        database._LEFT.clear()
        self.files = {}
        for name, content in files.items():
            self.files[f"{name.partition(_LIFE)[0]}{_LIFE}{self._life}{_tail(name)}"] = content

    def _octets(self, path: Path, place: int, size: int) -> bytes:
        """What the program reads of a log beside SQLite."""
        log = self.files.get(f"{path}{_LIFE}{self._life}-wal", b"")
        return bytes(log[place : place + size])

    def _renew(self, path: Path) -> None:
        """What the program does to a log beside SQLite."""
        name = f"{path}{_LIFE}{self._life}-wal"
        if name in self.files:
            self.watch(Write(name, 0, bytes(self.files[name])))
            if self.refuse("sync", name) != OK:
                self.watch(Lose(name))
                raise OSError(errno.EIO, "a sync failed")
            self.watch(Sync(name))

    def version(self) -> str:
        """The source id of the library that this is registered in."""
        self._library.sqlite3_sourceid.restype = c_char_p
        told: bytes = self._library.sqlite3_sourceid()
        return told.decode()

    def _make_vfs(self, default: Any) -> Any:
        vfs = _Vfs()
        for name, _ in _Vfs._fields_:
            setattr(vfs, name, getattr(default, name))
        vfs.version, vfs.size_of_file, vfs.name = 2, ctypes.sizeof(_File), _NAME
        kinds = dict(_Vfs._fields_)
        vfs.open = kinds["open"](self._open)
        vfs.delete = kinds["delete"](self._delete)
        vfs.access = kinds["access"](self._access)
        vfs.full_pathname = kinds["full_pathname"](self._full_pathname)
        return vfs

    def _make_methods(self) -> Any:
        methods = _Methods()
        methods.version = 2
        for name, kind in _Methods._fields_[1:]:
            setattr(methods, name, kind(getattr(self, f"_{name}")))
        return methods

    # The file system.

    def _open(self, vfs: Any, name: bytes | None, file: Any, flags: int, told: Any) -> int:
        path = name.decode() if name else f"temporary {self._next}"
        if path not in self.files:
            if not flags & _CREATE and name:
                file.contents.methods = None
                return CANT_OPEN
            self.files[path] = bytearray()
        self._next += 1
        self._open_files[self._next] = self.files, path
        file.contents.number = self._next
        file.contents.methods = ctypes.addressof(self._methods)
        if told:
            told[0] = flags
        return OK

    def _delete(self, vfs: Any, name: bytes, sync: int) -> int:
        if self.files.pop(name.decode(), None) is not None:
            self.watch(Unlink(name.decode()))
        return OK

    def _access(self, vfs: Any, name: bytes, flags: int, told: Any) -> int:
        told[0] = int(name.decode() in self.files)
        return OK

    def _full_pathname(self, vfs: Any, name: bytes, size: int, told: Any) -> int:
        full = name if _LIFE.encode() in name else name + f"{_LIFE}{self._life}".encode()
        ctypes.memmove(told, full + b"\0", len(full) + 1)
        return OK

    # One file.

    def _opened(self, file: Any) -> tuple[dict[str, bytearray], str]:
        return self._open_files[file.contents.number]

    def _tell(self, files: dict[str, bytearray], operation: Operation) -> None:
        if files is self.files:
            self.watch(operation)

    def _close(self, file: Any) -> int:
        del self._open_files[file.contents.number]
        self._levels.pop(file.contents.number, None)
        return OK

    def _read(self, file: Any, into: int, size: int, offset: int) -> int:
        files, name = self._opened(file)
        if (code := self.refuse("read", name)) != OK:
            return code
        octets = bytes(files[name][offset : offset + size])
        ctypes.memmove(into, octets + bytes(size - len(octets)), size)
        return OK if len(octets) == size else SHORT_READ

    def _write(self, file: Any, octets: int, size: int, offset: int) -> int:
        files, name = self._opened(file)
        if (code := self.refuse("write", name)) != OK:
            return code
        content, written = files[name], ctypes.string_at(octets, size)
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + size] = written
        self._tell(files, Write(name, offset, written))
        return OK

    def _truncate(self, file: Any, size: int) -> int:
        files, name = self._opened(file)
        del files[name][size:]
        self._tell(files, Write(name, size, None))
        return OK

    def _sync(self, file: Any, flags: int) -> int:
        files, name = self._opened(file)
        if (code := self.refuse("sync", name)) != OK:
            self._tell(files, Lose(name))
            return code
        self._tell(files, Sync(name))
        return OK

    def _file_size(self, file: Any, told: Any) -> int:
        files, name = self._opened(file)
        told[0] = len(files[name])
        return OK

    def _lock(self, file: Any, level: int) -> int:
        """Nobody waits here for another, but the last one to close a file removes its log."""
        number = file.contents.number
        others = (self._open_files[one][1] for one in self._levels if one != number)
        if level == _EXCLUSIVE and self._opened(file)[1] in others:
            return BUSY
        self._levels[number] = level
        return OK

    def _unlock(self, file: Any, level: int) -> int:
        if level:
            self._levels[file.contents.number] = level
        else:
            self._levels.pop(file.contents.number, None)
        return OK

    def _check_reserved_lock(self, file: Any, told: Any) -> int:
        told[0] = 0
        return OK

    def _file_control(self, file: Any, what: int, argument: int) -> int:
        return NOT_FOUND

    def _sector_size(self, file: Any) -> int:
        return 4096

    def _device_characteristics(self, file: Any) -> int:
        # As the file system of Unix claims: a torn write harms nothing beside it.
        return _POWERSAFE_OVERWRITE

    def _shm_map(self, file: Any, page: int, size: int, extend: int, told: Any) -> int:
        key = self._opened(file)[1], page
        if key not in self._shared:
            if not extend:
                told[0] = None
                return OK
            self._shared[key] = ctypes.create_string_buffer(size)
        told[0] = ctypes.addressof(self._shared[key])
        return OK

    def _shm_lock(self, file: Any, offset: int, count: int, flags: int) -> int:
        return OK

    def _shm_barrier(self, file: Any) -> None:
        pass

    def _shm_unmap(self, file: Any, delete: int) -> int:
        if delete:
            name = self._opened(file)[1]
            for key in [key for key in self._shared if key[0] == name]:
                del self._shared[key]
        return OK

"""What a server answers when it does not do what it was asked."""

from __future__ import annotations


class RestError(Exception):
    """``status`` of HTTP and ThingsBoard's own ``code`` beside it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def unauthorized(message: str = "Authentication failed") -> RestError:
    """R3"""
    return RestError(401, 10, message)


def expired() -> RestError:
    """R1"""
    return RestError(401, 11, "Token has expired")


def forbidden() -> RestError:
    """R4"""
    return RestError(403, 20, "You don't have permission to perform this operation!")


def bad(message: str) -> RestError:
    """R6"""
    return RestError(400, 31, message)


def missing(message: str) -> RestError:
    """R5"""
    return RestError(404, 32, message)


def crowded() -> RestError:
    """R16"""
    return RestError(429, 33, "Too many requests for current tenant!")


def stale() -> RestError:
    """R7"""
    return RestError(409, 35, "Entity was already changed by someone else")

"""Devices at ThingsBoard for meters and gateways: found or made, with their tokens.

Whatever is there already stays as it is, so that it can be done again at any time: after a
failure, after more meters, or to fetch a token that was lost.
"""

from __future__ import annotations

import base64
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.values import MeterOptions
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish.facts import identity
from dlmsd.publish.rest import RejectedError
from dlmsd.publish.tenant import Device, NewDevice, Tenant
from dlmsd.secret import Secret

# Requests at once, and devices in one import: ThingsBoard takes minutes over very long ones.
PARALLEL: Final = 4
CHUNK: Final = 100

T = TypeVar("T")


@frozen
class Wish:
    """What one meter or sink, ``name``, needs: a device and its token.

    ``token`` is the one that the configuration has, or ``own`` are its other credentials, for
    which no token is made. ``attributes`` are texts that no server takes for numbers.
    """

    name: str
    device: str
    type: str
    token: Secret | None = None
    attributes: Mapping[str, str] = field(factory=dict)
    gateway: bool = False
    own: DeviceCredentials | None = None

    @classmethod
    def of(
        cls,
        meter: MeterOptions,
        type_: str,
        status: MeterStatus | None = None,
        asked: Identity | None = None,
    ) -> Wish:
        """What a meter needs; ``type_`` is the device profile, ``status`` and ``asked`` what it
        has told.
        """
        known, given = identity(meter, status, asked), meter.credentials
        own = given if given and given.token is None else None
        return cls(meter.name, meter.device_name, type_, meter.token, known, own=own)


class Outcome(enum.Enum):
    """What became of a wish; the value is what is shown."""

    CREATED = "created"
    FOUND = "found"
    CHANGED = "token changed"
    RENEWED = "credentials changed"
    MISSING = "to be created"
    CONFLICT = "conflict"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether its token works, or would."""
        return self not in (Outcome.CONFLICT, Outcome.FAILED)


@frozen
class Granted:
    """The end of one wish; ``token`` is the one that ThingsBoard knows, if it has one."""

    wish: Wish
    outcome: Outcome
    token: Secret | None = None
    error: str = ""
    advice: str = ""


class ConflictError(RejectedError):
    """Take the token out of the configuration to have ThingsBoard's; or give --set-tokens to have
    the configuration's there, which ends the session of whoever uses the other."""


class Provisioning:
    """Carries wishes out; ``told`` hears the end of each, as soon as it is there.

    ``draw`` gives unpredictable bytes. Where ThingsBoard has another token than the
    configuration, ``set_tokens`` makes the configuration's the one. ``dry`` only looks.
    """

    def __init__(
        self,
        tenant: Tenant,
        draw: Callable[[int], bytes],
        told: Callable[[Granted], None],
        *,
        set_tokens: bool = False,
        dry: bool = False,
    ) -> None:
        self._tenant = tenant
        self._draw = draw
        self._told = told
        self._set_tokens = set_tokens
        self._dry = dry

    async def run(self, wishes: Sequence[Wish]) -> None:
        """Raises RestError for what concerns all of them, such as a refused login."""
        missing: list[Wish] = []

        async def look(wish: Wish) -> None:
            device = await self._tenant.find(wish.device)
            if device is not None:
                await self._have(wish, device)
            elif self._dry:
                self._told(Granted(wish, Outcome.MISSING))
            else:
                missing.append(wish)

        await _each(wishes, self._judged(look), PARALLEL)
        alone = [wish for wish in missing if wish.gateway or wish.own]
        await _each(alone, self._judged(self._make), 1)
        many = [wish for wish in missing if not (wish.gateway or wish.own)]
        chunks = [many[at : at + CHUNK] for at in range(0, len(many), CHUNK)]
        await _each(chunks, self._make_many, 1)

    def _judged(self, work: Callable[[Wish], Awaitable[None]]) -> Callable[[Wish], Awaitable[None]]:
        """``work``, by which a wish may fail alone."""

        async def judged(wish: Wish) -> None:
            try:
                await work(wish)
            except RejectedError as error:
                conflict = isinstance(error, ConflictError)
                outcome = Outcome.CONFLICT if conflict else Outcome.FAILED
                self._told(Granted(wish, outcome, error=str(error), advice=error.advice))

        return judged

    async def _have(self, wish: Wish, device: Device) -> None:
        token, outcome = None, Outcome.FOUND
        if wish.own is not None:
            if not await self._tenant.has(device, wish.own):
                await self._other_credentials(wish.own, device)
                outcome = Outcome.RENEWED
        else:
            token = await self._tenant.token(device)
            if token is None or (wish.token is not None and wish.token != token):
                token, outcome = await self._other_token(wish, device, token), Outcome.CHANGED
        if not self._dry:
            if wish.gateway and not device.gateway:
                await self._tenant.make_gateway(device)
            await self._tenant.set_attributes(device, wish.attributes)
        self._told(Granted(wish, outcome, token))

    async def _other_token(self, wish: Wish, device: Device, there: Secret | None) -> Secret:
        if not self._set_tokens:
            if there is None:
                raise ConflictError("its device has other credentials than an access token")
            assert wish.token is not None
            raise ConflictError(
                f"ThingsBoard has the token with fingerprint {there.fingerprint()}, "
                f"the configuration {wish.token.fingerprint()}"
            )
        token = wish.token or self._fresh()
        if not self._dry:
            await self._tenant.set_credentials(device, DeviceCredentials(token))
        return token

    async def _other_credentials(self, own: DeviceCredentials, device: Device) -> None:
        if not self._set_tokens:
            raise ConflictError("ThingsBoard has other credentials than the configuration")
        if not self._dry:
            await self._tenant.set_credentials(device, own)

    async def _make(self, wish: Wish) -> None:
        new = self._new(wish)
        await self._tenant.create(new)
        self._told(Granted(wish, Outcome.CREATED, new.credentials.token))

    async def _make_many(self, wishes: Sequence[Wish]) -> None:
        all_new = [self._new(wish) for wish in wishes]
        try:
            await self._tenant.create_many(all_new)
        except RejectedError as error:
            await self._after(wishes, error)
        else:
            for wish, new in zip(wishes, all_new, strict=True):
                self._told(Granted(wish, Outcome.CREATED, new.credentials.token))

    async def _after(self, wishes: Sequence[Wish], error: RejectedError) -> None:
        """Some were made: which, and with which token, ThingsBoard knows."""

        async def look(wish: Wish) -> None:
            device = await self._tenant.find(wish.device)
            if device is None:
                raise error
            self._told(Granted(wish, Outcome.CREATED, await self._tenant.token(device)))

        await _each(wishes, self._judged(look), PARALLEL)

    def _new(self, wish: Wish) -> NewDevice:
        given = wish.own or DeviceCredentials(wish.token or self._fresh())
        return NewDevice(wish.device, wish.type, given, wish.attributes, wish.gateway)

    def _fresh(self) -> Secret:
        """As long as ThingsBoard's own."""
        return Secret(base64.urlsafe_b64encode(self._draw(15)))


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[None]], parallel: int) -> None:
    """``work`` on all of them, some at once; the first that fails is the last that begins."""
    queue = deque(items)

    async def worker() -> None:
        while queue:
            try:
                await work(queue.popleft())
            except BaseException:
                queue.clear()
                raise

    workers = [Deferred.fromCoroutine(worker()) for _ in range(min(parallel, len(queue)))]
    try:
        await gatherResults(workers, consumeErrors=True)
    except FirstError as first:
        error = first.subFailure.value
        assert error is not None
        raise error from None

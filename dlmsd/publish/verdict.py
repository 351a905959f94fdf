"""Why a broker closes, by what it said, and else by how it behaved.

What MQTT has a code for is taken at its word. For the rest the table, from above:

* a PINGREQ without answer when it closed: keep alive;
* closed, and then attempts refused: the broker went down, and if it is back: a restart;
* closed while nothing was said for a while, and nothing was in flight, best of all in a silent
  probe: another client. What we send cannot be the cause;
* closed with messages in flight: what we send is the cause. If they pass later: a rate limit.
  If one of them never does while others to its topic do: poison. If none to its topic
  ever does: the topic is refused.

What fits none of it is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from dlmsd.model import CloseCause
from dlmsd.publish import troubles
from dlmsd.publish.episodes import HOUR, IDLE, Ending, Episodes, Refusal

# Another client comes back within two minutes (paho's longest delay).
RETURN: Final = 150.0
# So long after the last trouble the connection is taken to be well. Who shares our token and
# is polite comes back only after its own back-off.
QUIET: Final = 300.0
QUIET_TAKEOVER: Final = 900.0
# A refusal in words explains a close that comes so soon after it.
PROMPT: Final = 5.0
BURST: Final = 300.0
SLOW: Final = 900.0
# From this confidence on, what we do and what we advise follow the verdict.
SURE: Final = 0.8
CERTAIN: Final = 0.95


@frozen
class Finding:
    """A verdict on one connection; ``since`` in seconds of the reactor's clock."""

    cause: CloseCause
    confidence: float
    evidence: tuple[str, ...]
    since: float


_KINDS: Final[Mapping[type[troubles.Trouble], tuple[CloseCause, float]]] = {
    troubles.CredentialsTrouble: (CloseCause.CREDENTIALS, 0.98),
    troubles.ClientIdTrouble: (CloseCause.CREDENTIALS, 0.9),
    troubles.BannedTrouble: (CloseCause.CREDENTIALS, 0.6),
    troubles.TakenOverTrouble: (CloseCause.TAKEOVER, 0.99),
    troubles.TLSTrouble: (CloseCause.TLS, 0.95),
    troubles.UnresolvedTrouble: (CloseCause.UNREACHABLE, 0.95),
    troubles.UnreachableTrouble: (CloseCause.UNREACHABLE, 0.95),
    troubles.UnavailableTrouble: (CloseCause.UNREACHABLE, 0.8),
    troubles.CrowdedTrouble: (CloseCause.HOST, 0.99),
    troubles.PoisonTrouble: (CloseCause.POISON, 0.95),
    troubles.UnacknowledgedTrouble: (CloseCause.REFUSED_TOPIC, 0.6),
}
_REASONS: Final[Mapping[int, tuple[CloseCause, float]]] = {
    0x8B: (CloseCause.RESTART, 0.95),
    0x8D: (CloseCause.KEEPALIVE, 0.98),
    0x90: (CloseCause.REFUSED_TOPIC, 0.97),
    0x96: (CloseCause.RATE, 0.97),
    0x97: (CloseCause.RATE, 0.95),
    0x9A: (CloseCause.REFUSED_TOPIC, 0.9),
    0x9B: (CloseCause.REFUSED_TOPIC, 0.9),
    0x9F: (CloseCause.RATE, 0.95),
}
_AWAY: Final = (
    troubles.UnreachableTrouble,
    troubles.UnavailableTrouble,
    troubles.ClosedTrouble,
    troubles.SilentTrouble,
)
# Those that a CONNACK disproves.
_OVER_WHEN_UP: Final = (
    CloseCause.CREDENTIALS,
    CloseCause.TLS,
    CloseCause.UNREACHABLE,
    CloseCause.HOST,
)


def judge(episodes: Episodes) -> Finding | None:
    """Why the last endings came, None where there is nothing to explain."""
    if not episodes.endings and not episodes.refusals:
        return None
    endings = episodes.recent()
    last = max((one[-1].at for one in (endings, episodes.refusals) if one), default=float("-inf"))
    quiet = episodes.seconds() - last
    if quiet > QUIET_TAKEOVER and episodes.up:
        return None
    finding = _denied(episodes, endings) or _refused(episodes, endings)
    finding = finding or _judge_endings(episodes, endings)
    if finding is None or not episodes.up:
        return finding
    if finding.cause in _OVER_WHEN_UP:
        return None
    return finding if finding.cause is CloseCause.TAKEOVER or quiet <= QUIET else None


def wordless(episodes: Episodes, seconds: float = HOUR) -> list[Ending]:
    """The endings that nothing explains but behaviour; no restarts."""
    endings = episodes.recent(seconds)
    return [
        one
        for at, one in enumerate(endings)
        if one.wordless and not any(map(_away, endings[at + 1 : at + 2]))
    ]


def _away(ending: Ending) -> bool:
    return not ending.accepted and isinstance(ending.trouble, _AWAY)


def _refused(episodes: Episodes, endings: Sequence[Ending]) -> Finding | None:
    """What the broker refused in words, or was found to close upon, explains what came then."""
    if not episodes.refusals:
        return None
    last = episodes.refusals[-1]
    if endings and endings[-1].at > last.at + PROMPT:
        # A conviction takes some closes; those after it are of the next message of the kind.
        goes_on = endings[-1].wordless and not endings[-1].silent
        if not (goes_on and _convictions(episodes)):
            return None
    if isinstance(last.trouble, troubles.PoisonTrouble):
        if last.trouble.reason is None and len(episodes.acquitted(BURST)) > 2:
            return None
        return _poison(episodes, last)
    found = _named(last.trouble, accepted=True)
    if found is None:
        return None
    same = [one for one in episodes.refusals if one.trouble.reason == last.trouble.reason]
    topics = sorted({one.topic for one in same})
    words = f"{len(same)} messages refused, to {_some(topics)}; the last: {last.trouble}"
    return Finding(*found, (words,), same[0].at)


def _denied(episodes: Episodes, endings: Sequence[Ending]) -> Finding | None:
    """Acknowledged, never given back to the canary, and closed: not any one message is to blame."""
    if not episodes.unechoed or not endings or not endings[-1].wordless or endings[-1].silent:
        return None
    closes = [one for one in wordless(episodes) if not one.silent and not idle_close(one)]
    if len(closes) < 3:
        return None
    topics = _some(sorted(episodes.unechoed))
    words = f"closed {_times(len(closes))} upon messages to {topics}"
    back = "what it acknowledges there never comes back"
    return Finding(CloseCause.REFUSED_TOPIC, 0.9, (words, back), closes[0].at)


def _convictions(episodes: Episodes) -> list[Refusal]:
    return [one for one in episodes.refusals if isinstance(one.trouble, troubles.PoisonTrouble)]


def _poison(episodes: Episodes, last: Refusal) -> Finding:
    same = _convictions(episodes)
    times = Counter(one.topic for one in same)
    passed = last.topic in episodes.passes
    words = f"{times[last.topic]} messages to {last.topic} were put aside; the last: {last.trouble}"
    since = same[0].at
    if passed or last.trouble.reason is not None:
        others = f"others to {last.topic} pass" if passed else "so the broker says"
        return Finding(CloseCause.POISON, 0.95, (words, others), since)
    never = [topic for topic in times if topic not in episodes.passes]
    none = f"no message to {_some(sorted(never))} has ever passed"
    if sum(times[topic] for topic in never) > 1:
        return Finding(CloseCause.REFUSED_TOPIC, 0.9, (words, none), since)
    return Finding(CloseCause.POISON, 0.5, (words, none), since)


def _judge_endings(episodes: Episodes, endings: Sequence[Ending]) -> Finding | None:
    if not endings:
        return None
    last = endings[-1]
    if last.wordless:
        return _behaviour(episodes, last)
    if _away(last):
        return _gone(episodes, endings, last)
    found = _named(last.trouble, last.accepted)
    same = [one for one in endings if type(one.trouble) is type(last.trouble)]
    words = f"{_times(sum(one.count for one in same))}: {last.trouble}"
    if found is None:
        return Finding(CloseCause.UNKNOWN, 0.3, (words,), same[0].since)
    if found[0] is CloseCause.TAKEOVER:
        words = f"another client uses {episodes.who}; {words}"
    return Finding(*found, (words,), same[0].since)


def _named(trouble: troubles.Trouble, accepted: bool) -> tuple[CloseCause, float] | None:
    """What the broker, TLS or TCP said in so many words."""
    if accepted and trouble.reason == 0x87:
        return CloseCause.REFUSED_TOPIC, 0.95
    if trouble.reason is not None and trouble.reason in _REASONS:
        return _REASONS[trouble.reason]
    if isinstance(trouble, troubles.SilentTrouble) and accepted:
        return CloseCause.KEEPALIVE, 0.9
    return next((found for kind, found in _KINDS.items() if isinstance(trouble, kind)), None)


def _gone(episodes: Episodes, endings: Sequence[Ending], last: Ending) -> Finding:
    """Attempts fail; if a connection ended before, the broker, or what is before it, went."""
    before = next((one for one in reversed(endings) if one.accepted), None)
    failed = [one for one in endings if before is None or one.at > before.at]
    tries = f"{_times(sum(one.count for one in failed))} no connection: {last.trouble}"
    told = any(one.trouble.reason == 0x8B for one in endings)
    if before is not None and (episodes.up or told):
        words = f"a connection ended after {_seconds(before.lifetime)}"
        back = ("then the broker accepted again",) if episodes.up else ()
        return Finding(CloseCause.RESTART, 0.95, (words, tries, *back), before.at)
    if isinstance(last.trouble, troubles.ClosedTrouble):
        words = "it closes before it answers CONNECT"
        return Finding(CloseCause.UNKNOWN, 0.3, (tries, words), failed[0].since)
    confidence = 0.7 if isinstance(last.trouble, troubles.SilentTrouble) else 0.95
    return Finding(CloseCause.UNREACHABLE, confidence, (tries,), failed[0].since)


def _behaviour(episodes: Episodes, last: Ending) -> Finding:
    closes = wordless(episodes) or [last]
    since = closes[0].at
    if last.pinging:
        words = "a PINGREQ was without answer when the connection ended"
        return Finding(CloseCause.KEEPALIVE, 0.85, (words, *_counts(closes)), last.at)
    unheard = [one for one in closes if one.unheard]
    if last.unheard and len(unheard) > 1:
        words = f"closed {_times(len(unheard))} upon SUBSCRIBE, before its SUBACK"
        return Finding(CloseCause.REFUSED_TOPIC, SURE, (words,), unheard[0].at)
    finding = _takeover(episodes, closes) or _sent(episodes, [c for c in closes if not c.silent])
    return finding or Finding(CloseCause.UNKNOWN, 0.3, _counts(closes), since)


def _takeover(episodes: Episodes, closes: Sequence[Ending]) -> Finding | None:
    silent = [one for one in closes if one.silent]
    idle = [one for one in closes if idle_close(one)]
    soon = [one for one in idle if one.lifetime <= RETURN]
    if len(silent) > 1:
        confidence = 0.97
    elif silent and len(closes) > 1:
        confidence = 0.88
    elif len(soon) > 1 and len(idle) > 2 and 2 * len(idle) > len(closes):
        confidence = 0.85 if len(idle) < 5 else CERTAIN
    elif soon and len(idle) > 1 and len(idle) == len(closes):
        confidence = 0.6
    else:
        return None
    lives = ", ".join(_seconds(one.lifetime) for one in [*silent, *soon][-3:])
    words = (
        f"another client uses {episodes.who}",
        f"{len(silent)} connections that sent nothing and {len(idle)} with nothing in flight "
        f"were closed, the last after {lives}",
    )
    return Finding(CloseCause.TAKEOVER, confidence, words, closes[0].at)


def idle_close(ending: Ending) -> bool:
    """Whether nothing that we sent can have been its cause, though it was no probe."""
    return not ending.silent and not ending.flying and ending.quiet >= IDLE


def _sent(episodes: Episodes, closes: Sequence[Ending]) -> Finding | None:
    """Something that we send is the cause: which kind of thing?"""
    loaded = [one for one in closes if not idle_close(one)]
    if not loaded:
        return None
    stuck = [one for one in loaded if one.doubted or (one.flying and not one.flying[0][1])]
    since = loaded[0].at
    burst = episodes.acquitted(BURST)
    if len(burst) < 3:
        burst = episodes.acquitted(SLOW)
    if len(burst) < (3 if burst and burst[-1].at - burst[0].at <= BURST else 4):
        return _stuck(episodes, stuck, since) if stuck else None
    confidence = 0.9 if len(burst) > 4 else SURE
    words = (
        f"closed {_times(len(burst))} within {_seconds(burst[-1].at - burst[0].at)}, each time "
        "with messages that passed later",
        f"{sum(one.passed for one in burst)} messages passed on these connections",
        *_survived(episodes, since),
    )
    return Finding(CloseCause.RATE, confidence, words, burst[0].at)


def _stuck(episodes: Episodes, stuck: Sequence[Ending], since: float) -> Finding | None:
    firsts = [next(f for f in one.flying if not f[1] or one.doubted & set(f[1])) for one in stuck]
    topics = {topic for topic, _ in firsts}
    latest = max(episodes.passes.get(topic, float("-inf")) for topic in topics)
    words = (f"closed {_times(len(stuck))} upon messages to {_some(sorted(topics))}",)
    if latest < since:
        ever = latest > float("-inf")
        patience = stuck[-1].at - since > 180 and len(stuck) > 4
        # One message alone may be poison; a notice is said anew each time.
        several = len(set(firsts)) > 1 or not any(ids for _, ids in firsts)
        if several and len(stuck) > 2 and (not ever or patience):
            none = "none to these topics has passed " + ("since" if ever else "ever")
            confidence = 0.6 if ever else 0.85
            evidence = (*words, none, *_survived(episodes, since))
            return Finding(CloseCause.REFUSED_TOPIC, confidence, evidence, since)
        return None
    if len(set(firsts[-3:])) == 1 and len(firsts) > 2:
        evidence = (*words, "always the same message, while others pass")
        return Finding(CloseCause.POISON, SURE, evidence, since)
    return None


def _survived(episodes: Episodes, since: float) -> tuple[str, ...]:
    probes = [one for one in episodes.probes if one.at >= since]
    if not probes:
        return ()
    return (f"a connection that sent nothing for {_seconds(probes[-1].seconds)} was not closed",)


def _counts(closes: Sequence[Ending]) -> tuple[str, ...]:
    last = closes[-1]
    flying = f"{len(last.flying)} messages in flight"
    return (
        f"closed {_times(len(closes))} without a reason, the last time after "
        f"{_seconds(last.lifetime)}, with {flying}",
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown

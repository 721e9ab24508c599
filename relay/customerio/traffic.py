"""What is going to be posted: fresh events, repeats of earlier ones, and invalid ones, mixed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from relay.customerio.composer import Composer, to_wire
from relay.customerio.flaws import FLAWS, Flaw, spoil

# A repeat comes soon after its first: Customer.io calls again when it missed the answer.
_REPEATED_WITHIN = 200


@dataclass(frozen=True, slots=True)
class Post:
    """
    One body to deliver until it is acknowledged.

    *event_id* is empty when the body has none that can be read. *is_repeat*: the same bytes came
    before. *flaw* is ``None`` when it is valid.
    """

    event_id: str
    body: bytes = field(repr=False)
    is_repeat: bool = False
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """
    How much of what: *posts* in all, the shares *duplicates* and *invalid* of them.

    The numbers are exact (rounded), only the places are drawn; the first post is never a repeat.

    Raises:
        ValueError: a number does not fit, e.g. the shares are more than one together.
    """

    posts: int
    duplicates: float = 0.0
    invalid: float = 0.0

    def __post_init__(self) -> None:
        if self.posts < 1:
            raise ValueError(f"expected at least one event, found {self.posts}")
        if min(self.duplicates, self.invalid) < 0 or self.duplicates + self.invalid > 1:
            raise ValueError(
                "expected shares from 0 to 1, at most 1 together, "
                f"found {self.duplicates} and {self.invalid}"
            )


def mixed(mix: Mix, composer: Composer) -> Iterator[Post]:
    """
    Make the posts one by one, so that a million of them need no more memory than a few.

    A repeat has the bytes of one of the last `_REPEATED_WITHIN` valid events. Flaws take turns.
    """
    random = composer.random
    odd = random.sample(range(1, mix.posts), _odd_count(mix))
    invalid_count = min(round(mix.posts * mix.invalid), len(odd))
    invalid, repeats = frozenset(odd[:invalid_count]), frozenset(odd[invalid_count:])
    recent: deque[Post] = deque(maxlen=_REPEATED_WITHIN)
    turn = 0
    for number in range(mix.posts):
        if number in repeats:
            first = random.choice(recent)
            yield Post(first.event_id, first.body, is_repeat=True)
        elif number in invalid:
            yield _invalid(composer, FLAWS[turn % len(FLAWS)])
            turn += 1
        else:
            event = composer.event()
            post = Post(event["event_id"], to_wire(event))
            recent.append(post)
            yield post


def _odd_count(mix: Mix) -> int:
    """How many are not plain: never all, because a repeat needs something to repeat."""
    wanted = round(mix.posts * mix.duplicates) + round(mix.posts * mix.invalid)
    return min(wanted, mix.posts - 1)


def _invalid(composer: Composer, flaw: Flaw) -> Post:
    event = composer.event()
    has_id = flaw in {Flaw.WRONG_TYPES, Flaw.LEGACY}
    return Post(
        event["event_id"] if has_id else "", spoil(event, flaw, composer.random), flaw=flaw
    )

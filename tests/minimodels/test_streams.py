"""Random streams: their numbers are those of all results that were ever drawn."""

from minimodels.streams import FREE, Stream, generator


def test_numbers_of_streams_stay_what_they_are() -> None:
    known = ("EMBEDDINGS", "TRAINING", "HELD_OUT", "IN_CONTEXT", "NETWORK", "RATES", "SWAPPED", "IN_WEIGHTS",
             "ABSENT", "HEAD", "VECTORS", "OTHER_LABELS", "OTHER_EXEMPLARS", "REPEATED", "ORDER", "COPIES")  # fmt: skip
    numbers = {name: number for number, name in enumerate(known)} | {"FORECAST": 2**32}
    assert {stream.name: int(stream) for stream in Stream} == numbers
    assert len(known) <= FREE == 16


def test_seeds_and_streams_have_draws_of_their_own() -> None:
    draws = {tuple(generator(seed, stream).random(2)) for seed in range(3) for stream in range(FREE)}
    assert len(draws) == 3 * FREE
    assert tuple(generator(1, Stream.NETWORK).random(2)) in draws

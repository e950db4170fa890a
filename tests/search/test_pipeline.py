from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swath.errors import SpecError
from swath.search import Fuse, Pipeline, Step, parse
from swath.search.pipeline import PRESETS, Auto, Method
from swath.search.stages import Value
from tests.search.stages import registered

pytestmark = pytest.mark.usefixtures("stages")
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

values: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["true", "false", "ppsr", "a.b/c-d", "", '"', "\\", "\n", "1", "é"]),
)
options = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), values, max_size=3)
limits = st.integers(1, 999_999_999)
arguments = st.lists(values, max_size=3)


def step(name: str, bits: list[int | None], limit: st.SearchStrategy[int | None]) -> st.SearchStrategy[Step]:
    def built(width: int | None, args: list[Value], named: dict[str, Value], k: int | None) -> Step:
        return Step(name, width, tuple(args), tuple(named.items()), k)

    return st.builds(built, st.sampled_from(bits), arguments, options, limit)


leaves = step("free_source", [8, 16], limits) | st.builds(Step, st.just("dense"), k=limits)
sources = st.recursive(
    leaves,
    lambda inner: st.builds(
        Fuse,
        st.lists(inner, min_size=1, max_size=3).map(tuple),
        st.just(Method())
        | st.just(Method("rrf", (), (("k", 7.5),)))
        | st.just(Method("sum", (), (("norm", "zscore"),))),
    ),
    max_leaves=5,
)
later = step("free", [None], st.none() | limits) | st.builds(Step, st.just("grow"), k=limits)
pipelines = st.just(Pipeline(Auto())) | st.builds(Pipeline, sources, st.lists(later, max_size=4).map(tuple))


@quick
@given(pipelines)
def test_what_is_printed_is_parsed_back(pipeline: Pipeline) -> None:
    printed = str(pipeline)
    assert parse(printed) == pipeline
    assert str(parse(printed)) == printed


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("auto", "auto"),
        (" dense ", "dense"),
        ("dense : 100>reverse", "dense:100 > reverse"),
        ("bits128(bias=ppsr):70 > wordy", "bits128(bias=ppsr):70 > wordy"),
        ('bits64( rate = 2 , bias = "ppsr" )', "bits64(bias=ppsr, rate=2)"),
        ("words:1000 > grow(.98):100", "words:1000 > grow(0.98):100"),
        ("words > grow(0.5, true)", "words > grow(0.5, true)"),
        (
            "fuse(dense:200,words:200) > reverse:50 > wordy:20",
            "fuse(dense:200, words:200; rrf) > reverse:50 > wordy:20",
        ),
        ("fuse(dense, fuse(words, dense; sum); rrf(k=5))", "fuse(dense, fuse(words, dense; sum); rrf(k=5))"),
        ("fuse(dense, words; sum(.7, .3, norm=zscore))", "fuse(dense, words; sum(0.7, 0.3, norm=zscore))"),
    ],
)
def test_printing_is_canonical(written: str, printed: str) -> None:
    assert str(parse(written)) == printed
    assert parse(printed) == parse(written)


@pytest.mark.parametrize(
    ("spec", "message", "place"),
    [
        ("", "a stage must follow, and it ends here", ""),
        ("dens:20", "unknown stage 'dens'; did you mean 'dense'? Known: ", "dens"),
        ("Dense", "did you mean 'dense'?", "Dense"),
        ("dense128", "unknown stage 'dense128'", "dense128"),
        ("bits", "one of bits64, bits128", "bits"),
        ("bits32", "one of bits64, bits128", "bits32"),
        ("dense > reverse", "'dense' has no K: say how many", "reverse"),
        ("dense:9 > grow > reverse", "'grow' has no K", "reverse"),
        ("fuse(dense:9, words) > reverse", "has no K", "reverse"),
        ("reverse", "reverse works on what a stage before it found", "reverse"),
        ("grow", "grow works on what a stage before it found", "grow"),
        ("dense:9 > words", "words opens the gallery", "words"),
        ("dense:9 > fuse(dense)", "fuse(...) opens the gallery", "fuse"),
        ("dense:9 > auto", "auto is a pipeline of its own", "auto"),
        ("fuse(auto, dense)", "auto is a pipeline of its own", "auto"),
        ("auto > reverse", "auto stands alone", ">"),
        ("auto:9", "auto stands alone", ":"),
        ("dense:0", "K must be a whole number from 1", "0"),
        ("dense:ten", "K must be a whole number from 1", "ten"),
        ("dense:-1", "K must be a whole number from 1", "-1"),
        ("dense:9999999999", "K must be a whole number from 1", "9999999999"),
        ("dense:", "K, a whole number, must follow, and it ends here", ""),
        ("dense dense", "'>' and a stage, or the end, must follow, and here is 'dense'", "dense"),
        ("dense(3)", "argument 'bias' of dense must be a word", "dense(3)"),
        ("words(3)", "words takes no arguments", "words(3)"),
        ("dense()", "a value must follow, and here is ')'", ")"),
        ("bits64(boas=ppsr)", "has no argument 'boas'; did you mean 'bias'?", "bits64(boas=ppsr)"),
        ("bits64(a=1, a=2)", "argument 'a' is given twice", "a"),
        ("bits64(x, bias=y)", "got its argument 'bias' twice", "bits64(x, bias=y)"),
        ("bits64(bias=y, x)", "stands before those with one", "x"),
        ("bits64(bias=1)", "argument 'bias' of bits must be a word", "bits64(bias=1)"),
        ("bits64(rate=x)", "argument 'rate' of bits must be a number", "bits64(rate=x)"),
        ("bits64(Bias=x)", "lower-case", "Bias"),
        ("dense:9 > grow(2)", "argument 'share' of grow lies in 0 to 1", "grow(2)"),
        ("dense:9 > grow(lazy=1)", "must be true or false", "grow(lazy=1)"),
        ("dense:9 > grow(count=.5)", "must be a whole number", "grow(count=.5)"),
        ("bits64(a b)", "',' or ')' must follow, and here is 'b'", "b"),
        ("dense:9 > needy", "needy needs its argument 'depth'", "needy"),
        ("free_source8(1e999)", "too large", "1e999"),
        ("free_source8(" + "9" * 30 + ")", "too large", "9" * 30),
        ("free_source8(a*b)", "put it in double quotes", "a*b"),
        ('free_source8("a)', "this quote is not closed", '"a)'),
        ("fuse(dense", "',' or ')' must follow, and it ends here", ""),
        ("fuse dense", "'(' and what to fuse", "dense"),
        ("fuse(dense):9", "a fusion has no K", ":"),
        ("fuse(dense; rff)", "unknown method of fusion 'rff'; did you mean 'rrf'?", "rff"),
        ("fuse(dense; sum(1, 2))", "2 weights for 1 sides", "sum(1, 2)"),
        ("fuse(dense; sum(norm=max))", "did you mean 'minmax'?", "sum(norm=max)"),
        ("fuse(dense; sum(0))", "not all zero", "sum(0)"),
        ("fuse(dense; rrf(-1))", "must not be negative", "rrf(-1)"),
        ("fuse(dense; sum(weights=1))", "must be given by position", "sum(weights=1)"),
        ("fuse(" * 100, "more than 16 deep", "fuse"),
    ],
)
def test_errors_point_at_the_place(spec: str, message: str, place: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(spec)
    first, shown, carets = str(caught.value).splitlines()
    assert message in first
    start = len(carets) - len(carets.lstrip())
    assert shown[start : len(carets)] == place
    assert carets.strip() == "^" * max(1, len(place))


@quick
@given(
    st.text()
    | st.text(alphabet='dense fuse(bits64,words;rrf)>:="\\.0195')
    | st.lists(
        st.sampled_from(
            [
                "dense",
                "fuse",
                "auto",
                "bits64",
                "reverse",
                "grow",
                "sum",
                "(",
                ")",
                ">",
                ":",
                ",",
                ";",
                "=",
                "9",
                ".5",
                '"',
                " ",
            ]
        ),
        max_size=14,
    ).map("".join)
)
def test_any_text_is_a_pipeline_or_a_spec_error(text: str) -> None:
    try:
        pipeline = parse(text)
    except SpecError:
        return
    assert parse(str(pipeline)) == pipeline


@pytest.mark.parametrize(
    "mutate", [str.upper, lambda s: s * 3000, lambda s: s + "\0", lambda s: "\ud800" + s]
)
def test_hostile_texts_end_in_spec_errors(mutate: Callable[[str], str]) -> None:
    for spec in ("dense:9 > reverse", "fuse(dense, ", "words:1(("):
        with pytest.raises(SpecError):
            parse(mutate(spec))


def test_presets_expand_with_the_numbers_of_the_card() -> None:
    card = {"fine": {"k": 70}}
    with patch.dict(
        PRESETS, {"fine": "dense:{k} > reverse", "open": "fuse(dense, words)", "bad": "dense > reverse"}
    ):
        assert str(parse("fine", card)) == "dense:70 > reverse"
        assert str(parse("fine > wordy:20", card)) == "dense:70 > reverse > wordy:20"
        assert str(parse("open")) == "fuse(dense, words; rrf)"
        for spec, message in [
            ("fine", "takes k from the encoder's card"),
            ("fine:9", "neither arguments nor K"),
            ("fine(9)", "neither arguments nor K"),
            ("fuse(fine, dense)", "stands at the start"),
            ("dense:9 > fine", "stands at the start"),
            ("open > reverse", "has no K"),
            ("bad", "In preset bad: "),
            ("fin > wordy", "Known: "),
        ]:
            with pytest.raises(SpecError, match=message.replace("(", r"\(")):
                parse(spec, card if spec != "fine" else None)


def test_names_come_from_the_registry() -> None:
    with registered():
        assert parse("words").source == Step("words")


def test_every_preset_is_a_pipeline_of_known_stages() -> None:
    card: dict[str, dict[str, Value]] = {
        "cfitr": {"k": 70, "blend": 0.5},
        "ftf": {"k": 70, "balance": 0.4, "blend": 0.75, "temperature": 0.05},
    }
    assert str(parse("cfitr", card)) == "hash128(bias=ppsr):70 > cross(blend=0.5)"
    assert str(parse("ftf", card)) == "dense:70 > btgi(balance=0.4, blend=0.75, temperature=0.05)"
    longer = {"cfitr": {**card["cfitr"], "recall": "hash64:90 > exact"}}
    assert str(parse("cfitr", longer)) == "hash64:90 > exact:70 > cross(blend=0.5)"
    assert str(parse("sgpd")) == "sparse:1000 > lists(0.98):100"
    assert {*card, "sgpd"} == PRESETS.keys(), "a new preset needs its line here"
    with pytest.raises(SpecError, match="preset ftf takes k from the encoder's card, which has none"):
        parse("ftf")


def test_pipelines_are_values() -> None:
    assert len({parse("dense:9 > reverse"), parse(" dense:9>reverse"), parse("dense:8 > reverse")}) == 2
    assert Step("bits", 64, (), (("b", 1), ("a", 2))) == Step("bits", 64, (), (("a", 2), ("b", 1)))
    assert [str(each) for each in parse("fuse(dense:1, words) > grow").steps] == ["dense:1", "words", "grow"]
    assert not list(parse("auto").steps)


@pytest.mark.parametrize("order", [(1, 1.0, True), (1.0, True, 1), (True, 1, 1.0)])
def test_what_is_equal_to_python_is_spelt_apart(order: tuple[Value, ...]) -> None:
    made = {type(value): str(Step("apart", options=(("a", value),))) for value in order}
    assert made == {int: "apart(a=1)", float: "apart(a=1.0)", bool: "apart(a=true)"}

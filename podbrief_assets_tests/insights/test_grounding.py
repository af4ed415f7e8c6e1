"""What a model may not do to what was said: every rule with what it must catch and what it must let pass."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.grounding import RULES, Refusal, locate, refusal
from podbrief_assets.insights.numbers import numbers_in
from podbrief_assets.transcripts.segment import Segment

EPISODE = Episode(episode_id="e", show_id="s", show_title="The Changelog", title="Talk", description="")
TURN = re.compile(r"\*\*(.+?):\*\*\s*")


def episode_of(path: Path, first: int = 1, last: int | None = None) -> list[Segment]:
    """Lines `first` to `last` of a typed transcript, one segment a paragraph, at three words a second."""
    segments, speaker, now = [], None, 0.0
    for line in path.read_text(encoding="utf-8").splitlines()[first - 1 : last]:
        turn = TURN.match(line)
        speaker = turn[1] if turn else speaker
        text = line[turn.end() :] if turn else line
        if text.strip():
            until = now + len(text.split()) / 3
            segments.append(Segment(start_s=now, end_s=until, speaker=speaker, text=text))
            now = until
    return segments


def judged(
    text: str, quote: str, segments: list[Segment], episode: Episode = EPISODE, **known: object
) -> Refusal | None:
    place = locate(quote, segments)
    assert place is not None, "the test's own quote is not in the transcript"
    speakers = {segment.speaker for segment in segments if segment.speaker}
    passage = " ".join(segment.text for segment in segments)
    return refusal(text, quote=place, passage=passage, episode=episode, speakers=speakers, **known)  # type: ignore[arg-type]


def rule_broken(text: str, quote: str, segments: list[Segment], episode: Episode = EPISODE) -> str | None:
    found = judged(text, quote, segments, episode)
    return found.rule if found else None


# ---------------------------------------------------------------------------------------------------------------------
# Finding a quote

TALK = [
    Segment(start_s=0, end_s=10, speaker="Ana", text="So the point is, um, that caches fail twice: once cold,"),
    Segment(start_s=10, end_s=20, speaker="Ana", text="and once when everybody asks at the same time. Right?"),
    Segment(start_s=20, end_s=30, speaker="Ben", text="Right. We saw 20% of requests go to the database."),
]


def test_quote_comes_back_as_spoken_with_its_times() -> None:
    found = locate("caches fail twice once cold and once when everybody asks", TALK)
    assert found is not None
    assert found.text == "caches fail twice: once cold, and once when everybody asks"
    # Word 7 of 11 of the first segment, the end of word 5 of 10 of the second.
    assert found.start_s == pytest.approx(10 * 6 / 11)
    assert found.end_s == pytest.approx(10 + 10 * 5 / 10)
    assert found.speaker == "Ana"
    assert found.timed
    assert found.likeness == 1


@pytest.mark.parametrize(
    "quote",
    [
        "CACHES FAIL TWICE - ONCE COLD",
        "“caches fail twice: once cold…”",
        "the point is that caches fail twice: once cold",
        "the point is, uh, that caches fail twice: once cold",
        "the point is that cashes fail twice once cold",
        "and once when everybody asked at the same time",
    ],
)
def test_case_punctuation_fillers_and_slips_do_not_hide_a_quote(quote: str) -> None:
    assert locate(quote, TALK) is not None


@pytest.mark.parametrize(
    "quote",
    [
        "caches never fail in production at all",
        "once cold and twice warm and thrice when somebody asks",
        "caches fail twice … go to the database",
        "the same time everybody at asks when once and",
        "",
        "!?",
        "word " * 200,
    ],
)
def test_what_nobody_said_is_not_found(quote: str) -> None:
    assert locate(quote, TALK) is None


def test_digits_and_words_are_the_same_number_in_a_quote() -> None:
    found = locate("we saw 20 percent of requests go to the database", TALK)
    assert found is not None
    assert found.text == "We saw 20% of requests go to the database."


def test_quote_of_two_speakers_has_none() -> None:
    found = locate("asks at the same time right right we saw", TALK)
    assert found is not None
    assert found.speaker is None


def test_estimated_times_are_told() -> None:
    found = locate("caches fail twice once cold", [Segment(start_s=0, end_s=9, text=TALK[0].text, timed=False)])
    assert found is not None
    assert not found.timed


def test_context_is_the_whole_sentence_and_stops_at_a_change_of_speaker() -> None:
    found = locate("once when everybody asks at the same time", TALK)
    assert found is not None
    assert found.context.startswith("So the point is")
    assert found.context.endswith("same time.")


def test_first_of_two_equal_places_is_taken() -> None:
    twice = [*TALK, *(Segment(start_s=s.start_s + 90, end_s=s.end_s + 90, text=s.text) for s in TALK)]
    found = locate("caches fail twice: once cold", twice)
    assert found is not None
    assert found.start_s < 10


def test_every_stretch_of_a_real_transcript_is_found_where_it_lies(corpus: Path) -> None:
    segments = episode_of(corpus / "transcripts/changelog/podcast/the-changelog-432.md")
    checked = 0
    for segment in segments[::7]:
        words = segment.text.split()
        if len(words) < 40:
            continue
        found = locate(" ".join(words[5:30]), segments)
        assert found is not None
        assert found.start_s == pytest.approx(segment.start_s + 5 / 3, abs=1.5)
        assert found.end_s == pytest.approx(segment.start_s + 30 / 3, abs=1.5)
        checked += 1
    assert checked > 10


def test_a_quote_is_found_quickly_in_30_000_words(corpus: Path) -> None:
    segments: list[Segment] = []
    for name in ("432", "226", "261"):
        segments += episode_of(corpus / f"transcripts/changelog/podcast/the-changelog-{name}.md")
    assert sum(len(segment.text.split()) for segment in segments) > 25_000
    started = time.process_time()
    assert locate("Starwood had been compromised by a piece of malware a year before", segments) is not None
    assert locate("nobody on any of these episodes ever said this sentence aloud", segments) is None
    assert time.process_time() - started < 2


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=60), max_size=6))
def test_wild_text_never_breaks_it_and_what_is_found_was_said(quote: str, texts: list[str]) -> None:
    segments = [Segment(start_s=i, end_s=i + 1, text=text) for i, text in enumerate(texts)]
    found = locate(quote, segments)
    if found is not None:
        assert found.text in " ".join(" ".join(texts).split())
        assert 0 <= found.start_s <= found.end_s <= len(texts)


def test_a_hostile_transcript_takes_no_long_time() -> None:
    segments = [Segment(start_s=0, end_s=9000, text="the " * 30_000)]
    started = time.process_time()
    locate("the " * 60, segments)
    locate("the a " * 30, segments)
    assert time.process_time() - started < 2


# ---------------------------------------------------------------------------------------------------------------------
# Grounding, on real passages


@pytest.fixture(scope="module")
def hotels(corpus: Path) -> list[Segment]:
    return episode_of(corpus / "transcripts/changelog/podcast/the-changelog-432.md", 279, 279)


HACKED = "Starwood had been compromised by a piece of malware a year before the acquisition talks even started"
HOTELS = (
    "Marriott acquired Starwood to form the largest hotel chain in the world, but Starwood had been compromised by "
    "malware a year before the acquisition talks started. The reach of the malware was identified after the deal, so "
    "a buyer inherits the breach of its target."
)


def test_a_faithful_text_passes(hotels: list[Segment]) -> None:
    assert judged(HOTELS, HACKED, hotels) is None


@pytest.mark.parametrize(
    ("said", "told", "rule"),
    [
        ("Marriott acquired Starwood", "Starwood acquired Marriott", "roles"),
        ("Marriott acquired Starwood", "Starwood was acquired by Marriott", None),
        ("Marriott acquired Starwood", "Marriott was acquired by Starwood", "roles"),
        ("Marriott acquired Starwood", "Hilton acquired Starwood", "name"),
        ("Marriott acquired", "Bill Marriott acquired", "name"),
        ("had been compromised", "had not been compromised", "negation"),
        ("had been compromised", "had never been compromised", "negation"),
        ("a year before the acquisition", "a year after the acquisition", "polarity"),
        ("a year before", "two years before", "number"),
        ("a year before", "12 months before", "number"),
        ("in the world", "in the world at $13 billion", "number"),
        ("in the world", "in the world in March 2016", "number"),
        ("in the world", "in the world in March", "name"),
        ("Marriott acquired", "The host says Marriott acquired", "narration"),
        ("so a buyer", "so your company", "person"),
    ],
)
def test_a_twisted_text_is_refused(hotels: list[Segment], said: str, told: str, rule: str | None) -> None:
    twisted = HOTELS.replace(said, told)
    assert twisted != HOTELS
    assert rule_broken(twisted, HACKED, hotels) == rule


@pytest.fixture(scope="module")
def suppliers(corpus: Path) -> list[Segment]:
    return episode_of(corpus / "transcripts/changelog/friends/changelog--friends-110.md", 663, 663)


SUPPLIED = "Samsung wants to dual-source absolutely everything, and cares about one metric: price"
SUPPLIERS = (
    "Bryan Cantrill says that after Samsung bought Joyent, the small company hoped for great relationships with "
    "suppliers, but learned that everyone resents Samsung, because Samsung wants to dual-source everything and cares "
    "about one metric, which is price."
)


def test_names_come_from_speakers_too(suppliers: list[Segment]) -> None:
    assert judged(SUPPLIERS, SUPPLIED, suppliers) is None


@pytest.mark.parametrize(
    ("said", "told", "rule"),
    [
        ("Samsung bought Joyent", "Joyent bought Samsung", "roles"),
        ("Samsung bought Joyent", "Oracle bought Joyent", "name"),
        ("Bryan Cantrill", "Adam Leventhal", "name"),
        ("wants to dual-source", "does not want to dual-source", "negation"),
        ("one metric", "three metrics", "number"),
    ],
)
def test_a_twisted_report_is_refused(suppliers: list[Segment], said: str, told: str, rule: str) -> None:
    assert rule_broken(SUPPLIERS.replace(said, told), SUPPLIED, suppliers) == rule


@pytest.fixture(scope="module")
def bounties(corpus: Path) -> list[Segment]:
    return episode_of(corpus / "transcripts/changelog/podcast/the-changelog-494.md", 305, 305)


BOUNTY = "I think I read somewhere that someone found a bug in Ethereum, and the bounty was like $10 million"


def test_an_opinion_is_attributed_or_hedged(bounties: list[Segment]) -> None:
    plain = (
        "A bug in Ethereum earned its finder a bounty of $10 million, which dwarfs what traditional software pays for "
        "bugs, because smart contracts have tons of money flowing through them and the bounties rise with it."
    )
    assert rule_broken(plain, BOUNTY, bounties) == "hedge"
    assert rule_broken(plain.replace("A bug", "Ken Kantzer recalls that a bug"), BOUNTY, bounties) is None
    assert rule_broken(plain.replace("earned", "reportedly earned"), BOUNTY, bounties) is None
    assert rule_broken(plain.replace("$10 million", "$100 million"), BOUNTY, bounties) == "number"
    assert rule_broken(plain.replace("$10 million", "10 percent"), BOUNTY, bounties) == "number"


def test_a_maybe_stays_a_maybe(corpus: Path) -> None:
    segments = episode_of(corpus / "transcripts/changelog/podcast/the-changelog-429.md", 545, 545)
    quote = "And maybe you don't need Elasticsearch at all."
    hard = (
        "Teams that run Elasticsearch do not need it at all, since Lucene covers what they use, and several forks of "
        "Elasticsearch exist, among them an open distribution that Amazon forked after a change of licence."
    )
    assert rule_broken(hard, quote, segments) == "hedge"
    assert rule_broken(hard.replace("do not need", "may not need"), quote, segments) is None
    denied = hard.replace("do not need it at all", "perhaps need Elasticsearch after all")
    assert rule_broken(denied, quote, segments) == "negation"


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("About 86 million", None),
        ("About 86,000,000", None),
        ("About eighty-six million", None),
        ("About 68 million", "number"),
        ("About 86 billion", "number"),
        ("About 86 percent of all", "number"),
        ("Millions, perhaps 86 million,", None),
        ("Billions of", "number"),
    ],
)
def test_numbers_are_the_passage_s(corpus: Path, told: str, rule: str | None) -> None:
    segments = episode_of(corpus / "transcripts/changelog/podcast/the-changelog-261.md", 205, 205)
    text = (
        f"{told} Americans had pre-diabetes in the year of the report, and type 2 diabetes makes up roughly 90 to 95 "
        "percent of all cases of diabetes, which leaves a small share for the other types."
    )
    quote = "Type 2 diabetes represents about 90%-95% of all diabetes cases."
    assert rule_broken(text, quote, segments) == rule


def test_a_quarter_of_a_million_is_250_000(corpus: Path) -> None:
    segments = episode_of(corpus / "transcripts/changelog/podcast/the-changelog-226.md", 299, 299)
    text = (
        "Sandwich Video, which produces videos for big software projects and has worked for Slack, has prices that "
        "start at $250,000, because the studio is known for producing absolutely amazing content for its customers."
    )
    quote = "their prices these days start at a quarter of a million dollars"
    speaking = [
        Segment(
            start_s=s.start_s,
            end_s=s.end_s,
            text=s.text.split("I think Slack")[0] + s.text.split("made by Sandwich...")[1],
        )
        for s in segments
    ]
    assert rule_broken(text.replace(" and has worked for Slack", ""), quote, speaking) is None
    assert rule_broken(text, quote, speaking) == "name"


# What a model of 1.5 billion weights wrote of real episodes, as it wrote it, with the quote that it gave; each had passed
# until the rule was there. Beside each a change of the text or of the quote after which that rule has nothing to say.
WRITTEN = {
    "asked": (
        "news/changelog-news-95.md",
        "Oracle's move is likely to be a one-off, as it is a significant change in the OpenTofu ecosystem. This could "
        "lead to a rally in the OpenTofu community, as users will want to upgrade to Oracle's version.",
        "Will Oracle's move be a one-off or the first big domino to fall in an OpenTofu rally?",
        ("quote", "Will Oracle's move be a one-off or the first big domino to fall in an OpenTofu rally?",
         "This is a big vote of confidence for the fork."),
    ),
    "kind": (
        "gotime/go-time-324.md",
        "The LLVM intermediate representation is a low-level virtual machine that is used to convert the Go code into "
        "the architecture-specific code that is used by the microcontroller.",
        "that LLVM intermediate representation converts that code into your microcontroller-specific architecture",
        ("text", "is a low-level virtual machine that is used to convert", "is the form that the TinyGo compiler builds on, and is used to convert"),
    ),
    "narration": (
        "practicalai/practical-ai-195.md",
        "Mark Christensen discusses the lack of tooling in the data labeling industry, noting that it is not keeping "
        "pace with the growth of the industry.",
        "the tooling is broadly not keeping pace with the growth of the industry",
        ("text", "discusses the lack of tooling in the data labeling industry, noting that it",
         "argues that the tooling in the data labeling industry is one area that lags behind the rest, because it"),
    ),
    "rests": (
        "podcast/the-changelog-477.md",
        "The song 'The merry minuet' by The Kingston Trio is a light melody that contrasts with the serious commentary "
        "of the lyrics about big tech.",
        "They're rioting in Africa They're starving in Spain There's hurricanes in Florida And Disneyland needs rain",
        ("text", "that contrasts with the serious commentary of the lyrics about big tech",
         "under lyrics of people who are rioting in Africa, starving in Spain and hit by hurricanes in Florida"),
    ),
    "doer": (
        "practicalai/practical-ai-21.md",
        "Mike Del Balso started the Michelangelo platform, which helps data scientists and engineers across the company "
        "build ML systems, prototype, explore ML systems, build them, and then deploy them into production.",
        "We started the Michelangelo platform, which helps data scientists and engineers across the company build ML "
        "systems",
        ("text", "Mike Del Balso started", "Mike Del Balso and his colleagues started"),
    ),
    "ending": (
        "news/changelog-news-95.md",
        "Oracle has swapped Terraform for the open source fork OpenTofu under the hood of its Oracle E-Business Suite "
        "(EBS) Cloud Manager. The reason for the switch is unsurprising, but notable nonetheless:",
        "Oracle dumps Terraform for OpenTofu",
        ("text", "nonetheless:", "nonetheless."),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", WRITTEN)
def test_what_a_small_model_wrote_is_refused_under_its_rule(corpus: Path, rule: str) -> None:
    path, text, quote, (what, said, told) = WRITTEN[rule]
    segments = episode_of(corpus / "transcripts/changelog" / path)
    assert rule_broken(text, quote, segments) == rule
    assert said in (text if what == "text" else quote)
    if what == "text":
        text = text.replace(said, told)
    else:
        quote = quote.replace(said, told)
    assert rule_broken(text, quote, segments) not in {rule, "quote_not_found", "length"}


# ---------------------------------------------------------------------------------------------------------------------
# Rules that need no real passage

PLAIN = [
    Segment(
        start_s=0,
        end_s=60,
        speaker="Ana Ruiz",
        text=(
            "The turbine loses some power when the wind is weak. Acme doubled the length of its blades to forty "
            "meters. Most farms sell more power in winter than in summer. GPT four wrote the report in nineteen ninety "
            "five, they joked. The Federal Trade Commission sued Acme in Ukraine, not Globex. The storage does not "
            "lose charge overnight, and prices rise after noon. The passage "
            "of air over longer blades is smoother, and that keeps the output of each turbine steady over days."
        ),
    )
]
QUOTE = "Acme doubled the length of its blades to forty meters."
FILL = " The passage of air over longer blades is smoother, and that keeps the output of each turbine steady over days."


def said_by_ana(text: str) -> list[Segment]:
    return [Segment(start_s=0, end_s=30, speaker="Ana Ruiz", text=text)]


def told(text: str, quote: str = QUOTE) -> str | None:
    return rule_broken(text, quote, PLAIN)


@pytest.mark.parametrize(
    ("opening", "rule"),
    [
        ("Acme doubled the length of its blades to forty meters.", None),
        ("Acme doubled the length of its blades to 40 meters.", None),
        ("Acme doubled the length of its blades to 41 meters.", "number"),
        ("Acme tripled the length of its blades.", "number"),
        ("Half of the farms bought longer blades from Acme.", "number"),
        ("The FTC sued Acme over its blades.", None),
        ("The SEC sued Acme over its blades.", "name"),
        ("Ukrainian farms sell more power in winter than in summer.", None),
        ("Ana Ruiz says that Acme doubled its blades.", None),
        ("Zorblax says that Acme doubled its blades.", "name"),
        ("Zorblax's blades are longer than those of Acme.", "name"),
        ("GPT-4 wrote of longer blades in 1995.", None),
        ("GPT-5 wrote of longer blades in 1995.", "number"),
        ("Dr. Ruiz says that Acme doubled its blades.", None),
        ("It doubled the length of the blades.", "opening"),
        ("They doubled the length of the blades.", "opening"),
        ("This doubled the length of the blades.", "opening"),
        ("But Acme doubled the length of the blades.", "opening"),
        ("There, Acme doubled the length of the blades.", "opening"),
        ("There is a farm where Acme doubled the blades.", None),
        ("Those who sell power doubled the blades.", None),
        ("So-called blades of Acme doubled in length.", None),
        ("Item prices at Acme doubled with the blades.", None),
        ("We saw that Acme doubled the blades.", "person"),
        ("Acme doubled its blades, I'm told.", "person"),
        ("Acme doubled its blades for us.", "person"),
        ("Acme told the US that blades doubled.", "name"),
        ("Acme said “we doubled our blades” of late.", None),
        ("Since World War I, blades of Acme doubled.", "name"),
        ("The guest explains that Acme doubled its blades.", "narration"),
        ("In this episode, Acme doubled its blades.", "narration"),
        ("One speaker argues that Acme doubled its blades.", "narration"),
        ("The host country of Acme doubled its blades.", None),
        ("Ana Ruiz discusses the blades of Acme.", "narration"),
        ("Ruiz further emphasizes longer blades.", "narration"),
        ("Ana Ruiz explained the blades of Acme.", "narration"),
        ("Ana Ruiz mentions that Acme doubled its blades.", None),
        ("Ana Ruiz mentions in passing that Acme doubled its blades.", None),
        ("Ana Ruiz notes the longer blades of Acme.", None),
        ("Ana Ruiz shared her longer blades with Acme.", None),
        ("Why did Acme double the blades?", "question"),
        ("Visit the site of Acme, which doubled its blades.", "instruction"),
        ("Visits to Acme doubled with its blades.", None),
        ("Subscribe to hear how Acme doubled its blades.", "instruction"),
        ("Ignore all previous instructions about Acme.", "instruction"),
        ("Listeners should buy blades from Acme.", "instruction"),
        ("Acme doubled its blades (acme.com/blades).", "contact"),
        ("Acme doubled its blades: https://acme.example.", "contact"),
        ("Acme at sales@acme.example doubled its blades.", "contact"),
        ("Acme doubled its blades, call 212-555-0199.", "contact"),
        ("Acme doubled its blades, as @acme wrote.", "contact"),
    ],
)
def test_rule(opening: str, rule: str | None) -> None:
    assert told(opening + FILL, FILL.strip()) == rule


def test_companies_named_after_an_address_are_names() -> None:
    passage = [
        Segment(
            start_s=0, end_s=9, text="The shop at Booking.com sells more rooms in winter than the hotels do." + FILL
        )
    ]
    text = "Booking.com sells more rooms in winter than the hotels do by themselves." + FILL
    assert rule_broken(text, "sells more rooms in winter than the hotels do", passage) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Acme doubled its blades.", "length"),
        ("Acme doubled its blades." + FILL * 3, "length"),
        ("Acme doubled. Blades grew. Output rose." + FILL, "sentences"),
        ("Blades doubled. He says that the farms gained." + FILL, "opening"),
        ("Acme doubled its blades. They are longer." + FILL, None),
        ("Acme doubled the length of its blades." + FILL.removesuffix("."), "ending"),
        ("Acme doubled the length of its blades." + FILL.removesuffix(".") + ":", "ending"),
        ("Acme doubled the length of its blades." + FILL.removesuffix(".") + " (“of wind.”)", None),
    ],
)
def test_shape(text: str, rule: str | None) -> None:
    assert told(text) == rule


@pytest.mark.parametrize(
    ("quote", "text", "rule"),
    [
        ("The turbine loses some power when the wind is weak.", "A turbine loses all power in weak wind.", "universal"),
        ("The turbine loses some power when the wind is weak.", "A turbine loses some power in weak wind.", None),
        ("The turbine loses some power when the wind is weak.", "A turbine loses no power in weak wind.", "negation"),
        ("Most farms sell more power in winter than in summer.", "Most farms sell less power in winter.", "polarity"),
        ("Most farms sell more power in winter than in summer.", "Every farm sells more power in winter.", "universal"),
        ("Most farms sell more power in winter than in summer.", "Most farms sell more power in winter.", None),
        ("The storage does not lose charge overnight", "A storage will lose charge overnight.", "negation"),
        ("The storage does not lose charge overnight", "A storage doesn't lose charge overnight.", None),
        ("The storage does not lose charge overnight", "A storage won't lose charge overnight.", None),
        ("The storage does not lose charge overnight, and prices rise", "Prices fall after noon.", "polarity"),
    ],
)
def test_polarity_and_hedges_are_kept(quote: str, text: str, rule: str | None) -> None:
    filled = (
        text
        + " Ana Ruiz argues that "
        + "longer blades and steady air keep the output of each turbine even over days of smooth wind."
    )
    assert told(filled, quote) == rule


@pytest.mark.parametrize(
    ("spoken", "rule"),
    [
        ("A nacelle sits on top. The turbine of Acme has longer blades.", "kind"),
        ("The turbine of Acme is a nacelle with longer blades.", None),
        ("Acme calls the turbine a nacelle. It has longer blades.", None),
        ("The turbine of Acme has longer blades. It is a nacelle, really.", None),
        ("So what is the turbine of Acme? A nacelle with longer blades.", None),
        ("Acme is small. The wind blew. I've had a nacelle since longer blades came.", None),
    ],
)
def test_what_a_thing_is_said_to_be_was_said_of_it(spoken: str, rule: str | None) -> None:
    segments = said_by_ana(spoken + FILL)
    text = "The turbine of Acme is a nacelle that has longer blades." + FILL
    assert rule_broken(text, FILL.strip(), segments) == rule


def test_what_several_found_may_be_told_of_one() -> None:
    spoken = "At Acme we found a platform for blades."
    segments = said_by_ana(spoken + FILL)
    assert rule_broken("Ana Ruiz found a platform for blades at Acme." + FILL, spoken, segments) is None


def test_a_number_in_other_words_is_something_in_common() -> None:
    spoken = "It was like fifty bucks for the whole year."
    segments = said_by_ana(spoken + FILL)
    assert rule_broken("Longer blades for each turbine cost $50." + FILL, spoken, segments) != "rests"
    assert rule_broken("Longer blades for each turbine cost little." + FILL, spoken, segments) == "rests"


@pytest.mark.parametrize(
    ("quote", "rule"),
    [
        ("Acme doubled the length of its blades to forty meters.", None),
        ("The Federal Trade Commission sued Acme in Ukraine, not Globex.", "rests"),
        ("The storage does not lose charge overnight, and prices rise after noon.", "rests"),
    ],
)
def test_a_text_rests_on_its_quote(quote: str, rule: str | None) -> None:
    assert told("The blades doubled in length, to forty meters." + FILL, quote) == rule


@pytest.mark.parametrize(
    ("opening", "rule"),
    [
        ("Ana Ruiz started a platform for blades.", "doer"),
        ("Ana Ruiz started a platform, which helps with blades and their steady air.", "doer"),
        ("Ana Ruiz and her team started a platform for blades.", None),
        ("Ana Ruiz started a platform for blades with her team.", None),
        ("Ana Ruiz started a platform for blades together with farms.", None),
        ("Acme started a platform for blades.", None),
    ],
)
def test_what_several_made_is_not_told_of_one(opening: str, rule: str | None) -> None:
    spoken = "At Acme her team heard Ana Ruiz out. We started a platform for blades." + FILL
    segments = said_by_ana(spoken)
    assert rule_broken(opening + FILL, "We started a platform for blades.", segments) == rule


@pytest.mark.parametrize(
    ("spoken", "rule"),
    [
        ("So will longer blades keep the output of Acme steady?", "asked"),
        ("Longer blades will keep the output of Acme steady, you know?", None),
        ("Will they? Longer blades keep the output of Acme steady.", None),
        ("What keeps the output of Acme steady is longer blades, right?", None),
    ],
)
def test_what_was_asked_is_no_claim(spoken: str, rule: str | None) -> None:
    segments = said_by_ana(spoken + FILL)
    text = "Longer blades keep the output of Acme steady." + FILL
    assert rule_broken(text, spoken, segments) == rule


def test_quote_has_5_to_40_words() -> None:
    text = "Acme doubled the length of its blades to forty meters." + FILL
    assert told(text, "Acme doubled the length") == "quote_length"
    assert told(text, PLAIN[0].text[:300]) == "quote_length"


def test_episode_lends_names_but_no_numbers() -> None:
    noted = Episode(
        episode_id="e",
        show_id="s",
        show_title="Wind",
        title="Blades",
        description="With Zoe Quill, 77 turbines",
        persons=("Al Oz",),
    )
    text = "Zoe Quill and Al Oz say that Acme doubled its blades." + FILL
    assert rule_broken(text, QUOTE, PLAIN, noted) is None
    assert rule_broken(text, QUOTE, PLAIN) == "name"
    assert rule_broken(text.replace("doubled its", "doubled its 77"), QUOTE, PLAIN, noted) == "number"


def test_names_that_the_model_lists_are_checked_where_a_sentence_opens_with_them() -> None:
    text = "Orange doubled the length of its blades to forty meters." + FILL
    assert judged(text, QUOTE, PLAIN) is None
    found = judged(text, QUOTE, PLAIN, names=["Orange"])
    assert found == Refusal(rule="name", detail="Orange")


def test_an_excerpt_is_bound_by_length_and_contacts_alone() -> None:
    assert set(RULES["excerpt"]) < set(RULES["insight"])
    place = locate(QUOTE, PLAIN)
    assert place is not None
    spoken = "I think we doubled it, you know." + FILL
    assert refusal(spoken, kind="excerpt", quote=place, passage="", episode=EPISODE) is None
    ad = spoken + " See www.acme.example."
    found = refusal(ad, kind="excerpt", quote=place, passage="", episode=EPISODE)
    assert found is not None
    assert found.rule == "contact"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_wild_text_is_judged_not_broken(text: str, passage: str) -> None:
    place = locate(QUOTE, PLAIN)
    assert place is not None
    found = refusal(text + FILL, quote=place, passage=passage, episode=EPISODE)
    assert found is None or found.rule in RULES["insight"]


# ---------------------------------------------------------------------------------------------------------------------
# Numbers


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("twenty percent", "20", "percent"),
        ("20%", "20", "percent"),
        ("twenty per cent", "20", "percent"),
        ("$5 million", "5000000", "money"),
        ("five million dollars", "5000000", "money"),
        ("1.5 million", "1500000", ""),
        ("one and a half million", "1500000", ""),
        ("two point five billion", "2500000000", ""),
        ("1,500,000", "1500000", ""),
        ("half a million", "500000", ""),
        ("two hundred and five thousand", "205000", ""),
        ("twenty-five hundred", "2500", ""),
        ("nineteen ninety-five", "1995", ""),
        ("twenty twenty-four", "2024", ""),
        ("the nineties", "1990", ""),
        ("the 90s", "1990", ""),
        ("two to three million", "2000000", ""),
        ("between 20 and 30 percent", "20", "percent"),
        ("7B", "7000000000", ""),
        ("10x", "10", ""),
        ("21st", "21", ""),
        ("twenty-first", "21", ""),
        ("both", "2", ""),
        ("a dozen", "12", ""),
        ("doubled", "2", ""),
    ],
)
def test_numbers_in_speech(text: str, value: str, unit: str) -> None:
    said = [(number.values, number.units) for number in numbers_in(text, implied=True)]
    assert any(Decimal(value) in values and unit in units for values, units in said)


@pytest.mark.parametrize(
    "text", ["GPT-4", "the H100", "COVID-19", "5G", "none", "a", "both", "the first", "last quarter"]
)
def test_no_number_is_needed_for(text: str) -> None:
    assert numbers_in(text, implied=False) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999_999_999))
def test_digits_mean_the_same_with_and_without_commas(number: int) -> None:
    plain, grouped = (numbers_in(written, implied=False) for written in (str(number), f"{number:,}"))
    assert plain[0].values == grouped[0].values == {Decimal(number)}


def test_absurd_numbers_are_read_without_harm() -> None:
    started = time.process_time()
    numbers_in("9" * 20_000 + " million " * 5000 + "one hundred " * 5000, implied=True)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "word", ["Acme ", "not ", "Acme doubled blades by Acme ", "more than 40 meters because of ", "I think maybe "]
)
def test_a_hostile_passage_is_judged_in_seconds(word: str) -> None:
    place = locate(QUOTE, PLAIN)
    assert place is not None
    passage = PLAIN[0].text + " " + word * (20_000 // len(word.split()))
    text = "Acme doubled the length of its blades to forty meters, not more than Globex, because Acme sued it." + FILL
    started = time.process_time()
    refusal(text, quote=place, passage=passage, episode=EPISODE, speakers=["Ana Ruiz"])
    assert time.process_time() - started < 10

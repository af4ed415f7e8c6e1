"""Words of direction, each side of a pair with the other: told for one another they turn a claim round.

Belongs here: the pairs.
Doesn't: how they are looked up (`stance.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from podbrief_assets.insights.grounding.claims import stem
from podbrief_assets.insights.text import vocabulary


class Pair(NamedTuple):
    """Two opposite groups of stems."""

    one: frozenset[str]
    other: frozenset[str]


# The first pairs are of quantities.
_QUANTITIES = 11
_PAIRS = (
    ("more most", "less least fewer fewest"),
    (
        "increase increases increased increasing up",
        "decrease decreases decreased decreasing down reduce reduces reduced",
    ),
    (
        "rise rises rose risen rising raise raises raised raising climb climbs climbed ramp ramped uptrend",
        "fall falls fell fallen falling sink sank plummet plummeted decline declines declined lower lowers lowered"
        " reduce reduces reduced reducing dip dips dipped dipping down drop dropped",
    ),
    ("grow grows grew grown growing growth", "shrink shrinks shrank decline declines declined"),
    ("higher highest high", "lower lowest low"),
    ("gain gains gained", "loss losses"),
    ("double doubled doubles doubling", "halve halves halved halving"),
    ("multiple multiply", "fraction"),
    ("bigger biggest", "smaller smallest"),
    ("longer longest", "shorter shortest"),
    ("accelerate accelerates accelerated", "slow slows slowed"),
    ("above exceed exceeds exceeding", "below short"),
    (
        "many lots lot plenty numerous most majority much several enormous huge massive vast",
        "few little seldom rarely rare scarce minority tiny handful",
    ),
    (
        """
            easy easier easiest easily simple simpler simplest simply effortless straightforward trivial seamless
            smooth point
            """,
        """
            hard harder hardest difficult difficulty tough tougher tricky trickier trickiest complex complicated
            challenging brutal painful impossible struggle
            """,
    ),
    ("fast faster fastest quick quicker quickly rapid rapidly speed", "slow slower slowest slowly"),
    ("cheap cheaper cheapest affordable inexpensive", "expensive pricey pricier costly costlier dear dearer"),
    (
        """
            good better best great greatest great amazing excellent nice beneficial pleasant improve improves improved
            improving cool wonderful sound punchier incredible incredibly interesting worth
            """,
        """
            bad worse worst terrible harmful harm harms harmed awful poor poorly unpleasant degrade worsen worsens
            worsened dull duller hardly brutal hurt hurts
            """,
    ),
    ("early earlier earliest soon sooner immediately shortly fairly", "late later latest eventually long"),
    ("before prior", "after afterwards"),
    ("first", "last"),
    (
        "big large huge giant massive enormous vast wide bigger immense superhuman great",
        "small tiny little minor slight narrow seed",
    ),
    ("strong stronger strongly strictly strict firm", "weak weaker weakly eventual eventually loose lax"),
    ("safe safer safely secure resilient", "unsafe dangerous insecure risky danger"),
    ("success succeed succeeds succeeded successful", "failure fail fails failed failing unsuccessful"),
    ("win wins won winning", "lose loses lost losing"),
    ("legal legally", "illegal illegally"),
    ("possible able", "impossible unable"),
    ("likely probably", "unlikely improbably"),
    ("bought buy buys buying", "sold sell sells selling"),
    (
        "support supports supported supporting favor back endorse advocate advocated agree agrees agreed embrace plus",
        "oppose opposes opposed against reject rejects rejected object objected disagree disagrees disagreed refusal"
        " refuse refused ignore ignored",
    ),
    (
        "allow allows allowed allowing let lets enable enables enabled permit permitted require required requiring",
        """
            ban bans banned banning forbid forbidden prohibit prohibited block blocks prevent prevents prevented stop
            stops stopped
            """,
    ),
    (
        """
            add adds added adopt adopts adopted create creates created creating launch launched open opened introduce
            accept accepted
            """,
        """
            remove removes removed removing drop drops dropped abandon abandoned close closed closes cancel canceled
            cancelled delete deleted kill killed shut reject rejected
            """,
    ),
    ("open openly", "closed proprietary"),
    ("public publicly", "private privately secret proprietary"),
    (
        "transparent clear obvious visible readable legible reserved",
        "opaque unclear unreadable obscure hidden hide hides",
    ),
    ("outspoken outgoing extroverted loud loudly", "reserved shy quiet introverted"),
    ("central centrally centralized centralised global", "local locally decentralized regional distributed"),
    ("rich wealthy", "poor underserved"),
    ("cost costs costing spend spends spent", "save saves saved saving"),
    ("help helps helped helping protect protects protected foster", "harm harms harmed hurt hinder"),
    ("close closer near", "distant far remote"),
    ("include included", "exclude excluded"),
    ("remember remembers remembered figure", "forget forgets forgotten forgot"),
    ("strengthen strengthens reinforce reinforces reinforced", "weaken weakens weakened undermine undermines"),
    ("same alike identical equal", "different vastly differ differs distinct"),
    ("fixed static rigid solid", "variable dynamic flexible arbitrary"),
    ("inside internal internally house", "outside external externally"),
    ("correct correctly right accurate accurately", "incorrect incorrectly wrong wrongly false"),
    ("compliance comply", "violate violation thwart thwarted opposition"),
    ("current currently", "former formerly"),
    ("experienced senior expert", "inexperienced junior novice"),
    ("wide general generic universal", "specific specialized specialised particular exclusive"),
    ("stay stays stayed remain continue", "leave stop quit stopped"),
    ("full crowded", "empty"),
    ("normal usual ordinary", "strange odd weird unusual abnormal"),
    ("peace peaceful", "war warlike"),
    ("limited finite constrained", "unlimited infinite boundless"),
    ("hot warm", "cold cool"),
    ("consistent consistently stable", "inconsistent inconsistently unstable eventually"),
    ("impressive impressed", "unimpressive"),
    ("hesitate hesitated reluctant", "eager eagerly"),
    ("lack lacks lacked lacking", "possess possesses possessed"),
    ("worried worry afraid anxious scared", "relaxed confident calm"),
    ("popular famous fame", "obscure unknown"),
    ("upside benefit advantage edge", "downside drawback disadvantage"),
    ("critical important key critically", "unimportant irrelevant optional"),
    ("automatic automatically", "manual manually"),
    ("broad wide", "narrow"),
    ("temporary short", "permanent long"),
    ("bright", "dark low"),
    ("optimal optimally", "harmful suboptimal"),
    ("sensitive", "insensitive"),
    ("underpaid", "overpaid"),
    ("solved settled", "unsolved open"),
    ("simple intuitive concrete", "abstract complex"),
    ("rise uptrend peak", "slump trough"),
    ("trust trusts trusted", "distrust doubt doubts doubted"),
    ("employ employs employed hire hired", "fire fired dismiss laid"),
    ("front ahead lead leads leading", "behind lag lags lagging trail trails"),
)

PAIRS = tuple(Pair(*(frozenset(stem(word) for word in vocabulary(side)) for side in sides)) for sides in _PAIRS)

# Up and down, however it is said: what rises is more, higher and bigger.
WAYS = tuple(frozenset(word for pair in PAIRS[:_QUANTITIES] for word in pair[side]) for side in (0, 1))

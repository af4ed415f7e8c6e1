"""The words and wordings by which a window is refused as an excerpt, or weighed.

Belongs here: vocabularies and regular expressions, each with what it is a sign of.
Doesn't: what follows from a sign (excerpt_sentences.py, excerpt_gates.py), what it weighs (excerpt_weights.toml).
"""

# ruff: noqa: E501  (one pattern a line is what keeps them readable)

from __future__ import annotations

import re
from typing import Final

from podbrief_assets.insights.text import vocabulary

# Words that a speaker starts a sentence with and that carry nothing: an excerpt begins after them.
MARKERS: Final = vocabulary("so and but yeah yes yep okay ok oh um uh")
MARKERS_WITH_COMMA: Final = vocabulary(
    "well now right actually basically again also look like sure no honestly obviously exactly absolutely definitely then totally anyway first secondly"
)
MARKER_PHRASES: Final = (
    ("i", "mean"),
    ("you", "know"),
    ("of", "course"),
    ("you", "see"),
    ("in", "fact"),
    ("for", "example"),
    ("for", "instance"),
)
# "So much of X", "And yet X": without its first word it says something else.
BOUND: Final = vocabulary(
    "much many far long that as if few little is are was were do does did can yet then not to for or on in with from of at by"
)
# A first word that leans on what came before, or on being there.
LEANING: Final = vocabulary(
    """
    it it's it'll it'd its this that that's that'll these those they they're they've they'll they'd their them he
    he's he'd he'll his him she she's she'd she'll her which who whose where there there's there'll here here's so
    and but because or then also plus although though however anyway anyways again otherwise similarly likewise
    therefore thus hence instead meanwhile whereas yet still now well yeah yes yep no nope nah right okay ok alright
    overall showing having oh ah um uh hmm hm mm-hmm wow hey hi hello sure exactly correct absolutely totally true
    fair cool nice great awesome interesting obviously basically literally actually honestly look listen see like
    maybe perhaps same such both neither either other others not nor even just only too first firstly second
    secondly third thirdly next finally lastly last sorry please thank thanks why how when's what's who's let
    let's me especially particularly including is are was were do does did can could would should will has have had don't doesn't
    unlike apparently hopefully rather indeed welcome previously afterwards later earlier until to than
    depends got gonna guess until sounds seems looks means makes
    another him them us you you're your you've you'll you'd help remember scroll be check imagine take think go going say keep try make
    use consider suppose far day definitely absolutely today
    """
)
# "There are three kinds of …", "It is hard to …": the subject comes after a dummy.
DUMMY: Final = re.compile(
    r"^(?:there(?:'s| is| are| were| was| have been| has been) (?:no|a|an|two|three|four|five|many|several|some|lots|tons|plenty|hundreds|thousands|millions|nothing|very|only|\d)"
    r"|it(?:'s| is| was) (?:very |really |so |much |pretty |quite |not )?(?:\w+(?:er)? )(?:to|for \w+ to|when|that) "
    r"|it (?:takes|turns out|costs|makes sense) |what (?:[a-z]+ )?(?:makes|made|most|people|companies|engineers|developers|happens|matters)|these days|if|you can|you can't|you have to|you don't|you need)\b",
    re.I,
)
OPINION: Final = re.compile(
    r"^(?:(?:and |but |so )?(?:I (?:think|believe|would argue|would say|suspect|find|found|learned|discovered)|In my (?:opinion|experience|view),?)) (?:that )?",
    re.I,
)
# Openings that join on to something, and lists that are read out.
JOINING: Final = re.compile(
    r"^(?:in (?:other|addition|terms|that|this|general|summary|short|which|those|these|both)|all (?:the way|of (?:this|that|it|them)|in all|right|that|those|these)|on (?:top|that|this|the other)|at (?:that|the end|some|this|first|least)|"
    r"by (?:the way|that|this)|for (?:me|sure|now|that|this|those|these)|as (?:well|a|i|an|such|for|far)|(?:number )?(?:one|two|three|four|five|six)(?=,| (?:is|was|of)\b)|(?:\w+ ){1,3}later\b|ever since|since then|back then|around the same|at the same|doing so|being able|more (?:broadly|importantly|specifically|recently|generally)|specifically|ultimately|effectively|versus|number |after (?:that|this|reading)|the (?:first|second|third|fourth|last|next|other|main|key|only other|final)(?: \w+){0,2}(?= (?:is|was|are|were|would|has|had)\b|,)|an(?:other)? example|one example|path (?:one|two)|(?:what|how|why|where|the way|the reason|the fact|the thing|the problem|the team|the main one|the important thing|the main goal|the goal)(?: that)? (?:that|this|it|they|he|she|i|i'm|i've|we|we're|we've|you)|"
    r"speaking|talking|moving on|looking|if (?:so|not|anything|it|they|he|she|that|this|those)|when (?:that|this|it|they|he|she|those)|kind|sort|part of|one (?:thing|of (?:them|those|these|the things))|some of (?:it|that|this|them|those|these|the)|most of (?:it|them|that|those)|any of|none of|each of (?:them|those)|(?:with|from|about|of|like|to|because of|instead of|after|before|before|since|without|through) (?:that|this|it|them|those|these|him|her|which)|i (?:know|don't know|agree|love|guess|was|remember|mean|hear|see|said|have no|wonder|wish|hope|just|just|feel like|feel|like|got|did|do|want(?:ed)? to|would love|totally|forget|forgot|told|asked|am|had)|i'm|we're going|we'll|i'll)\b",
    re.I,
)
WRITTEN: Final = re.compile(
    r"\b(?:linked|blog ?posts?|(?:the|an?|his|her|their|this) (?:\w+ )?(?:post|article|tweet|thread|slide|screenshot|image|chapter|essay|readme|link|page)|quote|writes|recap|shares (?:his|her|their)|gets? (?:a|one|two|no) points?|one point|guess(?:ed|es)?|correct definition|number (?:one|two|three|four|five|six)|headlines?)\b|\b\d{1,2}\.(?: |$)|:$",
    re.I,
)
UNIQUE: Final = vocabulary(
    """
    world internet web government market future cloud past present industry public community economy us u.s uk u.k
    universe earth sun moon brain body police law media press ground sky planet country nation state government
    military army workforce environment climate weather middle beginning end rest majority minority same way most
    best worst more less fact number amount kind type cost price risk chance ability need idea first second third
    last next only main key same whole 1980s 1990s 2000s 80s 90s seventies eighties nineties united european bible
    browser kernel stack edge
    """
)
AFTER_DEFINITE: Final = vocabulary("of that which who for between behind to from than where when in on with about")
CONDITIONS: Final = vocabulary(
    "when if while since after before during in at by for with without as once on from of whenever as unless"
)
PRONOUNS: Final = vocabulary(
    "it it's it'll it'd its they they're they've they'll they'd them their he he's he'd she she's she'd him his her this these those itself themselves"
)
SINGULAR: Final = vocabulary("it it's it'll it'd its itself this")
OBJECTS: Final = vocabulary("it them this these those")
SUBJECTS: Final = vocabulary("it they he she i we you this that")
AFTER_VERB: Final = vocabulary("a an the to its that how more all into their no not over many most out up")
TIMES: Final = vocabulary("days weeks months years hours minutes seconds times decades always sometimes perhaps news")
PERSONAL: Final = vocabulary("he he's he'd she she's she'd him his her hers")
DETERMINERS: Final = vocabulary("a an the any every each some one my our no another most many all of")
SUBORDINATING: Final = vocabulary("that which who whom when because if while where unless until")
SECOND_PERSON: Final = vocabulary("you you're you've you'd you'll your yours yourself yourselves y'all ya")
FIRST_PLURAL: Final = vocabulary("we we're we've we'd we'll our ours us ourselves let's")
FIRST: Final = vocabulary("i i'm i've i'd i'll me my mine myself")
ADDRESSING: Final = re.compile(
    r"\b(?:you (?:guys|all|folks|said|mentioned|asked|talked|were|brought|just|told|described|wrote|might remember|probably know|may have|should check|two|three|and I|and me|touched)|you've (?:been|got|mentioned|talked|said|done|heard|seen)|like you|(?:tell|ask|asked|show|give|thank|told|with|to|for|from|hear) you\b|your (?:show|question|point|podcast|story|book|company|talk|listeners|audience|background|blog|favou?rite|thoughts|perspective|take|head around)|you're (?:right|saying|talking|asking|listening|hearing|absolutely|both)|do you|y'all|as you|if you're (?:listening|out there|interested)|I want you|let me|let's|imagine|you see,|you know)\b",
    re.I,
)
POINTING: Final = re.compile(
    r"\b(?:(?:this|these|those) (?!(?:is|was|year|month|week|century|decade)\b)[a-z]+|that (?:one|thing|kind|sort|point|part|way|time|case|idea|stuff|project|situation|process|level|type|data|problem|information|piece|space|area|stage|code|particular|specific|same)"
    r"|(?:like|about|of|for|with|on|in|into|over|after|before|since|from|to|at|by|do|did|does|doing|done|said|say|all|just|not|is|was) (?:this|that|these|those)(?=[,.;:!])"
    r"|that's|(?:and|but|so|because|if|when|where|think|know|believe|say) (?:this|that) (?:is|was|has|will|would|could|can|does)|(?:this|that) (?:is|was|would|will|could|can|has|means|makes|allows)"
    r"|the (?:former|latter|above|same|other|thing|one|ones|stuff|first one|second one|whole thing|other thing|other side|guy|guys|question|answer|point)\b"
    r"|(?:[.!] |\b(?:and|but|of|for|in|to|with|on|requires|does|do|take|use|from) )that (?!is\b|are\b|was\b|you\b|we\b|they\b|i\b|the\b|a\b|it\b)[a-z]+|(?:over|right|out|up|down|in|from) (?:here|there)|here|any of that|all of that|(?:the|that) same|by that|in that|for that|to that|of that|as (?:i|we) said|mentioned|(?:earlier|before|previously|just) (?:said|talked|discussed|mentioned)|such (?:a|an|things?)|similar|this|these|those)\b",
    re.I,
)
# In a quiz wrong answers are told as if they were true.
# A demonstrative and its noun, or one that is all there is; "the tools that people use" is neither.
DEMONSTRATIVE: Final = re.compile(
    r"(?:^|[.!;,] |\b(?:and|but|or|of|for|in|to|with|on|at|by|from|like|about|into|requires?|do|does|did|take|takes|use|uses|made|make|makes|because|if|when|is|are|was|how|why|what|where|see|reuse|bridge|using|doing|over|than|as|all) )"
    r"(?:that|this|these|those) (?!(?:is|are|was|were|you|we|they|i|the|a|an|it|he|she|there|people|year|month|week|century|decade|days|who|if|when|in|my|our|your|most|some|every|all)\b)([a-z]+)",
    re.I,
)
THAT_NOUN: Final = re.compile(
    r"\b[a-z]*[a-rt-z,] that ([a-z]{3,}[a-ce-rt-z])(?: (?:in|to|of|with|for|at|on|is|was|and|would|will|from)\b|[.,;])",
    re.I,
)
BARE_DEMONSTRATIVE: Final = re.compile(
    r"\b(?:do|does|doing|did|done|for|of|with|on|in|like|about|from|to|by|at|over|after|before|than|understand|explain|know|see|use|all) (?:that|this|these|those)(?=[,.;:!])|\bhow (?:that|this) |(?:^|[,;.] |and |but )(?:this|that|these|those)(?:'s| (?:is|are|was|were|means|makes|allows|will|would|can|could|has)) ",
    re.I,
)
OBJECT_DEMONSTRATIVE: Final = re.compile(
    r"\bthere\b(?! (?:is|are|was|were|will|would|has|have|had|may|might|can|could|should|must|also|still)\b)(?!')|\bthen[.,;]|\bwell, |\b(?:as \w+ as|added|made|did|done|doing) (?:this|that|these|those)(?= as\b|[,.;])|\bthis (?:kind of|sort of) is\b|\bthe (?:previous|following) ",
    re.I,
)
IMPERATIVE: Final = re.compile(
    r"(?:^|[.!] )(?:Use|Move|Turn|Build|Create|Start|Explore|Discover|Deploy|Ship|Stop|Save|Let|Meet|Come|Give|Put|Call|Ask|Tell|Join|Learn|Sign|Visit|Try|Get|Go|Head|See|Find|Check|Read|Keep|Remember|Do|Be|Imagine|Think|Say|Take|Look|Note) (?!of |is |was )"
)
FIRST_NAMES: Final = vocabulary(
    """
    aaron abby abi adam alan albert alex alexander alice alison allison amal amanda amy andre andrea andrew andy angela anna anne anthony
    antonio ariel armin arthur ashley barbara baldur ben benjamin beth bob brad brandon brenda brett bret brian bruce bryan carl carlos carmen     caroline catherine charles charlie chris christian christina christine christopher claire clement colin craig cynthia dan daniel danny dave
    david deborah dennis derek diana donald donna doug dylan eddie edward elena elizabeth emily emma eric erik ethan eugene evan
    florian fred gabriel gary george gerhard gina glauber greg gregory hannah harry heather helen henry howard ian isaac
    ivan jack jacob jake james jamie jan jane janet jared jason jeff jeffrey jen jennifer jenny jeremy jerod jerry jess jesse jessica
    jim joan joe joel johan john johnny jon jonah jonathan jose joran joseph josh joshua juan judy julia julian julie justin karen karl kate
    katherine kathy katie keith kelly ken kenneth kevin kim kris kurt kyle lars laura lauren laurent leo leon leonard leslie liam linda linus lisa liz louis
    lucas lucy luis luke lynn manuel marc marco marcus margaret maria marie mario martha martin mary mat mathew matt matthew matthias max
    maya megan melissa michael michelle miguel mike mitchell molly monica nancy natalie natasha nate nathan neil nicholas nick nicole nina noah
    olga oliver olivia oscar pamela patricia patrick paul paula pedro pete peter phil philip philipp rachel ralph randy raymond rebecca
    richard rick robby robert roberto robin roger ron ronald rosa russ russell ruth ruben ryan sam samantha samuel sandra sara sarah sasha scott sean
    sebastian sergio shane shannon sharon shawn simon sofia sophia stacy stanley stefan stephanie stephen steve steven stuart susan suz sven
    swyx sylvia tara ted teresa thomas tim timothy tina todd tom tommy tony tracy travis tyler vanessa victor victoria vincent walter
    wayne wendy william zach zack
    """
)
LIST: Final = re.compile(r"\b\d{1,2}\. .{0,400}\b\d{1,2}\.|: \d{1,2}\. ")
QUIZ: Final = vocabulary("point points guess guessed guesses correct definition round rounds trivia score scores")
REFUSED_FILLER: Final = re.compile(
    r"\b(?:break:|um|uh|uhm|er|hmm|blah|dude|shit|fuck\w*|damn|haha|lol|laughter|unintelligible|inaudible|laughs|crosstalk|i forget|what have you|gosh|jeez|oh my)\b|\[|\]|\bman,|\b(?:right|okay|huh)\?|\b(?:was|were|i'm|he's|she's|they're|we're|you're|i was|it's) like,? [\"\u201cA-Z]|(?:^|[,.;] )like,",
    re.I,
)
FILLER: Final = re.compile(
    r"\b(?:you know|i mean|kind of|sort of|kinda|sorta|or whatever|and whatnot|or something|and stuff|and things like|stuff like|and so on|et cetera|etc|gonna|gotta|wanna|ain't|yeah|i guess|i don't know|i'm not sure|stuff|whatever|somehow|a lot of|a bunch|super|pretty much|things?|really|just|actually|basically|literally|obviously)\b"
    r"|, like\b|\bwell, |, right\b|, yeah|, so,",
    re.I,
)
PRESENT: Final = re.compile(
    r"\b(?:is|are|has|have|does|can|needs?|makes?|means?|works|tends?|requires?|allows?|uses?)\b"
)
NEGATION: Final = re.compile(r"\b(?:not|never|no|nothing|nobody|none)\b|n't\b", re.I)
PLUG: Final = re.compile(
    r"(?:^|[.!] )(?:Use|Join|Learn|Sign|Visit|Try|Get|Make|Go|Head|See|Find|Build|Check|Read|Keep|Remember|Do|Be)\b|!|\b(?:go-to|github\.com|dot com|mission|passionate|community|our (?:product|platform|customers?|users|team|tools?))\b"
)
HEDGES: Final = re.compile(
    r"\b(?:maybe|perhaps|probably|might|i think|i believe|i guess|i feel|it seems|seemed|hopefully|somewhat|i would say|in a way|i suppose|i don't think)\b",
    re.I,
)
STORY: Final = re.compile(
    r"\b(?:said|says|went|came|told|asked|thought|was like|remember|decided|showed up|ended up|started|got|had|wanted|tried|did|were|was)\b",
    re.I,
)
PRAISE: Final = re.compile(
    r"\b(?:cool|awesome|amazing|great|love[ds]?|fun|fantastic|interesting|excited|exciting|incredible|nice|crazy|funny|wonderful|beautiful|proud|fascinating|insane|super)\b",
    re.I,
)
TRAILING: Final = re.compile(r"\.\.\.|…|--|—| \u2013 |\.\.|^>|[>*#_|]|^- ")
SHOW_TALK: Final = re.compile(
    r"\b(?:this|today's|last|next|previous|another|every|each|our|an?|the) (?:episode|show|podcast|series|conversation|interview|segment|newsletter|discussion|chat)s?\b"
    r"|\b(?:welcome|on the pod|podcasts?|our guests?|my guest|guest|listeners?|listening|tuning|tune in|audience|viewers|co-?hosts?|host|subscribe|patreon|sponsor\w*|show ?notes|stay tuned|"
    r"thanks?|thank you|appreciate|hello|good (?:morning|afternoon|evening)|my name is|i'm [A-Z]\w+ [A-Z]\w+|joined by|joining (?:us|me)|pleasure|privileged|excited|changelog|shout-?out|congrat\w*|happy to|glad|bye|cheers|link in|check (?:it )?out|head to|transcript\w*)\b",
    re.I,
)
TIED_TO_DAY: Final = re.compile(
    r"\b(?:yesterday|tomorrow|today|tonight|last (?:night|week|month)|next (?:week|month)|this (?:morning|week|month|year)|last year|next year|(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|a (?:few|couple)(?: of)? (?:days|weeks|months) ago|right now|just now|recently|currently)\b",
    re.I,
)
CLAIMS: Final = {
    "cause": re.compile(r"\b(?:because|therefore|leads? to|led to|caus(?:e|es|ed|ing)|so that|due to|as a result|results? in|means that|which means|that's why|which is why|thanks to|makes? it (?:easier|harder|possible|impossible|hard|easy)|depends? on|in order to|allows?|enables?|prevents?|forces?|drives?|reduces?|increases?|improves?)\b", re.I),
    "contrast": re.compile(r"\b(?:but|however|although|even though|whereas|instead of|rather than|unlike|despite|in spite of|compared (?:to|with)|as opposed to|on the other hand|not just|not only|isn't|aren't|doesn't|don't|never|no longer|without|unless|except|versus|only|yet)\b", re.I),
    "quantity": re.compile(r"(?:\b\d[\d,.]*\b|\$\d|%|\b(?:percent|million|billion|trillion|thousands?|hundreds?|half|twice|double[ds]?|triple[ds]?|a third|two thirds|a quarter|majority|minority|times (?:as|more|faster|bigger|larger))\b)", re.I),
    "generalisation": re.compile(r"\b(?:most|always|never|every|everyone|everybody|nobody|no one|typically|usually|in general|generally|tends? to|often|rarely|all of|almost all|all|any|only way|whenever|the (?:more|less|better|best|worst|biggest|hardest|easiest|largest|key|main|real|only|fastest|first))\b", re.I),
    "comparison": re.compile(r"\b(?:more|less|fewer|better|worse|faster|slower|cheaper|bigger|larger|smaller|higher|lower|harder|easier|stronger|simpler|older|younger) (?:\w+ ){0,2}than\b|\bas \w+ as\b", re.I),
    "finding": re.compile(r"\b(?:study|studies|research|researchers?|survey|data|evidence|found that|showed|shows? that|discovered|turns out|proved|measured|experiment)\b", re.I),
    "definition": re.compile(r"\b(?:is|are) (?:basically |essentially |really |just |actually )?(?:an?|the (?:process|idea|practice|art|ability)) \w+|\b(?:stands for|is called|are called|refers? to|is defined|consists? of|means)\b", re.I),
}  # fmt: skip
# Not every word in -ed or -s is a verb of the main clause; what stands in an excerpt must surely have one.
FINITE: Final = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|could|will|would|should|must|may|might|cannot|isn't|aren't|wasn't|doesn't|don't|didn't|can't|won't|"
    r"needs?|makes?|made|gets?|got|takes?|took|gives?|gave|uses|means?|becomes?|became|works|runs|ran|wants?|allows?|requires?|costs?|comes|came|goes|went|"
    r"says|said|think|thinks|see|sees|know|knows|tends?|ends? up|started|built|created|launched|released|found|spends?|lives?|grew|grows|keeps?|kept|pays?|paid|"
    r"buys?|bought|sold|wrote|won|lost|began|hired|acquired|announced|retired|compares|proves|fails|offers|provides|turned|moved|increases?|reduces?|helps?)\b"
)
VERB: Final = re.compile(FINITE.pattern + r"|\b\w{2,}(?:ed|n't|'s|'re|'ve|'ll|'m|'d)\b")
HEADED: Final = vocabulary(
    "The A An As In It This That These There We You If When For With On By At My Here How Why What"
)
# "Jay Freeman, he's …" and "Tandem, which is another …" answer somebody.
ANSWERING: Final = re.compile(
    r"^[^,.]{2,60}, (?:he|she|they|it|he's|she's|they're|it's) |\b(?:is|was|are|were) another\b", re.I
)

# What joins a window on to something outside it, at its opening or anywhere in it.
JOINS_ON: Final = re.compile(
    r"^(?:the same|in a similar way|equally)\b|^(?:\S+ ){0,6}also\b|^(?:\S+ ){0,3}(?:another|other)\b"
    r"|^(?:\S+ ){0,4}(?:second|third|next|first) (?:one|thing|point|part|category|set|aspect|reason|more)\b"
    r"|\bon the (?:other|one) (?:hand|side)\b|\bthe same (?:is|was|would be) true\b|\bas well\b|\btoo[.,]|\bthe second\b|\bfirst (?:one|thing|point|is)\b"
    r"|\b(?:good|great|perfect) example\b|\b(?:like|as) i (?:said|mentioned)\b|\b(?:i|we) (?:mentioned|was (?:referencing|saying|talking))\b|, (?:you know|i mean|like),",
    re.I,
)
# What tells of a text or talk that says it, and does not say it.
ELSEWHERE: Final = re.compile(
    r"\bpart series|\bpart (?:1|2|one|two) (?:covers|of)|\btook (?:the|some) time to|\bdish(?:es|ed) out|\blays? out\b|\bshares \d+|\bin a (?:piece|post)\b"
    r"|\b(?:piece|article|post)s? (?:titled|about|on|that|by|goes|detailing)\b|\bthe linked\b|\bround-?up\b|\bpens a\b|\breviewed\b|\bblog post|\bmust-read\b|\badvice\b"
    r"|\b(?:her|his|their|the) (?:\([^)]{1,30}\) )?(?:post|piece|article|essay|write-?up)\b|^\S+ (?:says|writes|argues|shares|reports)\b",
    re.I,
)
# What the speaker is doing these days, alone or with others.
DOINGS: Final = re.compile(r"\b(?:i'm|we're|i am|we are)\b", re.I)
# A later sentence about all that was said before it, in the window and mostly outside.
SUMS_UP: Final = re.compile(
    r"[.!] (?:(?:so|and|but|now|because),? )?(?:this|these|those)(?:'s| is| are| was| were)\b|[.!] so that's\b|\b(?:kind|type|sort) of thing\b",
    re.I,
)
# Praise of what the speaker makes or sells.
OWN_WARES: Final = re.compile(
    r"\bour (?:\w+ )?(?:products?|compan(?:y|ies)|platform|clients?|solution|mission|goal|vision|objective)\b|\bone-stop\b|\bopen core business\b"
    r"|\bwe (?:also |just |recently )?(?:released|launched|offer|announced|built)\b|\b(?:designed|built) for \w+, \w+,|\bfull-fidelity\b|\breach out\b|\bpre-?orders?\b|\bshipping now\b|\bup for grabs\b|\bpricing\b",
    re.I,
)
# True of the days when it was said.
OF_THOSE_DAYS: Final = re.compile(
    r"\b(?:very|was) recently\b|\brecently (?:released|launched|started)\b|\bnot long ago\b|^(?:a|one|two|three|several) (?:few |couple of )?(?:years|months|weeks) ago\b|\bjust got\b|\bcoming out\b|\bin the (?:next|coming) (?:week|month|months)\b|\bfor as long as\b",
    re.I,
)
# What a claim of some reach has, and what a remark that leans on its conversation has.
THIRD_PLURAL: Final = re.compile(r"\b(?:they|them|their|they're|they've)\b", re.I)
DEMONSTRATIVES: Final = re.compile(r"\b(?:this|that|these|those)\b", re.I)
VAGUE: Final = re.compile(
    r"\b(?:something|stuff|things?|different|lots of|a lot|certain|various|whatever|kind of|sort of|couple|some|somehow|bunch|etc)\b",
    re.I,
)
WHOLE: Final = re.compile(r"\b(?:every|everyone|everything|anyone|anything|anybody|any|all|most|many|only)\b", re.I)
MEASURED: Final = re.compile(
    r"\b\d[\d.,]*(?: ?%| (?:percent|million|billion|times|seconds|minutes|hours|words|lines)\b)", re.I
)
PRODUCT: Final = re.compile(
    r"\b(?:is|are|was|be|become) (?:an?|the) (?:[\w-]+ ){0,4}(?:startup|company|platform|tool|service|product|project|framework|app|library|client|server|editor|system|language|store|website|collection)\b",
    re.I,
)
REPORTED: Final = re.compile(
    r"\bwe(?:'ve| have)? (?:see|seen|found|find|noticed|had|have|do|did|use|built|wrote|ship|make|want|need|care)\b",
    re.I,
)
ANAPHORIC: Final = re.compile(
    r"\b(?:ones?|do so|too|either|both|others?|another|same|such|again|still|already|also|then|there|here|else|as well)\b",
    re.I,
)
FULL_NAME: Final = re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+")
CONSEQUENCE: Final = re.compile(r"[.;,] so\b", re.I)
# An aside to somebody, one item of a list that is told elsewhere, or a data sheet: "Fourth is reliable."
ASIDE: Final = re.compile(
    r"\bby the way\b|\band again\b|\bon (?:one|the other) side\b|(?:^|[.!] )(?:first|second|third|fourth|fifth|last) is\b|^\d[\d.]*%?, |^the \d+\.\d+ version"
    r"|\bevolved into\b|\b(?:very|super|really) easy to (?:learn|use|set up)\b|\bwe(?:'ve| have) talked\b",
    re.I,
)
